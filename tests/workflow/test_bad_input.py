"""What a user may get wrong: one sentence says so, before anything is computed or half written."""

import subprocess

import numpy as np
import pytest
from PIL import Image
from runs import Run
from safetensors.numpy import save_file
from trees import write_annotation, write_list, write_voc

from cuewalk.config import merge_config

OVERLAY = {
    "run": "bad",
    "tables": ["masks"],
    "dataset": {"kind": "voc", "root": "voc", "classes": ["dog", "cat"], "select": None},
    "shards": {"train": 1, "evaluate": 1},
    "classifier": {
        "model": {
            "image_size": 64,
            "stem": {"options": {"channels": [8, 16, 16, 16], "stem_width": 8}},
            "transformer": {"blocks": 1, "width": 32, "heads": 2},
        },
        "training": {"epochs": 1, "batch_size": 2, "warmup_epochs": 0},
    },
    "compute": {"device": "cpu"},
}
TRACEBACK = "Traceback (most recent call last)"


@pytest.fixture
def run(tmp_path):
    """A small sound data set, and a configuration for it."""
    write_voc(tmp_path / "voc")
    write_list(tmp_path / "voc", "val", ["d"])
    return Run(tmp_path, OVERLAY)


def list_photographs(run: Run, index: str) -> subprocess.CompletedProcess[str]:
    """Stages `dataset` and `truth` of an index, as far as they come."""
    root = {"root": run.work / "voc"}
    ran = run.stage("dataset", ["dataset"], root, [f"{index}.csv"], index)
    if ran.returncode == 0:
        inputs = {"index": run.folder / "dataset" / f"{index}.csv", **root}
        ran = run.stage("truth", ["dataset"], inputs, [f"{index}.csv"], index)
    return ran


def train_classifier(run: Run) -> subprocess.CompletedProcess[str]:
    root = {"root": run.work / "voc"}
    ran = run.stage("classes", ["dataset"], root, ["classes.csv"])
    assert ran.returncode == 0, ran.stderr
    inputs = {
        "index": run.folder / "dataset" / "train.csv",
        "classes": run.folder / "classes" / "classes.csv",
        **root,
    }
    return run.stage(
        "classifier", ["classifier", "seed"], inputs, ["model.safetensors", "history.csv"]
    )


def check_refused(run: Run, ran: subprocess.CompletedProcess[str], *words: str) -> None:
    """The command failed with one sentence that holds `words`, and left nothing but its log."""
    assert ran.returncode != 0
    assert TRACEBACK not in ran.stdout + ran.stderr
    sentences = [line for line in ran.stderr.splitlines() if line.startswith("cuewalk: ")]
    assert len(sentences) == 1, ran.stderr
    for word in words:
        assert word in sentences[0]
    assert not list(run.work.rglob("model.safetensors"))
    assert not run.temporary_files()


# Data. Photograph b is to learn from, d to evaluate on; c shows none of the classes.


def truncate_photograph(root):
    path = root / "JPEGImages" / "b.jpg"
    path.write_bytes(path.read_bytes()[:400])


def shrink_mask(root):
    path = root / "SegmentationClass" / "d.png"
    Image.open(path).resize((5, 7), Image.Resampling.NEAREST).save(path)


def spoil_mask(root):
    path = root / "SegmentationClass" / "d.png"
    mask = Image.open(path)
    mask.putpixel((3, 2), 77)
    mask.save(path)


DATA = {
    "missing root": (
        "dataset",
        lambda root: root.rename(root.with_name("elsewhere")),
        ["voc: no such folder"],
    ),
    "truncated photograph": (
        "dataset",
        truncate_photograph,
        ["JPEGImages/b.jpg", "cannot be decoded"],
    ),
    "missing photograph": (
        "dataset",
        lambda root: (root / "JPEGImages" / "b.jpg").unlink(),
        ["JPEGImages/b.jpg", "missing"],
    ),
    "mask of another size": ("truth", shrink_mask, ["SegmentationClass/d.png", "5 x 7", "32 x 24"]),
    "unknown label in a mask": ("truth", spoil_mask, ["SegmentationClass/d.png", "77"]),
    "unknown label": (
        "dataset",
        lambda root: write_annotation(root, "b", ["unicorn"]),
        ["Annotations/b.xml", "'unicorn'"],
    ),
    "no objects": (
        "dataset",
        lambda root: write_annotation(root, "b", []),
        ["Annotations/b.xml", "no objects"],
    ),
    "empty split": (
        "dataset",
        lambda root: write_list(root, "val", []),
        ["Segmentation/val.txt", "empty"],
    ),
    "duplicate ids": (
        "dataset",
        lambda root: write_list(root, "train", ["a", "b", "a"]),
        ["Segmentation/train.txt", "'a'", "2 times"],
    ),
}


