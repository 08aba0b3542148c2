"""An edit computes again what it changed, and nothing else: the table of docs/invalidation.md.

Each edit is made to a finished run, or to the project's code, and a dry run counts the jobs.
"""

import os
import shutil
from collections import Counter

import pytest
from PIL import Image, ImageOps
from runs import ROOT, Run

from cuewalk.config import merge_config

pytestmark = pytest.mark.timeout(1800)  # the first test waits for two whole runs

METHODS = 3
# What follows from a job of one shard, up to the masks' table.
WALKED = Counter(walk=1, confusion_walk=1)
EVALUATED = WALKED + Counter(masks=1)
TABLES = Counter(metrics=1, report=1)
ALL_WALKED = WALKED + EVALUATED + EVALUATED + TABLES  # one train shard, two evaluate shards
LABELLED = Counter(labels=3, affinitynet=1, confusion_labels=1) + ALL_WALKED
CUES = Counter(cues=3, crf=3, confusion_cue=3, confusion_crf=3) + LABELLED
BY_METHOD = Counter(explanations=METHODS, perturbation=METHODS, segmentation=METHODS)
EXPLAINED = Counter(faithfulness=1, cue_segmentation=1)
# Of one evaluate shard, from its photographs to the tables, with nothing learnt again.
ONE_SHARD = (
    Counter(dataset=1, truth=1, counts=1, predictions=1, precision=1)
    + Counter(cues=1, crf=1, labels=1, confusion_cue=1, confusion_crf=1)
    + EVALUATED
    + TABLES
    + BY_METHOD
    + EXPLAINED
)
ALL_FROM_CLASSIFIER = (
    Counter(dataset=1, truth=1, counts=1, classifier=1, predictions=2, precision=1)
    + CUES
    + BY_METHOD
    + BY_METHOD
    + EXPLAINED
)

