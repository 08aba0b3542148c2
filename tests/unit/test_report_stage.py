"""Stage `report`: it shows the masks that stage `masks` writes."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
from made_report import decode, run
from PIL import Image
from test_no_torch import imports_torch
from trees import read, read_truths, write_voc

from cuewalk.artifacts.store import Store, pad_classes, write_store
from cuewalk.datasets.record import write_index, write_truth
from cuewalk.datasets.voc import wanted_classes
from cuewalk.stages import masks, report
from cuewalk.stages.runner import Job


def test_the_stage_shows_the_mask_that_stage_masks_writes(tmp_path):
    job = stage_job(tmp_path)
    assert report.run(job) == 2  # the list val holds a and d
    shard = {**job.inputs, "walk": job.inputs["walk"][1:]}
    assert masks.run(replace(job, inputs=shard, outputs={"masks": tmp_path / "masks"})) == 2
    uris = dict(re.findall(r'alt="([^"]*)" src="([^"]*)"', job.outputs["report"].read_text()))
    for id in ("a", "d"):
        shown, written = decode(uris[f"mask of {id}"]), Image.open(tmp_path / "masks" / f"{id}.png")
        assert np.array_equal(written.resize(shown.size, Image.Resampling.NEAREST), shown)
    # d shows dog alone, so 1 in its label grid is the second class: id 2.
    assert set(np.unique(decode(uris["label grid of d"]))) == {0, 2, 255}


def test_a_run_without_ground_truth_has_a_report_of_the_rest(tmp_path):
    job = stage_job(tmp_path)
    judged = ("truth", "masks", "background", "labels", "confusion_cue", "confusion_walk")
    job = replace(job, inputs={**job.inputs, **{name: [] for name in judged}})
    assert report.run(job) == 2
    text = job.outputs["report"].read_text()
    assert 'alt="mask of a"' in text and 'alt="truth of a"' not in text


def stage_job(folder):
    """Inputs of the stage: photographs of noise, random stores, the tables of `run`."""
    data_root = write_voc(folder / "voc")
    data = read(data_root, classes=("cat", "dog"))
    names, mask_ids = wanted_classes(data_root, ("cat", "dog"))
    roles = {"train": "train", "val": "evaluate"}
    records = [replace(r, splits=tuple(roles[s] for s in r.splits)) for r in data.records]
    write_index(folder / "index.csv", records)
    write_truth(folder / "truth.csv", read_truths(data_root))
    made = run()
    tables = {
        "classes": pd.DataFrame({"class": names, "mask_id": mask_ids}),
        "precision": made.precision[1:],
        "masks": made.masks.rename(columns={"iou_<b>x": "iou_cat"}),
        **{n: getattr(made, n) for n in ("background", "labels", "history", "affinity_history")},
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    inputs = {name: [folder / f"{name}.csv"] for name in ("index", "truth", *tables)}
    inputs |= write_stores(folder, {r.id: r for r in records}, names)
    cfg = {
        "report": {"panels": 12}, "cue_map": {"root": 3}, "walk": {"beta": 16, "steps": 256},
        "masks": {"splits": ["evaluate"], "background": {"place": "inside", "alpha": 4}},
        "dataset": made.settings["dataset"], "explain": {"methods": ["relevance"]},
    }  # fmt: skip
    nothing = ("faithfulness", "curves", "cue_segmentation", "explanations", "confusion_cue")
    inputs |= {name: [] for name in (*nothing, "confusion_walk")}
    return Job(cfg, {}, data_root, inputs, {"report": folder / "made" / "report.html"}, "", 1)


def write_stores(folder, records, classes):
    """Two shards of every store: the first holds a photograph that no panel shows."""
    rng = np.random.default_rng(0)
    paths = {name: [] for name in report.STORES}
    for shard, ids in enumerate((["b"], ["a", "d"])):
        n, size = len(ids), np.array([(records[id].height, records[id].width) for id in ids])
        shown = [sorted(classes.index(label) for label in records[id].labels) for id in ids]
        for name, own in {
            "cues": {"size": size, "grid_32": rng.random((n, 2, 2, 4, 4))},
            "crf": {"low": rng.random((n, 3, 8, 8)), "high": rng.random((n, 3, 8, 8))},
            "label_grids": {"label": rng.choice(np.array([0, 1, 255], np.uint8), (n, 8, 8))},
            "walk": {"size": size, "planes": rng.random((n, 2, 1, 8, 8)),
                     "background": rng.random((n, 1, 1, 8, 8)),
                     "affinity": rng.random((n, 8, 8))},
        }.items():  # fmt: skip
            paths[name].append(folder / name / str(shard))
            paths[name][-1].mkdir(parents=True)
            attributes = {"sizes": [32], "settings": [[16, 256]], "alphas": [4]}
            store = Store(tuple(ids), {"class_id": pad_classes(shown, 2), **own}, attributes)
            write_store(paths[name][-1] / report.STORES[name], store)
    return paths


def test_the_report_never_loads_torch(tmp_path):
    assert not imports_torch(["cuewalk.stages.report"], tmp_path)
