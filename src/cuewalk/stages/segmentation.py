"""Stage `segmentation`: a method's maps as soft masks of the object, against truth (table 3)."""

import numpy as np
from PIL import Image

from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.artifacts.store import Store, read_store, write_store
from cuewalk.evaluate.confusion import VOID
from cuewalk.evaluate.explanation import evaluated_map
from cuewalk.evaluate.segmentation import segmentation_counts
from cuewalk.stages.rows import TruthReader, class_indices, present, records_by_id
from cuewalk.stages.runner import Job, main, progress


def run(job: Job) -> int:
    """Write output `segmentation`; no settings.

    Arrays, a row per photograph that has a mask and a slot per explained class, as in
    `explanations`: `scored` bool, whether the class is in the photograph; `correct`, `labelled`,
    `intersection` (2) and `union` (2) pixels; `average_precision`.
    """
    truth = TruthReader(job)
    maps = _judged(read_store(job.input("explanations") / "explanations.zarr.zip"), truth)
    records = records_by_id(job)
    size = int(maps.attributes["size"])
    shape = maps.arrays["class_id"].shape
    arrays = {
        "class_id": maps.arrays["class_id"],
        "constant": maps.arrays["constant"],
        "scored": np.zeros(shape, bool),
        "correct": np.zeros(shape, np.int64),
        "labelled": np.zeros(shape, np.int64),
        "intersection": np.zeros((*shape, 2), np.int64),
        "union": np.zeros((*shape, 2), np.int64),
        "average_precision": np.zeros(shape, np.float64),
    }
    for row, id in enumerate(progress(maps.ids, len(maps.ids), "segmentation", weight=lambda _: 1)):
        own = class_indices(records[id], truth.wanted)
        mask = _squashed(truth[id], size)
        for slot, label in enumerate(present(arrays["class_id"][row])):
            if own and label not in own:
                continue
            object_ = _object(mask, label if own else None)
            counts = segmentation_counts(
                evaluated_map(maps.arrays["map"][row, slot], (size, size)), object_
            )
            arrays["scored"][row, slot] = True
            for name in ("correct", "labelled", "intersection", "union", "average_precision"):
                arrays[name][row, slot] = getattr(counts, name)
    with atomic_folder(job.outputs["segmentation"]) as folder:
        write_store(folder / "segmentation.zarr.zip", Store(maps.ids, arrays, {}))
    return len(maps.ids)


def _judged(maps: Store, truth: TruthReader) -> Store:
    """The rows of photographs that have a mask, as not all of one's own may."""
    rows = [row for row, id in enumerate(maps.ids) if id in truth]
    arrays = {name: array[rows] for name, array in maps.arrays.items()}
    return Store(tuple(maps.ids[row] for row in rows), arrays, maps.attributes)


def _squashed(mask: np.ndarray, size: int) -> np.ndarray:
    """The mask as the network saw its photograph: nearest neighbour, aspect ratio dropped."""
    return np.asarray(Image.fromarray(mask).resize((size, size), Image.Resampling.NEAREST))


def _object(mask: np.ndarray, label: int | None) -> np.ndarray:
    """1 where the class is, 0 elsewhere, void kept; without labels any object counts."""
    found = mask != 0 if label is None else mask == label + 1
    return np.where(mask == VOID, VOID, found).astype(np.uint8)


if __name__ == "__main__":
    main("cuewalk.stages.segmentation", run)
