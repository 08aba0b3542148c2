"""Stage `masks`: walked planes to indexed PNG in the VOC palette, at the photograph's own size."""

from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.artifacts.store import read_store
from cuewalk.datasets.voc import save_mask
from cuewalk.evaluate.background import Background, predict
from cuewalk.stages.maps import WalkedPlanes
from cuewalk.stages.rows import records_by_id
from cuewalk.stages.runner import Job, main, progress


def run(job: Job) -> int:
    """Write output `masks`, a folder of PNGs; cfg: masks, walk."""
    walked = WalkedPlanes(read_store(job.input("walk") / "walk.zarr.zip"))
    records = records_by_id(job)
    wanted = set(job.cfg["masks"]["splits"])
    ids = [id for id in walked.store.ids if wanted & set(records[id].splits)]
    background = Background.parse(job.cfg["masks"]["background"])
    setting = (job.cfg["walk"]["beta"], job.cfg["walk"]["steps"])
    with atomic_folder(job.outputs["masks"]) as folder:
        for id in progress(ids, len(ids), "masks", weight=lambda _: 1):
            planes, classes = walked.planes(id, setting)
            plane = walked.background(id, setting, background, planes)
            save_mask(folder / f"{id}.png", predict(planes, plane, classes))
    return len(ids)


if __name__ == "__main__":
    main("cuewalk.stages.masks", run)
