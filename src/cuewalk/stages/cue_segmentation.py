"""Stage `cue_segmentation`: the table of the explainers' soft masks (paper table 3)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cuewalk.artifacts.table import write_table
from cuewalk.errors import InputError
from cuewalk.evaluate.published import TABLE_3, imagenet_segmentation
from cuewalk.evaluate.segmentation import bootstrap_figures, segmentation_figures
from cuewalk.stages.explained import (
    MODES,
    Slot,
    images_per_second,
    owners,
    slots,
    stores,
)
from cuewalk.stages.runner import Job, log, main

COUNTS = ("correct", "labelled", "intersection", "union", "average_precision")


def run(job: Job) -> int:
    """Write output `cue_segmentation`; cfg: methods, kind, bootstrap, seed.

    Raises:
        InputError: no explained photograph has a mask of an explained class.
    """
    rows: list[dict[str, Any]] = []
    images: set[str] = set()
    for method in job.cfg["methods"]:
        shards = stores(job, "segmentation", method)
        speed = images_per_second(job, method)
        for mode in MODES:
            found = list(slots(shards, mode))
            scored = [slot for slot in found if slot.value("scored")]
            images |= {slot.id for slot in scored}
            if scored:
                about = {"method": method, "classes": mode, "left_out": len(found) - len(scored)}
                rows.append({**about, **_figures(job, scored, about), "images_per_second": speed})
    if not rows:
        raise InputError(
            "explain.share: no photograph that was explained has a mask of the class; raise it, or "
            "take cue_segmentation off config key tables."
        )
    write_table(pd.DataFrame(rows), job.outputs["cue_segmentation"])
    for row in rows:
        log.info("%s, %s: mIoU %.2f", row["method"], row["classes"], row["miou"])
    return len(images)


def _figures(job: Job, found: Sequence[Slot], about: dict[str, Any]) -> dict[str, Any]:
    """The figures of one row of the table, in percent, with intervals and the paper's."""
    counts = [np.stack([slot.value(name) for slot in found]) for name in COUNTS]
    images = len({slot.id for slot in found})
    figures = segmentation_figures(*counts)
    intervals = bootstrap_figures(
        *counts, owner=owners(found), samples=job.cfg["bootstrap"], seed=job.cfg["seed"]
    )
    # The paper explained the predicted class alone.
    comparable = about["classes"] == "predicted" and imagenet_segmentation(job.cfg["kind"], images)
    row: dict[str, Any] = {"images": images, "n": len(found)}
    for name, value in figures.items():
        low, high = intervals[name]
        published = TABLE_3.get(about["method"], {}).get(name, np.nan) if comparable else np.nan
        row |= {
            name: 100 * value,
            f"{name}_low": 100 * low,
            f"{name}_high": 100 * high,
            f"{name}_published": published,
        }
    return {**row, "constant_maps": int(sum(slot.value("constant") for slot in found))}


if __name__ == "__main__":
    main("cuewalk.stages.cue_segmentation", run)