@pytest.mark.parametrize("what", DATA)
def test_bad_data(run, what):
    stage, spoil, words = DATA[what]
    spoil(run.work / "voc")
    index = "evaluate-000" if stage == "truth" else "train"
    check_refused(run, list_photographs(run, index), *words)
    assert not list(run.folder.glob(f"{stage}/*"))
    # The sentence stands in the log too, and there it needs no traceback either.
    log = (run.folder / "logs" / f"{stage}.log").read_text()
    assert all(word in log for word in words)
    assert TRACEBACK not in log


@pytest.mark.parametrize("index", ["train", "evaluate-000"])
def test_good_data_pass(run, index):
    ran = list_photographs(run, index)
    assert ran.returncode == 0, ran.stderr
    assert len(list(run.folder.glob(f"*/{index}.csv"))) == 2


# Networks.

MODELS = {
    "weights that don't fit": (
        {"weights": "weights.safetensors"},
        ["weights.safetensors", "does not fit"],
    ),
    "Swin": ({"name": "swin_tiny_patch4_window7_224"}, ["SwinTransformer"]),
    # Without a CNN there is no AffinityNet: better said now than after the cues and the CRF.
    "no stem": ({"name": "vit_tiny_patch16_224"}, ["AffinityNet", "hybrid"]),
}


@pytest.mark.parametrize("what", MODELS)
def test_bad_model(run, what):
    changes, words = MODELS[what]
    save_file({"stem.weight": np.zeros((2, 3), np.float32)}, run.work / "weights.safetensors")
    run = Run(run.work, merge_config(run.overlay, {"classifier": {"model": changes}}))
    assert list_photographs(run, "train").returncode == 0
    ran = train_classifier(run)
    check_refused(run, ran, *words)
    assert "epoch" not in (run.folder / "logs" / "classifier.log").read_text()


# Through Snakemake, which adds words of its own.

CONFIGS = {
    "unknown key": (
        {"crf": {"alpha_lo": 4}},
        "config key crf: 'alpha_lo' is not a known key; did you mean alpha_low?",
    ),
    "alphas": (
        {"crf": {"alpha_low": 32, "alpha_high": 32}},
        "config key crf.alpha_low: 32 must be below crf.alpha_high (32)",
    ),
}


@pytest.mark.parametrize("what", CONFIGS)
def test_bad_config(run, what):
    changes, sentence = CONFIGS[what]
    run = Run(run.work, merge_config(run.overlay, changes))
    ran = run.snakemake()
    assert ran.returncode != 0
    assert TRACEBACK not in ran.stdout + ran.stderr
    lines = (ran.stdout + ran.stderr).splitlines()
    assert len([line for line in lines if line.startswith(sentence)]) == 1, ran.stderr
    assert not (run.work / "results").exists()


PLANNED = {
    "missing root": (DATA["missing root"][1], "voc: no such folder"),
    "empty split": (DATA["empty split"][1], "Segmentation/val.txt: the list is empty"),
    "duplicate ids": (DATA["duplicate ids"][1], "train.txt: id 'a' stands there 2 times"),
}


@pytest.mark.parametrize("what", PLANNED)
def test_bad_lists_are_refused_before_anything_is_planned(run, what):
    spoil, sentence = PLANNED[what]
    spoil(run.work / "voc")
    ran = run.snakemake("--dry-run")
    assert ran.returncode != 0
    assert TRACEBACK not in ran.stdout + ran.stderr
    lines = (ran.stdout + ran.stderr).splitlines()
    assert len([line for line in lines if sentence in line]) == 1, lines
    assert not (run.work / "results").exists()


BEFORE_TRAINING = {
    "truncated photograph": (
        truncate_photograph, "dataset/train", ["JPEGImages/b.jpg", "cannot be decoded"],
    ),
    "mask of another size": (
        shrink_mask, "truth/evaluate-000", ["SegmentationClass/d.png", "5 x 7", "32 x 24"],
    ),
    "no photograph of the classes": (
        lambda root: write_annotation(root, "d", ["car"]),
        "counts",
        ["dataset.evaluate", "list 'val'", "dog, cat"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BEFORE_TRAINING)
def test_bad_data_through_snakemake(run, what):
    spoil, log, words = BEFORE_TRAINING[what]
    spoil(run.work / "voc")
    ran = run.snakemake()
    check_refused(run, ran, *words)
    assert words[0] in (run.folder / "logs" / f"{log}.log").read_text()
    assert not (run.folder / "classifier").exists()
    assert not (run.folder / "logs" / "classifier.log").exists()
