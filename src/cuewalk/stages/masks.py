"""Stage `masks`: walked planes to indexed PNG in the VOC palette, at the photograph's own size."""

from pathlib import Path

from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.datasets.voc import save_mask
from cuewalk.evaluate.background import predict
from cuewalk.stages.maps import Competing, competing
from cuewalk.stages.runner import Job, main


def run(job: Job) -> int:
    """Write output `masks`, a folder of PNGs; cfg: masks, walk."""
    with atomic_folder(job.outputs["masks"]) as folder:
        written = [_write(folder / f"{one.id}.png", one) for one in competing(job, "masks")]
    return len(written)


def _write(path: Path, one: Competing) -> Path:
    save_mask(path, predict(one.planes, one.background, one.classes))
    return path


if __name__ == "__main__":
    main("cuewalk.stages.masks", run)
