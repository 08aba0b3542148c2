"""Stage `crf`: dense CRF at both alphas: the confident foreground and background of a shard."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.artifacts.store import Store, read_store, stack_rows, write_store
from cuewalk.crf import CrfSettings, dense_crf_pair
from cuewalk.datasets.images import load_image
from cuewalk.resize import to_cells
from cuewalk.stages.maps import photograph_cues
from cuewalk.stages.rows import records_by_id
from cuewalk.stages.runner import Job, main, progress


def run(job: Job) -> int:
    """Write output `crf`: posteriors pooled to cells; cfg: cue_map, crf, grid."""
    cfg, cells = job.cfg["crf"], job.cfg["grid"]["cells"]
    cues = read_store(job.input("cues") / "cues.zarr.zip")
    records = records_by_id(job)
    settings = crf_settings(cfg)
    low, high = [], []
    for id in progress(cues.ids, len(cues.ids), "crf", weight=lambda _: 1):
        image = load_image(job.root, records[id])
        maps, _ = photograph_cues(cues, id, job.cfg["cue_map"]["root"])
        pair = dense_crf_pair(image, maps, cfg["alpha_low"], cfg["alpha_high"], settings)
        low.append(to_cells(pair[0], cells))
        high.append(to_cells(pair[1], cells))
    planes = cues.arrays["class_id"].shape[1] + 1
    arrays = {
        "class_id": cues.arrays["class_id"],
        "low": stack_rows(low, planes, (cells, cells), np.float16),
        "high": stack_rows(high, planes, (cells, cells), np.float16),
    }
    with atomic_folder(job.outputs["crf"]) as folder:
        write_store(folder / "crf.zarr.zip", Store(cues.ids, arrays, {}))
    return len(cues.ids)


def crf_settings(cfg: Mapping[str, Any]) -> CrfSettings:
    """Config section `crf` as the CRF takes it."""
    return CrfSettings(
        iterations=cfg["iterations"],
        gaussian_sxy=cfg["gaussian"]["sxy"],
        gaussian_compat=cfg["gaussian"]["compat"],
        bilateral_sxy=cfg["bilateral"]["sxy"],
        bilateral_srgb=cfg["bilateral"]["srgb"],
        bilateral_compat=cfg["bilateral"]["compat"],
        scale=cfg["scale"],
    )


if __name__ == "__main__":
    main("cuewalk.stages.crf", run)
