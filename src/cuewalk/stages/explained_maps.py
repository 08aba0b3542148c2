"""The maps of all explainers of some photographs, side by side, for the report."""

from collections.abc import Collection, Sequence

import numpy as np

from cuewalk.artifacts.store import read_store
from cuewalk.evaluate.explanation import evaluated_map
from cuewalk.report.panels import Explained
from cuewalk.stages.rows import present
from cuewalk.stages.runner import Job

FILE = "explanations.zarr.zip"


class ExplainedMaps:
    """Input `explanations` of a job, which may be empty.

    Attributes:
        ids: the photographs that were explained.
    """

    def __init__(self, job: Job, classes: Sequence[str]) -> None:
        self.classes = classes
        methods = job.cfg["explain"]["methods"]
        paths = job.inputs["explanations"]
        self.paths = {m: [p / FILE for p in paths if p.parent.name == m] for m in methods}
        found = (read_store(path, []).ids for some in self.paths.values() for path in some)
        self.ids = frozenset(id for ids in found for id in ids)
        self.rows: dict[str, dict[str, dict[str, np.ndarray]]] = {}

    def keep(self, ids: Collection[str]) -> None:
        """Read the maps of some photographs; one shard of one method at a time is in memory."""
        for method, paths in self.paths.items():
            for path in paths:
                store = read_store(path)
                for id in set(ids) & set(store.ids):
                    self.rows.setdefault(id, {})[method] = store.row(id)

    def of(self, id: str, size: tuple[int, int]) -> list[Explained]:
        """Every explained class of a kept photograph, the predicted one first; none without maps.

        Args:
            id: of the photograph.
            size: (H, W) to bring the maps to.
        """
        rows = self.rows.get(id, {})
        labels = present(next(iter(rows.values()))["class_id"]) if rows else []
        found = []
        for label in dict.fromkeys(labels):
            maps = {m: evaluated_map(r["map"][labels.index(label)], size) for m, r in rows.items()}
            found.append(Explained(self.classes[label], _role(label, labels), maps))
        return found


def _role(label: int, labels: Sequence[int]) -> str:
    """Slot 0 is the predicted class, the others are those of the image label."""
    if label != labels[0]:
        return "in the label"
    return "predicted and in the label" if label in labels[1:] else "predicted"
