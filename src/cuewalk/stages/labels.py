"""Stage `labels`: the confident label grid of each photograph, and how many pairs it gives."""

import numpy as np

from cuewalk.affinity.pairs import count_pairs
from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.artifacts.store import Store, read_store, write_store
from cuewalk.labels import confident_label
from cuewalk.stages.rows import present
from cuewalk.stages.runner import Job, log, main


def run(job: Job) -> int:
    """Write output `labels`; cfg: grid."""
    crf = read_store(job.input("crf") / "crf.zarr.zip")
    cells, radius = job.cfg["grid"]["cells"], job.cfg["grid"]["radius"]
    labels = np.zeros((len(crf.ids), cells, cells), np.uint8)
    pairs = np.zeros((len(crf.ids), 3), np.int32)
    for row, id in enumerate(crf.ids):
        values = crf.row(id)
        planes = len(present(values["class_id"])) + 1
        labels[row] = confident_label(values["low"][:planes], values["high"][:planes])
        pairs[row] = count_pairs(labels[row], radius)
    log.info("pairs (background, foreground, negative): %s", pairs.sum(axis=0).tolist())
    arrays = {"class_id": crf.arrays["class_id"], "label": labels, "pairs": pairs}
    with atomic_folder(job.outputs["labels"]) as folder:
        attributes = {"pairs": ["background", "foreground", "negative"]}
        write_store(folder / "labels.zarr.zip", Store(crf.ids, arrays, attributes))
    return len(crf.ids)


if __name__ == "__main__":
    main("cuewalk.stages.labels", run)
