"""Stages `segmentation` and `cue_segmentation` where only some photographs have a mask."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from trees import read, read_truths, write_voc

from cuewalk.artifacts.store import Store, pad_classes, read_store, write_store
from cuewalk.datasets.record import write_index, write_truth
from cuewalk.datasets.voc import wanted_classes
from cuewalk.errors import InputError
from cuewalk.stages import cue_segmentation, segmentation
from cuewalk.stages.runner import Job

IDS = ("a", "d")
STORE = "segmentation.zarr.zip"


def explained(folder: Path, masks: tuple[str, ...]) -> Job:
    """A job of stage `segmentation`: random maps of two photographs, masks of some."""
    root = write_voc(folder / "voc")
    names, ids = wanted_classes(root, ("cat", "dog"))
    records = [r for r in read(root, classes=names).records if r.id in IDS]
    write_index(folder / "index.csv", records)
    write_truth(folder / "truth.csv", [t for t in read_truths(root) if t.id in masks])
    table = pd.DataFrame({"class": names, "mask_id": ids})
    table.to_csv(folder / "classes.csv", index=False)
    labels = [[names.index(record.labels[0])] * 2 for record in records]
    maps = np.random.default_rng(0).random((2, 2, 4, 4), np.float32)
    arrays = {"class_id": pad_classes(labels, 2), "map": maps, "constant": np.zeros((2, 2), bool)}
    own = folder / "explanations" / "relevance" / "evaluate-000"
    write_store(own / "explanations.zarr.zip", Store(IDS, arrays, {"size": 16}))
    own.with_suffix(".json").write_text('{"seconds": 1.0, "images": 2}')
    inputs = {name: [folder / f"{name}.csv"] for name in ("index", "truth", "classes")}
    target = folder / "segmentation" / "relevance" / "evaluate-000"
    return Job({}, {}, root, {**inputs, "explanations": [own]}, {"segmentation": target}, "", 1)


def tabled(folder: Path, job: Job) -> Job:
    """The job of the table that follows."""
    return replace(
        job,
        cfg={"methods": ["relevance"], "kind": "folder", "bootstrap": 10, "seed": 0},
        inputs={
            "segmentation": [job.outputs["segmentation"]],
            "receipts": [job.inputs["explanations"][0].with_suffix(".json")],
        },
        outputs={"cue_segmentation": folder / "cue_segmentation.csv"},
    )


def test_photographs_without_a_mask_count_nowhere(tmp_path: Path) -> None:
    job = explained(tmp_path, ("d",))
    assert segmentation.run(job) == 1
    assert read_store(job.outputs["segmentation"] / STORE).ids == ("d",)
    assert cue_segmentation.run(tabled(tmp_path, job)) == 1
    table = pd.read_csv(tmp_path / "cue_segmentation.csv")
    assert set(table["images"]) == {1} and set(table["left_out"]) == {0}


def test_no_mask_at_all_is_refused_in_words(tmp_path: Path) -> None:
    job = explained(tmp_path, ())
    assert segmentation.run(job) == 0
    with pytest.raises(InputError, match=r"explain\.share: no photograph"):
        cue_segmentation.run(tabled(tmp_path, job))
