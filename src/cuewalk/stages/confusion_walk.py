"""Stage `confusion_walk`: score the walked planes under every background of the sweep.

The walk itself ran once per (beta, steps); all here is arithmetic on its planes.
"""

import numpy as np

from cuewalk.artifacts.store import read_store
from cuewalk.evaluate.background import Background, predict
from cuewalk.stages.confusions import Setting, score, swept, unique
from cuewalk.stages.maps import WalkedPlanes
from cuewalk.stages.runner import Job, main


def run(job: Job) -> int:
    """Write output `confusion`; cfg: masks, sweep. The first setting is that of the masks."""
    walked = WalkedPlanes(read_store(job.input("walk") / "walk.zarr.zip"))
    backgrounds = unique(
        [
            Background.parse(job.cfg["masks"]["background"]),
            *(Background("inside", alpha=a) for a in walked.alphas),
            *swept(job.cfg["sweep"]["alphas"], job.cfg["sweep"]["constants"]),
        ]
    )

    def masks(id: str) -> list[np.ndarray]:
        found = []
        for setting in walked.settings:
            planes, classes = walked.planes(id, setting)
            for background in backgrounds:
                plane = walked.background(id, setting, background, planes)
                found.append(predict(planes, plane, classes))
        return found

    settings = [Setting(b, beta, steps) for beta, steps in walked.settings for b in backgrounds]
    return score(job, "walk", walked.store.ids, settings, masks)


if __name__ == "__main__":
    main("cuewalk.stages.confusion_walk", run)
