"""The whole workflow on a handful of photographs: what it makes, and what it doesn't depend on."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from runs import CLASSES, TINY, Run

from cuewalk.artifacts.code import code_digest
from cuewalk.config import merge_config

pytestmark = pytest.mark.timeout(1800)  # the first test of a run waits for all of it

TRAIN, EVALUATE = ["train-000", "train-001"], ["evaluate-000"]
SHARDS = TRAIN + EVALUATE
INDEXES = ["train", *EVALUATE]
VAL = [f"shape_{number:06d}" for number in range(6)]

# Stage -> receipt and log of each of its jobs, and the photographs that all of them handle.
WHOLE = {
    "shapes": ("photographs.json", 22),
    "classes": ("dataset/classes.json", 0),
    "counts": ("dataset/counts.json", 22),
    "classifier": ("classifier/receipt.json", 12),
    "affinitynet": ("affinitynet/receipt.json", 12),
    "metrics": ("metrics/receipt.json", 6),
    "precision": ("metrics/precision.json", 6),
    "report": ("report.json", 2),
    "faithfulness": ("metrics/faithfulness.json", 6),
    "cue_segmentation": ("metrics/cue_segmentation.json", 6),
}
SHARDED = {
    "dataset": ("dataset", INDEXES, 22),
    "truth": ("truth", INDEXES, 10),
    "cues": ("cues", SHARDS, 22),
    "crf": ("crf", SHARDS, 22),
    "labels": ("labels", SHARDS, 22),
    "walk": ("walk", SHARDS, 10),
    "masks": ("masks", EVALUATE, 6),
    "confusion_cue": ("confusion/cue", SHARDS, 10),
    "confusion_crf": ("confusion/crf", SHARDS, 10),
    "confusion_walk": ("confusion/walk", SHARDS, 10),
    "confusion_labels": ("confusion/labels", TRAIN, 4),
    "predictions": ("predictions", EVALUATE, 6),
}
METHODS = TINY["explain"]["methods"]
BY_METHOD = {"explanations": 18, "perturbation": 18, "segmentation": 18}
JOBS = [(stage, "", receipt, f"logs/{stage}.log") for stage, (receipt, _) in WHOLE.items()] + [
    (stage, shard, f"{folder}/{shard}.json", f"logs/{stage}/{shard}.log")
    for stage, (folder, shards, _) in SHARDED.items()
    for shard in shards
]
JOBS += [
    (stage, shard, f"{stage}/{method}/{shard}.json", f"logs/{stage}/{method}/{shard}.log")
    for stage in BY_METHOD
    for method in METHODS
    for shard in EVALUATE
]
IMAGES = {stage: entry[-1] for stage, entry in {**WHOLE, **SHARDED}.items()} | BY_METHOD
STORES = {"cues": "cues", "crf": "crf", "labels": "labels", "walk": "walk"}
FILES = [
    "dataset/classes.csv",
    "dataset/counts.csv",
    *(f"{stage}/{index}.csv" for stage in ("dataset", "truth") for index in INDEXES),
    "classifier/model.safetensors",
    "classifier/history.csv",
    "metrics/precision.csv",
    "affinitynet/model.safetensors",
    "affinitynet/history.csv",
    "metrics/masks.csv",
    "metrics/background.csv",
    "metrics/labels.csv",
    "report.html",
    *(f"{stage}/{shard}/{store}.zarr.zip" for stage, store in STORES.items() for shard in SHARDS),
    *(
        f"confusion/{source}/{shard}/confusion.zarr.zip"
        for source, shards in (
            ("cue", SHARDS),
            ("crf", SHARDS),
            ("walk", SHARDS),
            ("labels", TRAIN),
        )
        for shard in shards
    ),
    *(f"masks/evaluate-000/{id}.png" for id in VAL),
    "metrics/faithfulness.csv",
    "metrics/perturbation.csv",
    "metrics/cue_segmentation.csv",
    "predictions/evaluate-000/predictions.zarr.zip",
    *(
        f"{stage}/{method}/evaluate-000/{stage}.zarr.zip"
        for stage in BY_METHOD
        for method in METHODS
    ),
]
RECEIPT_KEYS = {
    "stage", "shard", "cfg", "code", "data", "images", "seconds", "images_per_second",
    "peak_memory_mb", "threads", "host", "python", "finished", "format", "modules", "libraries",
    "templates", "named_files", "inputs", "outputs", "product", "root", "seed", "commit", "device",
    "reused_from", "digest",
}  # fmt: skip


def read_masks(run: Run) -> dict[str, np.ndarray]:
    return {path.stem: np.array(Image.open(path)) for path in run.folder.glob("masks/*/*.png")}


def palette() -> list[int]:
    """VOC's colours as its devkit makes them: of every three bits of an id one for each channel."""
    colours = []
    for id in range(256):
        bits = [id >> bit & 1 for bit in range(9)]
        colours += [128 * bits[c] + 64 * bits[3 + c] + 32 * bits[6 + c] for c in range(3)]
    return colours


