"""Stage `counts`: how many photographs show each class, once all shards are listed."""

import pandas as pd

from cuewalk.artifacts.table import write_table
from cuewalk.errors import InputError
from cuewalk.stages.rows import read_classes, records_by_id, with_role
from cuewalk.stages.runner import Job, log, main


def run(job: Job) -> int:
    """Write output `counts`: classes by role, and all photographs; cfg: lists, by role.

    Raises:
        InputError: A list names no photograph that shows any of the classes.
    """
    classes = read_classes(job.input("classes"))
    records = records_by_id(job).values()
    table = pd.DataFrame({"class": [*classes, "all"]})
    for role, name in job.cfg["lists"].items():
        own = with_role(records, role)
        if not own:
            raise InputError(
                f"config key dataset.{role}: no photograph of list '{name}' shows any of "
                f"{', '.join(classes)}; ask for other classes or another list."
            )
        table[role] = [*(sum(c in r.labels for r in own) for c in classes), len(own)]
        log.info("%s (list %s): %d photographs", role, name, len(own))
    write_table(table, job.outputs["counts"])
    return len(records)


if __name__ == "__main__":
    main("cuewalk.stages.counts", run)
