"""From the rows of a store to maps at the size of the photograph."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cuewalk.artifacts.store import Store, read_store
from cuewalk.cues import cue_map
from cuewalk.evaluate.background import Background
from cuewalk.resize import resize
from cuewalk.stages.rows import present, records_by_id
from cuewalk.stages.runner import Job, progress


def photograph_cues(cues: Store, id: str, root: float) -> tuple[np.ndarray, list[int]]:
    """Cue maps (K, H, W) of one photograph and the class index of each."""
    row = cues.row(id)
    classes = present(row["class_id"])
    sizes = cues.attributes["sizes"]
    grids = [row[f"grid_{size}"][: len(classes)] for size in sizes]
    height, width = (int(n) for n in row["size"])
    return cue_map(grids, sizes, (height, width), root=root), classes


def data_set_ids(label: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """A label grid's own numbering, 1..K, to ids of the data set; 0 and 255 stay.

    Args:
        label: uint8 (g, g).
        classes: class index of each number from 1 on.
    """
    ids = np.arange(256, dtype=np.uint8)
    ids[1 : len(classes) + 1] = [c + 1 for c in classes]
    found: np.ndarray = ids[label]
    return found


class Competing(NamedTuple):
    """Planes of a photograph that compete for its pixels.

    Attributes:
        id: of the photograph.
        planes: (K, H, W), of its classes.
        background: (H, W).
        classes: index of each plane's class.
    """

    id: str
    planes: np.ndarray
    background: np.ndarray
    classes: list[int]


class WalkedPlanes:
    """Reads a walk store: class planes and backgrounds of one photograph at one (beta, steps)."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.settings = [(beta, int(steps)) for beta, steps in store.attributes["settings"]]
        self.alphas: list[float] = list(store.attributes["alphas"])

    def size(self, id: str) -> tuple[int, int]:
        """(H, W) of the photograph."""
        height, width = self.store.row(id)["size"]
        return int(height), int(width)

    def planes(self, id: str, setting: tuple[float, int]) -> tuple[np.ndarray, list[int]]:
        """Walked class planes (K, H, W) at the photograph's size, and the class index of each."""
        row = self.store.row(id)
        classes = present(row["class_id"])
        cells = row["planes"][: len(classes)][:, self.settings.index(setting)]
        return resize(cells, self.size(id)), classes

    def background(
        self, id: str, setting: tuple[float, int], background: Background, planes: np.ndarray
    ) -> np.ndarray:
        """The background plane (H, W) that competes with `planes`, walked along if inside."""
        if background.place == "after":
            return background.plane(planes)
        row = self.store.row(id)["background"]
        alpha = self.alphas.index(background.alpha or 0.0)
        return resize(row[alpha, self.settings.index(setting)], self.size(id))

    def competing(self, id: str, cfg: Mapping[str, Any]) -> Competing:
        """The planes that a photograph's mask is made of, by config sections masks and walk."""
        setting = (cfg["walk"]["beta"], cfg["walk"]["steps"])
        planes, classes = self.planes(id, setting)
        background = Background.parse(cfg["masks"]["background"])
        return Competing(id, planes, self.background(id, setting, background, planes), classes)


def competing(job: Job, text: str) -> Iterator[Competing]:
    """Walked planes of the photographs that masks are written for; input walk, cfg: masks, walk.

    Args:
        job: that writes masks, or tells more of them.
        text: what is being done, for the progress bar.
    """
    walked = WalkedPlanes(read_store(job.input("walk") / "walk.zarr.zip"))
    records = records_by_id(job)
    wanted = set(job.cfg["masks"]["splits"])
    ids = [id for id in walked.store.ids if wanted & set(records[id].splits)]
    for id in progress(ids, len(ids), text, weight=lambda _: 1):
        yield walked.competing(id, job.cfg)
