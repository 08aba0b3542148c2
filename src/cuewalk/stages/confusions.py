"""What the confusion stages share: score every background of a source on every photograph."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.artifacts.store import Store, write_store
from cuewalk.evaluate.background import Background
from cuewalk.evaluate.confusion import confusion
from cuewalk.stages.rows import TruthReader, records_by_id
from cuewalk.stages.runner import Job, progress


@dataclass(frozen=True)
class Setting:
    """One way to turn a source's planes into a mask; beta and steps only for the walk."""

    background: Background
    beta: float | None = None
    steps: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """For the store's attributes."""
        b = self.background
        return {
            "name": b.name,
            "place": b.place,
            "alpha": b.alpha,
            "constant": b.constant,
            "beta": self.beta,
            "steps": self.steps,
        }


def score(
    job: Job,
    source: str,
    ids: Sequence[str],
    settings: Sequence[Setting],
    masks: Callable[[str], list[np.ndarray]],
) -> int:
    """Write output `confusion`: per photograph and setting, rows truth, columns prediction.

    Args:
        ids: photographs that could be scored; those with a mask in `select` or `evaluate` are.
        masks: photograph -> a label mask (H, W) per setting, in order.
    """
    truth = TruthReader(job)
    records = records_by_id(job)
    scored = [id for id in ids if id in truth and {"select", "evaluate"} & set(records[id].splits)]
    labels = len(truth.wanted) + 1
    matrices = np.zeros((len(scored), len(settings), labels, labels), np.int32)
    for row, id in enumerate(
        progress(scored, len(scored), f"confusion of {source}", weight=lambda _: 1)
    ):
        target = truth[id]
        for column, mask in enumerate(masks(id)):
            matrices[row, column] = confusion(target, mask, labels)
    attributes = {"settings": [s.as_dict() for s in settings], "source": source}
    with atomic_folder(job.outputs["confusion"]) as folder:
        store = Store(tuple(scored), {"confusion": matrices}, attributes)
        write_store(folder / "confusion.zarr.zip", store)
    return len(scored)


def unique(backgrounds: Sequence[Background]) -> list[Background]:
    """Without repetitions, in order."""
    return list(dict.fromkeys(backgrounds))


def swept(alphas: Sequence[float], constants: Sequence[float]) -> list[Background]:
    """The backgrounds of config section `sweep`, exponents and constants, all after the walk."""
    return unique(
        [
            *(Background("after", alpha=a) for a in alphas),
            *(Background("after", constant=c) for c in constants),
        ]
    )
