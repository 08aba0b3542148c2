"""Stage `report`: the page that a person opens."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cuewalk.artifacts.ancestry import ancestors
from cuewalk.artifacts.atomic import atomic_file
from cuewalk.artifacts.store import Store, read_store
from cuewalk.artifacts.table import read_table
from cuewalk.datasets.images import load_image
from cuewalk.datasets.listing import ROLES
from cuewalk.datasets.record import Record
from cuewalk.evaluate.background import predict
from cuewalk.evaluate.confusion import mean_iou, pixel_counts
from cuewalk.report.gallery import Score, choose, shown
from cuewalk.report.page import build_page
from cuewalk.report.panels import Panel
from cuewalk.report.run import Run
from cuewalk.stages.explained_maps import ExplainedMaps
from cuewalk.stages.maps import WalkedPlanes, data_set_ids, photograph_cues
from cuewalk.stages.rows import TruthReader, read_classes, records_by_id, with_role
from cuewalk.stages.runner import Job, log, main, progress

STORES = {
    "cues": "cues.zarr.zip",
    "crf": "crf.zarr.zip",
    "label_grids": "labels.zarr.zip",
    "walk": "walk.zarr.zip",
}
TABLES = (
    "masks",
    "background",
    "labels",
    "history",
    "precision",
    "affinity_history",
    "faithfulness",
    "curves",
    "cue_segmentation",
)


def run(job: Job) -> int:
    """Write output `report`; cfg: report, walk, masks, cue_map, sweep, explain, dataset.

    Inputs of tables that the run does not make are empty.
    """
    records = records_by_id(job)
    roles = {role: with_role(records.values(), role) for role in ROLES}
    maps = ExplainedMaps(job, read_classes(job.input("classes")))
    evaluated = [record.id for record in roles["evaluate"]]
    available = evaluated if job.inputs["walk"] else sorted(maps.ids)
    scores = _scores(job)
    ids = choose(available, job.cfg["report"]["panels"], scores)
    maps.keep(ids)
    gallery = {
        panel.id: shown(panel, scores.get(panel.id, Score()))
        for panel in progress(_panels(job, records, ids, maps), len(ids), "report")
    }
    page = build_page(
        Run(
            name=job.outputs["report"].parent.name,
            classes=read_classes(job.input("classes")),
            photographs={role: len(some) for role, some in roles.items()},
            settings=job.cfg,
            available=len(available),
            gallery=[gallery[id] for id in ids],
            receipts=ancestors(path for paths in job.inputs.values() for path in paths),
            **{name: _table(job.inputs[name]) for name in TABLES},
        )
    )
    with atomic_file(job.outputs["report"]) as path:
        path.write_text(page, encoding="utf-8")
    log.info("%.2f MB, photographs shown: %s", len(page.encode()) / 1e6, " ".join(ids))
    return len(ids)


def _table(paths: Sequence[Path]) -> pd.DataFrame | None:
    return read_table(paths[0]) if paths else None


def _scores(job: Job) -> dict[str, Score]:
    """IoU of every scored photograph at the config's setting, the first of each source."""
    found: dict[str, Score] = {}
    for source in ("cue", "walk"):
        for path in job.inputs[f"confusion_{source}"]:
            store = read_store(path / "confusion.zarr.zip")
            for id, matrices in zip(store.ids, store.arrays["confusion"], strict=True):
                figure = {source: 100 * mean_iou(pixel_counts(matrices[0]))}
                found[id] = replace(found.get(id, Score()), **figure)
    return found


def _panels(
    job: Job, records: Mapping[str, Record], ids: Sequence[str], maps: ExplainedMaps
) -> Iterator[Panel]:
    """Panels of `ids`, shard by shard: the stores of one shard at a time are in memory."""
    truth = TruthReader(job)
    left = set(ids)
    for paths in zip(*(job.inputs[name] for name in STORES), strict=True):
        files = [path / file for path, file in zip(paths, STORES.values(), strict=True)]
        here = sorted(left & set(read_store(files[-1], []).ids))
        left -= set(here)
        if here:
            stores = [read_store(file) for file in files]
            for id in here:
                panel = _panel(job, records[id], truth, stores)
                yield replace(panel, explained=maps.of(id, panel.image.shape[:2]))
    for id in sorted(left):
        image = load_image(job.root, records[id])
        bare = Panel(id, [], image, np.zeros((0, *image.shape[:2]), np.float32))
        yield replace(bare, explained=maps.of(id, image.shape[:2]))


def _panel(job: Job, record: Record, truth: TruthReader, stores: Sequence[Store]) -> Panel:
    """`stores` in the order of STORES; the mask is made as stage `masks` makes it."""
    cues, crf, labels, walk = stores
    maps, classes = photograph_cues(cues, record.id, job.cfg["cue_map"]["root"])
    posteriors = crf.row(record.id)
    walked = WalkedPlanes(walk).competing(record.id, job.cfg)
    return Panel(
        id=record.id,
        labels=[truth.wanted[c] for c in classes],
        image=load_image(job.root, record),
        cues=maps,
        foreground=1 - posteriors["low"][0].astype(np.float32),
        background=posteriors["high"][0].astype(np.float32),
        label=data_set_ids(labels.row(record.id)["label"], classes),
        walked=walked.planes,
        mask=predict(walked.planes, walked.background, classes),
        truth=truth.get(record.id),
        affinity=walk.row(record.id)["affinity"].astype(np.float32),
    )


if __name__ == "__main__":
    main("cuewalk.stages.report", run)
