"""Stage `report`: the page that a person opens."""

from collections.abc import Iterator, Sequence

import numpy as np

from cuewalk.artifacts.atomic import atomic_file
from cuewalk.artifacts.store import Store, read_store
from cuewalk.artifacts.table import read_table
from cuewalk.datasets.images import load_image
from cuewalk.datasets.record import Record
from cuewalk.evaluate.background import Background, predict
from cuewalk.report.page import Run, build_page
from cuewalk.report.panels import Panel, choose
from cuewalk.stages.maps import WalkedPlanes, data_set_ids, photograph_cues
from cuewalk.stages.rows import TruthReader, read_classes, records_by_id, with_role
from cuewalk.stages.runner import Job, log, main, progress

ROLES = ("train", "select", "evaluate")
STORES = {
    "cues": "cues.zarr.zip",
    "crf": "crf.zarr.zip",
    "label_grids": "labels.zarr.zip",
    "walk": "walk.zarr.zip",
}


def run(job: Job) -> int:
    """Write output `report`; cfg: report, walk, masks, cue_map, sweep, dataset."""
    records = records_by_id(job)
    roles = {role: with_role(records.values(), role) for role in ROLES}
    ids = choose([record.id for record in roles["evaluate"]], job.cfg["report"]["panels"])
    found = {panel.id: panel for panel in progress(_panels(job, records, ids), len(ids), "report")}
    page = build_page(
        Run(
            name=job.outputs["report"].parent.name,
            classes=read_classes(job.input("classes")),
            photographs={role: len(some) for role, some in roles.items()},
            settings=job.cfg,
            masks=read_table(job.input("masks")),
            background=read_table(job.input("background")),
            labels=read_table(job.input("labels")),
            history=read_table(job.input("history")),
            precision=read_table(job.input("precision")),
            affinity_history=read_table(job.input("affinity_history")),
            panels=[found[id] for id in ids],
        )
    )
    with atomic_file(job.outputs["report"]) as path:
        path.write_text(page, encoding="utf-8")
    log.info("%.2f MB, photographs shown: %s", len(page.encode()) / 1e6, " ".join(ids))
    return len(ids)


def _panels(job: Job, records: dict[str, Record], ids: Sequence[str]) -> Iterator[Panel]:
    """Panels of `ids`, shard by shard: the stores of one shard at a time are in memory."""
    truth = TruthReader(job)
    for paths in zip(*(job.inputs[name] for name in STORES), strict=True):
        files = [path / file for path, file in zip(paths, STORES.values(), strict=True)]
        here = [id for id in ids if id in read_store(files[0], []).ids]
        if here:
            stores = [read_store(file) for file in files]
            yield from (_panel(job, records[id], truth, stores) for id in here)


def _panel(job: Job, record: Record, truth: TruthReader, stores: Sequence[Store]) -> Panel:
    """`stores` in the order of STORES; the mask is made as stage `masks` makes it."""
    cues, crf, labels, walk = stores
    maps, classes = photograph_cues(cues, record.id, job.cfg["cue_map"]["root"])
    posteriors = crf.row(record.id)
    walked = WalkedPlanes(walk)
    setting = (job.cfg["walk"]["beta"], job.cfg["walk"]["steps"])
    planes, _ = walked.planes(record.id, setting)
    background = Background.parse(job.cfg["masks"]["background"])
    plane = walked.background(record.id, setting, background, planes)
    return Panel(
        id=record.id,
        labels=[truth.wanted[c] for c in classes],
        image=load_image(job.root, record),
        cues=maps,
        foreground=1 - posteriors["low"][0].astype(np.float32),
        background=posteriors["high"][0].astype(np.float32),
        label=data_set_ids(labels.row(record.id)["label"], classes),
        walked=planes,
        mask=predict(planes, plane, classes),
        truth=truth[record.id],
    )


if __name__ == "__main__":
    main("cuewalk.stages.report", run)
