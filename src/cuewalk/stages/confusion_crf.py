"""Stage `confusion_crf`: score the dense CRF's masks, one inference per background of the sweep."""

import numpy as np

from cuewalk.artifacts.store import read_store
from cuewalk.crf import dense_crf
from cuewalk.datasets.images import load_image
from cuewalk.evaluate.background import Background, predict
from cuewalk.stages.confusions import Setting, score, swept, unique
from cuewalk.stages.crf import crf_settings
from cuewalk.stages.maps import photograph_cues
from cuewalk.stages.rows import records_by_id
from cuewalk.stages.runner import Job, main


def run(job: Job) -> int:
    """Write output `confusion`; cfg: crf, cue_map, sweep. The first setting is alpha_low."""
    cues = read_store(job.input("cues") / "cues.zarr.zip")
    records = records_by_id(job)
    settings = crf_settings(job.cfg["crf"])
    sweep = job.cfg["sweep"]
    first = Background("after", alpha=job.cfg["crf"]["alpha_low"])
    backgrounds = unique([first, *swept(sweep["crf_alphas"], sweep["crf_constants"])])

    def masks(id: str) -> list[np.ndarray]:
        image = load_image(job.root, records[id])
        maps, classes = photograph_cues(cues, id, job.cfg["cue_map"]["root"])
        found = []
        for background in backgrounds:
            planes = np.concatenate([background.plane(maps)[None], maps])
            posterior = dense_crf(image, planes, settings)
            found.append(predict(posterior[1:], posterior[0], classes))
        return found

    return score(job, "crf", cues.ids, [Setting(b) for b in backgrounds], masks)


if __name__ == "__main__":
    main("cuewalk.stages.confusion_crf", run)
