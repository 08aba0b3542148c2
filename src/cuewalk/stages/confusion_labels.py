"""Stage `confusion_labels`: how right the confident labels are, cell by cell.

Only figures come of it: no later stage learns from them.
"""

import numpy as np

from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.artifacts.store import Store, read_store, write_store
from cuewalk.evaluate.labels import label_confusion
from cuewalk.stages.rows import TruthReader, present
from cuewalk.stages.runner import Job, main, progress


def run(job: Job) -> int:
    """Write output `confusion`: (n, C + 1, C + 2), the last column being neutral; cfg: grid."""
    labels = read_store(job.input("labels") / "labels.zarr.zip")
    truth = TruthReader(job)
    ids = [id for id in labels.ids if id in truth]
    classes = len(truth.wanted)
    matrices = np.zeros((len(ids), classes + 1, classes + 2), np.int32)
    for row, id in enumerate(progress(ids, len(ids), "confusion of labels", weight=lambda _: 1)):
        values = labels.row(id)
        own = present(values["class_id"])
        matrices[row] = label_confusion(truth[id], values["label"], own, classes)
    with atomic_folder(job.outputs["confusion"]) as folder:
        store = Store(tuple(ids), {"confusion": matrices}, {"source": "labels"})
        write_store(folder / "confusion.zarr.zip", store)
    return len(ids)


if __name__ == "__main__":
    main("cuewalk.stages.confusion_labels", run)
