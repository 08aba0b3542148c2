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
    "dataset": {"kind": "voc", "root": "voc", "classes": ["dog", "cat"], "select": None},
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


def list_photographs(run: Run) -> subprocess.CompletedProcess[str]:
    files = ["index.csv", "truth.csv", "classes.csv"]
    return run.stage("dataset", ["dataset"], {"root": run.work / "voc"}, files)


def train_classifier(run: Run) -> subprocess.CompletedProcess[str]:
    listed = run.folder / "dataset"
    return run.stage(
        "classifier",
        ["classifier", "seed"],
        {
            "index": listed / "index.csv",
            "classes": listed / "classes.csv",
            "root": run.work / "voc",
        },
        ["model.safetensors", "history.csv"],
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
        lambda root: root.rename(root.with_name("elsewhere")),
        ["voc: no such folder"],
    ),
    "truncated photograph": (truncate_photograph, ["JPEGImages/b.jpg", "cannot be decoded"]),
    "missing photograph": (
        lambda root: (root / "JPEGImages" / "b.jpg").unlink(),
        ["JPEGImages/b.jpg", "missing"],
    ),
    "mask of another size": (shrink_mask, ["SegmentationClass/d.png", "5 x 7", "32 x 24"]),
    "unknown label in a mask": (spoil_mask, ["SegmentationClass/d.png", "77"]),
    "unknown label": (
        lambda root: write_annotation(root, "b", ["unicorn"]),
        ["Annotations/b.xml", "'unicorn'"],
    ),
    "no objects": (
        lambda root: write_annotation(root, "b", []),
        ["Annotations/b.xml", "no objects"],
    ),
    "empty split": (
        lambda root: write_list(root, "val", []),
        ["Segmentation/val.txt", "empty"],
    ),
    "duplicate ids": (
        lambda root: write_list(root, "train", ["a", "b", "a"]),
        ["Segmentation/train.txt", "'a'", "2 times"],
    ),
}


@pytest.mark.parametrize("what", DATA)
def test_bad_data(run, what):
    spoil, words = DATA[what]
    spoil(run.work / "voc")
    ran = list_photographs(run)
    check_refused(run, ran, *words)
    assert not (run.folder / "dataset").exists() or not list((run.folder / "dataset").iterdir())
    # The sentence stands in the log too, and there it needs no traceback either.
    log = (run.folder / "logs" / "dataset.log").read_text()
    assert all(word in log for word in words)
    assert TRACEBACK not in log


def test_good_data_pass(run):
    ran = list_photographs(run)
    assert ran.returncode == 0, ran.stderr
    assert len(list((run.folder / "dataset").glob("*.csv"))) == 3


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
    assert list_photographs(run).returncode == 0
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


def test_bad_data_through_snakemake(run):
    truncate_photograph(run.work / "voc")
    ran = run.snakemake()
    check_refused(run, ran, "JPEGImages/b.jpg", "cannot be decoded")
    left = [path for path in run.folder.rglob("*") if path.is_file()]
    assert left == [run.folder / "logs" / "dataset.log"]
