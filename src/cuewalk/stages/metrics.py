"""Stage `metrics`: from per-photograph confusions to the tables."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cuewalk.artifacts.store import read_store
from cuewalk.artifacts.table import write_table
from cuewalk.evaluate.confusion import pixel_counts
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
    return len(scores["evaluate"][0].counts)


def _scores(job: Job, source: str, split: str) -> Scores:
    """Gather a source's shards, keeping the photographs of one split, sorted by id.

    Only counts are kept: the matrices of all photographs would take far more memory.
    """
    records = records_by_id(job)
    settings: Sequence[dict[str, Any]] = []
    rows: dict[str, np.ndarray] = {}
    for path in job.inputs[f"confusion_{source}"]:
        store = read_store(path / "confusion.zarr.zip")
        settings = store.attributes["settings"]
        of_shard = pixel_counts(store.arrays["confusion"]).astype(np.int32)
        together = zip(store.ids, of_shard, strict=True)
        rows |= {id: counts for id, counts in together if split in records[id].splits}
    labels = len(read_classes(job.input("classes"))) + 1
    empty = np.zeros((0, len(settings), 3, labels), np.int32)
    counts = np.stack([rows[id] for id in sorted(rows)]) if rows else empty
    return Scores(source, split, settings, counts)


def _with_published(row: dict[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Put the paper's figure beside its own setting, where data and split are the paper's."""
    shown = row["chosen"] == FIXED and comparable(classes, row["images"])
    published = TABLE_4.get(row["source"], np.nan) if shown else np.nan
    return {**row, "published": published}


def _labels(paths: Sequence[Path]) -> pd.DataFrame:
    """Precision and share of the confident labels on the training photographs that have masks."""
    images, sums = 0, []
    for path in paths:
        store = read_store(path / "confusion.zarr.zip")
        images += len(store.ids)
        sums.append(store.arrays["confusion"].sum(axis=0))
    matrix = np.sum(sums, axis=0)
    figures = {k: 100 * v for k, v in label_figures(matrix).items()}
    return pd.DataFrame([{"split": "select", "images": images, **figures}])


if __name__ == "__main__":
    main("cuewalk.stages.metrics", run)
