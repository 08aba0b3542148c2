"""A run made by hand: real receipts of stages that never ran, over artefacts of a few numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.artifacts.code import code_digest
from cuewalk.artifacts.provenance import Provenance
from cuewalk.artifacts.store import Store, write_store

SHARDS = {"train-000": ("a", "b"), "train-001": ("c",), "evaluate-000": ("d", "e")}
CFG: dict[str, Any] = {
    "seed": 3,
    "dataset": {"kind": "shapes"},
    "shards": {"train": 2, "evaluate": 1},
    "cues": {"sizes": [2]},
    "crf": {"alpha_low": 4, "alpha_high": 32},
    "grid": {"cells": 2},
    "metrics": {"bootstrap": 10},
}
SECTIONS = {
    "shapes": ("seed",),
    "dataset": ("dataset",),
    "cues": ("cues", "shards"),
    "crf": ("crf", "grid"),
    "labels": ("grid",),
    "metrics": ("metrics", "seed"),
}


def provenance(
    run: Path,
    stage: str,
    receipt: str,
    inputs: Mapping[str, list[str]],
    outputs: Mapping[str, str],
    shard: str = "",
    **changes: Any,
) -> Provenance:
    """What a job of a stage knows before it starts, at paths within the run."""
    about = {
        "stage": stage,
        "shard": shard,
        "cfg": {section: CFG[section] for section in SECTIONS[stage]},
        "code": code_digest(f"cuewalk.stages.{stage}"),
        "data": "none",
    }
    return Provenance(
        run / receipt,
        [f"cuewalk.stages.{stage}"],
        {**about, **changes},
        {name: [run / path for path in paths] for name, paths in inputs.items()},
        {name: run / path for name, path in outputs.items()},
        run / "photographs",
    )


def finish(made: Provenance, images: int = 2, seconds: float = 1.5) -> None:
    made.write(images, seconds, 1, {"device": "cpu"})


def store(folder: Path, name: str, ids: tuple[str, ...], shift: float = 0) -> None:
    """A folder with one store: values follow from the photographs' names, and from `shift`."""
    rows = np.array([[sum(map(ord, id)) + shift, 0.5] for id in ids], np.float32)
    arrays = {"grid": rows.reshape(-1, 2), "class_id": np.arange(len(ids), dtype=np.int32)}
    with atomic_folder(folder) as temporary:
        write_store(temporary / f"{name}.zarr.zip", Store(ids, arrays, {"sizes": [2]}))


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def make_shard(run: Path, stage: str, source: str, shard: str, **changes: Any) -> None:
    """One job of a sharded stage, reading the stage before it and the index."""
    inputs = {"index": ["dataset/index.csv"], source: [f"{source}/{shard}"]}
    read = {k: v for k, v in inputs.items() if source != "dataset" or k == "index"}
    place = f"{stage}/{shard}"
    made = provenance(run, stage, f"{place}.json", read, {stage: place}, shard, **changes)
    store(run / place, stage, SHARDS[shard])
    finish(made)


def make_metrics(run: Path, shards: tuple[str, ...] = tuple(SHARDS)) -> None:
    inputs = {"labels": [f"labels/{shard}" for shard in shards]}
    made = provenance(
        run, "metrics", "metrics/receipt.json", inputs, {"masks": "metrics/masks.csv"}
    )
    write_text(run / "metrics/masks.csv", "source,chosen,miou\ncue,config,40.5\n")
    finish(made)


def make_run(run: Path) -> Path:
    """shapes -> dataset -> cues -> crf -> labels -> metrics, of three shards."""
    photographs = provenance(run, "shapes", "photographs.json", {}, {"photographs": "photographs"})
    for id in "abcde":
        write_text(run / f"photographs/{id}.jpg", f"photograph {id}")
    finish(photographs)
    outputs = {"index": "dataset/index.csv", "classes": "dataset/classes.csv"}
    inputs = {"photographs": ["photographs"]}
    dataset = provenance(run, "dataset", "dataset/receipt.json", inputs, outputs)
    write_text(run / "dataset/index.csv", "id,path\n" + "".join(f"{i},{i}.jpg\n" for i in "abcde"))
    write_text(run / "dataset/classes.csv", "class\ndog\n")
    finish(dataset)
    for stage, source in (("cues", "dataset"), ("crf", "cues"), ("labels", "crf")):
        for shard in SHARDS:
            make_shard(run, stage, source, shard)
    make_metrics(run)
    write_text(run / "logs/metrics.log", "done\n")
    return run