def own_labels(root: Path, id: str) -> set[int]:
    names = ElementTree.parse(root / "Annotations" / f"{id}.xml").iter("name")
    return {CLASSES.index(str(name.text)) + 1 for name in names}


def test_every_artefact_exists(tiny):
    missing = [file for file in FILES if not (tiny.folder / file).is_file()]
    assert not missing
    assert not tiny.temporary_files()


def test_every_job_leaves_a_receipt(tiny):
    images = dict.fromkeys(IMAGES, 0)
    for stage, shard, receipt, _ in JOBS:
        content = json.loads((tiny.folder / receipt).read_text())
        assert set(content) == RECEIPT_KEYS
        assert (content["stage"], content["shard"]) == (stage, shard)
        module = [content["cfg"]["module"]] if stage == "explanations" else []
        assert content["code"] == code_digest(f"cuewalk.stages.{stage}", *module)
        images[stage] += content["images"]
    assert images == IMAGES


def test_a_receipt_tells_the_configuration(tiny):
    cfg = json.loads((tiny.folder / "crf" / "train-000.json").read_text())["cfg"]
    assert set(cfg) == {"crf", "cue_map", "grid"}
    assert cfg["grid"] == TINY["grid"]
    assert cfg["crf"]["alpha_low"] == 16


def test_there_is_no_job_that_this_file_does_not_know(tiny):
    known = {receipt for _, _, receipt, _ in JOBS}
    found = {str(p.relative_to(tiny.folder)) for p in tiny.folder.rglob("*.json")}
    assert {path for path in found if not path.startswith("logs/")} == known


def test_every_job_leaves_a_log(tiny):
    for _, _, _, log in JOBS:
        assert "done:" in (tiny.folder / log).read_text(), log


def test_masks_are_indexed_pngs_of_the_photographs_size(tiny):
    paths = sorted((tiny.folder / "masks" / "evaluate-000").glob("*.png"))
    assert [path.stem for path in paths] == VAL
    for path in paths:
        with Image.open(path) as mask:
            photograph = Image.open(tiny.photographs / "JPEGImages" / f"{path.stem}.jpg")
            assert (mask.format, mask.mode) == ("PNG", "P")
            assert mask.getpalette() == palette()
            assert mask.size == photograph.size


def test_masks_hold_the_photographs_own_classes_only(tiny):
    masks = read_masks(tiny)
    for id, mask in masks.items():
        assert set(np.unique(mask).tolist()) <= {0} | own_labels(tiny.photographs, id)
    # Or the test above would say little: there is background, and more than one class.
    assert all((mask == 0).any() and (mask > 0).any() for mask in masks.values())
    assert len(set(np.concatenate([np.unique(m) for m in masks.values()]).tolist())) > 2


def test_rows_of_the_mask_table(tiny):
    table = pd.read_csv(tiny.folder / "metrics" / "masks.csv")
    oracle = "best on evaluate (ground truth)"
    assert list(zip(table["source"], table["chosen"], strict=True)) == [
        ("cue", "config"),
        ("cue", "selected on select"),
        ("cue", oracle),
        ("crf", "config"),
        ("crf", "selected on select"),
        ("walk", "config"),
        ("walk", "selected on select"),
    ]
    assert (table["images"] == 6).all()
    assert (table["split"] == "evaluate").all()
    assert (table["miou_low"] <= table["miou_high"]).all()
    np.testing.assert_allclose(table["gain"], table["miou"] - table["miou"][0], atol=2e-4)
    cue = table[table["source"] == "cue"].set_index("chosen")["miou"]
    assert cue[oracle] == cue.max()
    # Settings of the config, which the first row of each source is scored at.
    config = table[table["chosen"] == "config"].set_index("source")
    assert config["threshold"]["cue"] == 0.2
    assert config["alpha"]["crf"] == 16
    assert (config["alpha"]["walk"], config["beta"]["walk"], config["steps"]["walk"]) == (1, 16, 8)


