"""Stage `confusion_cue`: score the cues alone, under every background of the sweep."""

import numpy as np

from cuewalk.artifacts.store import read_store
from cuewalk.evaluate.background import Background, predict
from cuewalk.stages.confusions import Setting, score, swept, unique
from cuewalk.stages.maps import photograph_cues
from cuewalk.stages.runner import Job, main


def run(job: Job) -> int:
    """Write output `confusion`; cfg: cue_map, sweep."""
    cues = read_store(job.input("cues") / "cues.zarr.zip")
    sweep = job.cfg["sweep"]
    fixed = Background("after", constant=sweep["threshold"])
    backgrounds = unique([fixed, *swept(sweep["alphas"], sweep["constants"])])

    def masks(id: str) -> list[np.ndarray]:
        maps, classes = photograph_cues(cues, id, job.cfg["cue_map"]["root"])
        return [predict(maps, b.plane(maps), classes) for b in backgrounds]

    return score(job, "cue", cues.ids, [Setting(b) for b in backgrounds], masks)


if __name__ == "__main__":
    main("cuewalk.stages.confusion_cue", run)
