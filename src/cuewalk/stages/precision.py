"""Stage `precision`: the classifier's average precision, from its predictions."""

import numpy as np
import pandas as pd

from cuewalk.artifacts.store import read_store
from cuewalk.artifacts.table import write_table
from cuewalk.evaluate.precision import class_precision
from cuewalk.stages.rows import class_indices, read_classes, records_by_id
from cuewalk.stages.runner import Job, log, main


def run(job: Job) -> int:
    """Write output `precision`, percent per class and their mean: a report, never a choice.

    No settings. Scores are the mean of photograph and mirror image.
    """
    classes = read_classes(job.input("classes"))
    records = records_by_id(job)
    stores = [read_store(path / "predictions.zarr.zip") for path in job.inputs["predictions"]]
    scores = np.concatenate([store.arrays["logits"].mean(axis=1) for store in stores])
    targets = np.zeros(scores.shape, np.int64)
    for row, id in enumerate(id for store in stores for id in store.ids):
        targets[row, class_indices(records[id], classes)] = 1
    values = 100 * class_precision(scores, targets)
    mean = float(np.mean(values[np.isfinite(values)]))
    log.info("mean average precision of %d photographs: %.2f", len(scores), mean)
    table = pd.DataFrame(
        {
            "class": [*classes, "mean"],
            "photographs": [*targets.sum(axis=0), len(scores)],
            "average_precision": [*values, mean],
        }
    )
    write_table(table, job.outputs["precision"])
    return len(scores)


if __name__ == "__main__":
    main("cuewalk.stages.precision", run)
