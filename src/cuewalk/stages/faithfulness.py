"""Stage `faithfulness`: the table and the curves of the perturbation tests (paper table 2)."""

from typing import Any

import numpy as np
import pandas as pd

from cuewalk.artifacts.table import write_table
from cuewalk.evaluate.curves import LEVELS, auc, bootstrap_auc
from cuewalk.evaluate.faithfulness import hits
from cuewalk.evaluate.published import TABLE_2, imagenet_val
from cuewalk.stages.explained import (
    MODES,
    Slot,
    images_per_second,
    owners,
    slots,
    stores,
)
from cuewalk.stages.rows import class_indices, read_classes, records_by_id
from cuewalk.stages.runner import Job, log, main


def run(job: Job) -> int:
    """Write outputs `faithfulness` and `curves`; cfg: methods, kind, bootstrap, seed."""
    rows: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    labels = _labels(job)
    for method in job.cfg["methods"]:
        shards = stores(job, "perturbation", method)
        speed = images_per_second(job, method)
        for mode in MODES:
            found = list(slots(shards, mode))
            for index, direction in enumerate(shards[0].attributes["directions"]):
                right = _hits(found, labels, single=job.cfg["kind"] == "imagenet")[:, index]
                about = {"method": method, "classes": mode, "direction": direction}
                rows.append(
                    {**about, **_figures(job, found, right, about), "images_per_second": speed}
                )
                curves += [{**about, **point} for point in _curve(right)]
    write_table(pd.DataFrame(rows), job.outputs["faithfulness"])
    write_table(pd.DataFrame(curves), job.outputs["curves"])
    for row in rows:
        log.info("%s, %s, %s: %.2f", row["method"], row["classes"], row["direction"], row["auc"])
    return int(rows[0]["images"])


def _labels(job: Job) -> dict[str, frozenset[int]]:
    """True classes of every photograph."""
    classes = read_classes(job.input("classes"))
    records = records_by_id(job)
    return {id: frozenset(class_indices(record, classes)) for id, record in records.items()}


def _hits(found: list[Slot], labels: dict[str, frozenset[int]], *, single: bool) -> np.ndarray:
    """(slots, directions, 10) bool."""
    return np.stack(
        [
            hits(s.value("top"), s.value("logit"), s.label, labels[s.id], single=single)
            for s in found
        ]
    )


def _figures(
    job: Job, found: list[Slot], right: np.ndarray, about: dict[str, str]
) -> dict[str, Any]:
    """The figures of one row of the table, in percent."""
    low, high = bootstrap_auc(
        right, owners(found), samples=job.cfg["bootstrap"], seed=job.cfg["seed"]
    )
    images = len({slot.id for slot in found})
    comparable = imagenet_val(job.cfg["kind"], images)
    published = TABLE_2.get(about["method"], {}).get((about["direction"], about["classes"]), np.nan)
    return {
        "images": images,
        "n": len(found),
        "auc": 100 * float(auc(right.mean(axis=0))),
        "auc_low": 100 * low,
        "auc_high": 100 * high,
        "published": published if comparable else np.nan,
        "accuracy": 100 * float(right[:, 0].mean()),
        "constant_maps": int(sum(slot.value("constant") for slot in found)),
    }


def _curve(right: np.ndarray) -> list[dict[str, Any]]:
    """One point per share of black pixels; hits and n of two runs add up."""
    counts = right.sum(axis=0)
    return [
        {
            "masked": level,
            "hits": int(count),
            "n": len(right),
            "accuracy": 100 * count / len(right),
        }
        for level, count in zip(LEVELS, counts, strict=True)
    ]


if __name__ == "__main__":
    main("cuewalk.stages.faithfulness", run)
