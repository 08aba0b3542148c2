"""Stage `shapes`: draw the built-in data set, in VOC's folder layout."""

from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.datasets.shapes import generate_shapes
from cuewalk.stages.runner import Job, main


def run(job: Job) -> int:
    """Write output `photographs`; cfg: seed, shapes."""
    counts = job.cfg["shapes"]
    with atomic_folder(job.outputs["photographs"]) as folder:
        generate_shapes(folder, seed=job.cfg["seed"], **counts)
    return int(counts["train"] + counts["select"] + counts["evaluate"])


if __name__ == "__main__":
    main("cuewalk.stages.shapes", run)