SETTINGS = {
    "walk beta": ({"walk": {"beta": 15}}, ALL_WALKED),
    "walk steps": ({"walk": {"steps": 9}}, ALL_WALKED),
    "alpha low": ({"crf": {"alpha_low": 15}}, Counter(crf=3, confusion_crf=3) + LABELLED),
    "two keys swap their values": (
        {"crf": {"gaussian": {"sxy": 80}, "bilateral": {"sxy": 3}}},
        Counter(crf=3, confusion_crf=3) + LABELLED,
    ),
    "AffinityNet's learning rate": (
        {"affinitynet": {"learning_rate": 0.05}},
        Counter(affinitynet=1) + ALL_WALKED,
    ),
    "background of the masks": ({"masks": {"background": {"place": "after", "alpha": 4}}}, None),
    "bootstrap": ({"metrics": {"bootstrap": 30}}, TABLES + EXPLAINED),
    "panels": ({"report": {"panels": 1}}, Counter(report=1)),
    "start layer": (
        {"explain": {"start_layer": 0}},
        Counter(explanations=4, perturbation=4, segmentation=4, report=1) + EXPLAINED,
    ),
    "batch size": ({"compute": {"batch_size": 5}}, Counter()),
    "workers": ({"compute": {"workers": 1}}, Counter()),
    "device": ({"compute": {"device": "auto"}}, Counter()),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_a_setting(blanked, what):
    changes, expected = SETTINGS[what]
    planned = Counter(Run(blanked.work, merge_config(blanked.overlay, changes)).planned())
    if expected is None:  # the background walks along, or no longer does
        assert planned == ALL_WALKED
    else:
        assert planned == expected


def test_threads(blanked):
    assert blanked.planned("--cores", "1") == {}


@pytest.fixture
def copy(blanked, tmp_path):
    """The finished run in another place, with photographs and code of its own: nothing to do."""
    shutil.copytree(blanked.work, tmp_path / "work", symlinks=True)
    project = tmp_path / "project"
    for name in ("src", "workflow", "envs"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy2(ROOT / name, project / name)
    root = {"dataset": {"root": str(tmp_path / "work" / "photographs")}}
    run = Run(tmp_path / "work", merge_config(blanked.overlay, root), project)
    assert run.planned() == {}
    return run


CODE = {
    "a line of the walk": ("affinity/walk.py", "", "\nSTEPS = 1\n", ALL_WALKED),
    "a line of the CRF": ("crf.py", "", "\nX = 1\n", Counter(crf=3, confusion_crf=3) + LABELLED),
    "a line of one explainer": (
        "explain/attention.py", "", "\nX = 1\n",
        Counter(explanations=2, perturbation=2, segmentation=2, report=1) + EXPLAINED,
    ),
    "a comment": ("affinity/walk.py", "", "\n# Comment.\n", Counter()),
    "a docstring": ("affinity/walk.py", '"""', '"""In other words: ', Counter()),
    "formatting": ("crf.py", "\n\n\n", "\n\n\n\n\n", Counter()),
}  # fmt: skip


@pytest.mark.parametrize("what", CODE)
def test_code(copy, what):
    file, old, new, expected = CODE[what]
    path = copy.project / "src" / "cuewalk" / file
    text = path.read_text()
    path.write_text(text.replace(old, new, 1) if old else text + new)
    assert path.read_text() != text
    assert Counter(copy.planned()) == expected


def listed(run, name):
    lists = run.photographs / "ImageSets" / "Segmentation"
    return (lists / f"{name}.txt").read_text().split()


def mirror(path):
    image = Image.open(path)
    ImageOps.mirror(image).save(path)


def test_touched_and_copied_photographs(copy):
    for path in (copy.photographs / "JPEGImages").iterdir():
        os.utime(path)
    annotations = copy.photographs / "Annotations"
    shutil.copytree(annotations, annotations.with_name("elsewhere"))
    shutil.rmtree(annotations)
    annotations.with_name("elsewhere").rename(annotations)
    assert copy.planned() == {}


def test_content_of_a_photograph_to_report_on(copy):
    mirror(copy.photographs / "JPEGImages" / f"{listed(copy, 'val')[0]}.jpg")
    assert Counter(copy.planned()) == ONE_SHARD


def test_content_of_a_photograph_to_learn_from(copy):
    mirror(copy.photographs / "JPEGImages" / f"{listed(copy, 'train')[0]}.jpg")
    assert Counter(copy.planned()) == ALL_FROM_CLASSIFIER


def test_labels_of_a_photograph_to_report_on(copy):
    path = copy.photographs / "Annotations" / f"{listed(copy, 'val')[0]}.xml"
    path.write_text(path.read_text() + "\n")
    assert Counter(copy.planned()) == ONE_SHARD


def test_a_mask_of_the_truth(copy):
    mask = copy.photographs / "SegmentationClass" / f"{listed(copy, 'val')[0]}.png"
    image = Image.open(mask)
    image.putpixel((0, 0), 255)
    image.save(mask)
    confusions = Counter(confusion_cue=1, confusion_crf=1, confusion_walk=1, segmentation=METHODS)
    tables = TABLES + Counter(cue_segmentation=1)
    assert Counter(copy.planned()) == Counter(truth=1) + confusions + tables


def test_a_photograph_more_to_report_on(copy):
    root, first = copy.photographs, listed(copy, "val")[0]
    for folder, suffix in (
        ("JPEGImages", "jpg"),
        ("Annotations", "xml"),
        ("SegmentationClass", "png"),
    ):
        shutil.copy(root / folder / f"{first}.{suffix}", root / folder / f"added.{suffix}")
    with (root / "ImageSets" / "Segmentation" / "val.txt").open("a") as file:
        file.write("added\n")
    assert Counter(copy.planned()) == ONE_SHARD


def test_shards_of_what_is_learnt_from(copy):
    cut = Run(copy.work, merge_config(copy.overlay, {"shards": {"train": 2}}), copy.project)
    planned = cut.planned()
    assert not {"dataset", "truth", "classifier", "predictions"} & set(planned)
    assert planned["cues"] == 2


@pytest.mark.parametrize("stage", ["cues", "walk", "explanations/relevance"])
def test_a_deleted_intermediate(copy, stage):
    shutil.rmtree(copy.folder / stage / "evaluate-001")
    following = {
        "cues": Counter(cues=1, crf=1, labels=1, confusion_cue=1, confusion_crf=1)
        + EVALUATED
        + TABLES,
        "walk": EVALUATED + TABLES,
        "explanations/relevance": Counter(explanations=1, perturbation=1, segmentation=1, report=1)
        + EXPLAINED,
    }[stage]
    assert Counter(copy.planned()) == following
