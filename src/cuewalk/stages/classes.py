"""Stage `classes`: names of the run's classes, and what the masks of the ground truth call them."""

import pandas as pd

from cuewalk.artifacts.atomic import atomic_file
from cuewalk.datasets.listing import list_classes
from cuewalk.stages.runner import Job, main


def run(job: Job) -> int:
    """Write output `classes`, columns class and mask_id; cfg: dataset."""
    classes = list_classes(job.dataset, job.root)
    # No ids where masks only tell object from background.
    ids = pd.Series(classes.mask_ids, range(len(classes.mask_ids)), dtype="Int64")
    table = pd.DataFrame({"class": classes.names})
    table["mask_id"] = ids
    with atomic_file(job.outputs["classes"]) as path:
        table.to_csv(path, index=False)
    return 0


if __name__ == "__main__":
    main("cuewalk.stages.classes", run)
