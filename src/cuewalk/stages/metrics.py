"""Stage `metrics`: from per-photograph confusions to the tables."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cuewalk.artifacts.store import read_store
from cuewalk.artifacts.table import write_table
from cuewalk.evaluate.labels import label_figures
from cuewalk.evaluate.published import TABLE_4, comparable
from cuewalk.evaluate.selection import FIXED, Scores, background_rows, mask_rows
from cuewalk.stages.rows import read_classes, records_by_id
from cuewalk.stages.runner import Job, log, main

SOURCES = ("cue", "crf", "walk")


def run(job: Job) -> int:
    """Write outputs `masks`, `background` and `labels`; cfg: metrics, seed."""
    classes = read_classes(job.input("classes"))
    scores = {
        split: [_scores(job, source, split) for source in SOURCES]
        for split in ("select", "evaluate")
    }
    rows = mask_rows(
        scores["evaluate"],
        scores["select"],
        classes,
        samples=job.cfg["metrics"]["bootstrap"],
        seed=job.cfg["seed"],
    )
    masks = pd.DataFrame([_with_published(row, classes) for row in rows])
    background = [row for split in scores.values() for s in split for row in background_rows(s)]
    write_table(masks, job.outputs["masks"])
    write_table(pd.DataFrame(background), job.outputs["background"])
    write_table(_labels(job.inputs["confusion_labels"]), job.outputs["labels"])
    for row in rows:
        log.info("%s, %s, %s: %.2f", row["source"], row["chosen"], row["background"], row["miou"])
    return len(scores["evaluate"][0].matrices)


def _scores(job: Job, source: str, split: str) -> Scores:
    """Gather a source's shards, keeping the photographs of one split, sorted by id."""
    records = records_by_id(job)
    settings: Sequence[dict[str, Any]] = []
    rows: dict[str, np.ndarray] = {}
    for path in job.inputs[f"confusion_{source}"]:
        store = read_store(path / "confusion.zarr.zip")
        settings = store.attributes["settings"]
        for row, id in enumerate(store.ids):
            if split in records[id].splits:
                rows[id] = store.arrays["confusion"][row]
    labels = len(read_classes(job.input("classes"))) + 1
    empty = np.zeros((0, len(settings), labels, labels), np.int32)
    matrices = np.stack([rows[id] for id in sorted(rows)]) if rows else empty
    return Scores(source, split, settings, matrices)


def _with_published(row: dict[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Put the paper's figure beside its own setting, where data and split are the paper's."""
    shown = row["chosen"] == FIXED and comparable(classes, row["images"])
    published = TABLE_4.get(row["source"], np.nan) if shown else np.nan
    return {**row, "published": published}


def _labels(paths: Sequence[Path]) -> pd.DataFrame:
    """Precision and share of the confident labels on the training photographs that have masks."""
    stores = [read_store(path / "confusion.zarr.zip") for path in paths]
    matrix = np.sum([s.arrays["confusion"].sum(axis=0) for s in stores], axis=0)
    images = sum(len(s.ids) for s in stores)
    figures = {k: 100 * v for k, v in label_figures(matrix).items()}
    return pd.DataFrame([{"split": "select", "images": images, **figures}])


if __name__ == "__main__":
    main("cuewalk.stages.metrics", run)
