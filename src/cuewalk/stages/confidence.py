"""Stage `confidence`: how sure each pixel of a mask is, as grey PNG of the photograph's size."""

from pathlib import Path

import numpy as np
from PIL import Image

from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.evaluate.confidence import confidence
from cuewalk.stages.maps import Competing, competing
from cuewalk.stages.runner import Job, main


def run(job: Job) -> int:
    """Write output `confidence`, a folder of PNGs of 8 bits, 255 for 1; cfg: masks, walk."""
    with atomic_folder(job.outputs["confidence"]) as folder:
        written = [_write(folder / f"{one.id}.png", one) for one in competing(job, "confidence")]
    return len(written)


def _write(path: Path, one: Competing) -> Path:
    grey = np.rint(255 * confidence(one.planes, one.background))
    Image.fromarray(grey.astype(np.uint8)).save(path, "PNG")
    return path


if __name__ == "__main__":
    main("cuewalk.stages.confidence", run)