def test_figures_follow_from_the_masks(tiny):
    """Mean IoU again, from the PNGs alone: counted by hand over all photographs at once."""
    masks = read_masks(tiny)
    truth_of = tiny.photographs / "SegmentationClass"
    truth = np.concatenate([np.array(Image.open(truth_of / f"{id}.png")).ravel() for id in VAL])
    guess = np.concatenate([masks[id].ravel() for id in VAL])[truth != 255]
    truth = truth[truth != 255]
    ious = {}
    for label, name in enumerate(("background", *CLASSES)):
        both = np.sum((guess == label) & (truth == label))
        either = np.sum((guess == label) | (truth == label))
        ious[name] = 100 * both / either if (truth == label).any() else np.nan

    table = pd.read_csv(tiny.folder / "metrics" / "masks.csv")
    row = table[(table["source"] == "walk") & (table["chosen"] == "config")].iloc[0]
    for name, iou in ious.items():
        assert row[f"iou_{name}"] == pytest.approx(iou, abs=1e-4, nan_ok=True), name
    assert row["miou"] == pytest.approx(np.nanmean(list(ious.values())), abs=1e-4)


class References(HTMLParser):
    """Whatever a tag of a page names that a browser would fetch or go to."""

    def __init__(self, page):
        super().__init__()
        self.found, self.tags = [], set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        named = ("src", "href", "data", "action", "srcset", "poster")
        self.found += [value for name, value in attrs if name in named]


def test_the_report_stands_alone(tiny):
    page = (tiny.folder / "report.html").read_text()
    assert "<h1>tiny</h1>" in page
    references = References(page)
    assert all(r.startswith(("data:", "#")) for r in references.found)
    assert any(r.startswith("data:image/") for r in references.found)
    assert not references.tags & {"iframe", "object", "embed", "base", "form"}
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.S)
    assert "@import" not in style and "url(" not in style
    # So many photographs as the default run shows stay below 15 MB, whatever their size.
    pictures = sum(map(len, references.found))
    assert len(page) - pictures + 120 * pictures / TINY["report"]["panels"] < 15e6


def test_a_second_run_has_nothing_to_do(tiny):
    before = _times(tiny.folder)
    ran = tiny.snakemake_or_fail()
    assert "Nothing to be done" in ran.stderr
    assert _times(tiny.folder) == before


def _times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def reshaped(tiny, tmp_path_factory):
    """The same run in another folder, in other batches and shards."""
    work = tmp_path_factory.mktemp("reshaped") / "work"
    shutil.copytree(tiny.work, work)
    changes = {"compute": {"batch_size": 3}, "shards": {"train": 1, "evaluate": 2}}
    run = Run(work, merge_config(tiny.overlay, changes))
    shutil.rmtree(run.folder / "masks")
    targets = ["metrics/masks.csv", "masks/evaluate-000", "masks/evaluate-001"]
    run.snakemake_or_fail("--", *(f"results/tiny/{target}" for target in targets))
    return run


def test_shards_do_not_concern_the_classifier(tiny, reshaped):
    for receipt, same in (("classifier/receipt.json", True), ("cues/train-000.json", False)):
        before, after = (r.folder / receipt for r in (tiny, reshaped))
        assert (before.read_bytes() == after.read_bytes()) == same


def test_masks_do_not_depend_on_batches_and_shards(tiny, reshaped):
    shards = [p.name for p in (reshaped.folder / "masks").iterdir() if p.is_dir()]
    assert sorted(shards) == ["evaluate-000", "evaluate-001"]
    masks, others = read_masks(tiny), read_masks(reshaped)
    assert sorted(masks) == sorted(others)
    flipped = {id: int((masks[id] != others[id]).sum()) for id in masks}
    assert flipped == dict.fromkeys(masks, 0)


def test_figures_do_not_depend_on_batches_and_shards(tiny, reshaped):
    table, other = (pd.read_csv(run.folder / "metrics" / "masks.csv") for run in (tiny, reshaped))
    pd.testing.assert_frame_equal(table, other, check_exact=False, rtol=0, atol=1e-3)
