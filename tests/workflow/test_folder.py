"""Photographs of one's own without any ground truth: masks for all of them, and further forms."""

import contextlib
import csv
import io
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pycocotools.coco import COCO
from runs import CLASSES, ROOT, TINY, Run

from cuewalk.audit.folder import load
from cuewalk.audit.judge import Verdict, judge
from cuewalk.config import merge_config
from cuewalk.datasets.shapes import draw_picture
from cuewalk.datasets.voc import save_mask

pytestmark = pytest.mark.timeout(1800)  # the first test waits for a whole run

NAMES = ("a", "a photo (1)", "trip/b", "trip/day 2/c", "trip/day 2/d", "e", "f", "g")
UNMASKED = {"a", "trip/b"}
"""Photographs without ground truth, when there is some."""
IDS = ["a", "a_photo__1_", "e", "f", "g", "trip__b", "trip__day_2__c", "trip__day_2__d"]
SCORING = Counter(
    truth=1, confusion_cue=1, confusion_crf=1, confusion_walk=1, confusion_labels=1, metrics=1,
    report=1,
)  # fmt: skip


def write_photographs(root: Path) -> None:
    """Drawn photographs in folders, some kept in odd ways, and masks beside them."""
    rows = []
    for number, name in enumerate(NAMES):
        picture = draw_picture(0, number, 64)
        image, options, suffix = Image.fromarray(picture.photograph), {}, ".jpg"
        if name == "e":
            image, suffix = image.convert("RGBA"), ".PNG"
        elif name == "f":  # as a camera held upright stores it
            image, exif = image.rotate(90, expand=True), Image.Exif()
            exif[0x0112] = 6
            options["exif"] = exif
        path = root / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, **options)
        if name not in UNMASKED:
            save_mask(root.parent / "masks" / f"{name}.png", picture.mask)
        shown = {thing.name for thing in picture.things}
        rows.append([name, *(int(c in shown) for c in CLASSES)])
    with (root.parent / "labels.csv").open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";").writerows([["id", *CLASSES], *rows])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    work = tmp_path_factory.mktemp("folder")
    write_photographs(work / "photographs")
    changes = {
        "run": "folder",
        "tables": ["masks"],
        "dataset": {
            "kind": "folder", "root": "photographs", "labels": "../labels.csv", "masks": None,
            "train": "all", "select": None, "evaluate": "all",
        },
        "shards": {"train": 1},
    }  # fmt: skip
    run = Run(work, merge_config(TINY, changes))
    run.snakemake_or_fail()
    return run


def changed(run: Run, **changes: object) -> Run:
    return Run(run.work, merge_config(run.overlay, changes))


def masks(run: Run) -> dict[str, np.ndarray]:
    return {p.stem: np.asarray(Image.open(p)) for p in run.folder.glob("masks/*/*.png")}


def test_every_photograph_gets_a_mask(run):
    found = masks(run)
    assert sorted(found) == IDS
    for number, name in enumerate(NAMES):
        id = name.replace("/", "__").replace(" ", "_").replace("(", "_").replace(")", "_")
        assert found[id].shape == draw_picture(0, number, 64).mask.shape  # upright
        assert found[id].max() <= len(CLASSES)


def test_nothing_is_scored_and_nothing_left_to_do(run):
    left = {path.name for path in run.folder.iterdir()}
    assert {"masks", "walk", "classifier", "predictions", "report.html"} <= left
    assert not left & {"truth", "confusion"}
    page = (run.folder / "report.html").read_text()
    assert 'id="gallery"' in page and 'id="masks"' not in page
    assert [path.name for path in (run.folder / "metrics").glob("*.csv")] == ["precision.csv"]
    assert run.planned() == {}
    assert {one.verdict for one in judge(load(run.folder))} == {Verdict.OK}


def test_exports_are_made_from_what_is_there(run):
    run = changed(run, exports=["coco", "confidence"])
    assert run.planned() == {"coco": 1, "confidence": 1}
    run.snakemake_or_fail()
    assert run.planned() == {}
    found = masks(run)
    coco = COCO(str(run.folder / "exports/coco/annotations/instances.json"))
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == list(CLASSES)
    assert len(coco.imgs) == len(found)
    for image in coco.loadImgs(coco.getImgIds()):
        path = run.folder / "masks" / image["mask"]
        decoded = np.zeros((image["height"], image["width"]), np.uint8)
        for annotation in coco.loadAnns(coco.getAnnIds(image["id"])):
            decoded[coco.annToMask(annotation) == 1] = annotation["category_id"]
        assert np.array_equal(decoded, np.asarray(Image.open(path)))
        assert (run.work / "photographs" / image["file_name"]).is_file()
        sure = Image.open(run.folder / "exports/confidence" / image["mask"])
        assert sure.mode == "L"
        assert sure.size == (image["width"], image["height"])
    assert {one.verdict for one in judge(load(run.folder))} == {Verdict.OK}
    receipt = json.loads((run.folder / "exports/coco.json").read_text())
    assert receipt["images"] == len(found)


def test_masks_of_truth_that_come_later_are_scored_and_change_nothing_else(run):
    before = {p: p.stat().st_mtime_ns for p in run.folder.glob("*/*/*")}
    run = changed(run, dataset={"masks": "../masks"})
    assert Counter(run.planned()) == SCORING
    # Some photographs have a mask, others have none.
    table = run.folder / "metrics" / "masks.csv"
    run.snakemake_or_fail(str(table.relative_to(run.work)))
    rows = pd.read_csv(table)
    assert set(rows["images"]) == {len(NAMES) - len(UNMASKED)}
    assert rows["miou"].between(0, 100).all()
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_a_label_computes_its_followers_again(run):
    labels = run.work / "labels.csv"
    kept = labels.read_bytes()
    try:
        labels.write_bytes(kept.replace(b";", b","))
        assert run.planned() == {}  # the same labels, written another way
        lines = kept.decode().splitlines()
        lines[1] = lines[1].replace("0", "1", 1)
        labels.write_text("\n".join(lines))
        assert {"dataset", "classifier", "masks"} <= set(run.planned())
    finally:
        labels.write_bytes(kept)


def test_results_among_the_photographs_are_refused(run):
    ran = changed(run, dataset={"root": ".", "labels": "labels.csv"}).snakemake("--dry-run")
    assert ran.returncode != 0
    assert "the results would lie among the photographs" in ran.stdout + ran.stderr
    assert "Traceback (most recent call last)" not in ran.stdout + ran.stderr


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_page_on_next_steps_runs(run, tmp_path, monkeypatch):
    """Copies of one folder, two steps of torchvision, and COCO: each block of code as it stands."""
    changed(run, exports=["coco", "confidence"]).snakemake_or_fail()
    page = (ROOT / "docs" / "next-steps.md").read_text()
    page = page.replace("results/demo/photographs", str(run.work / "photographs"))
    page = page.replace("results/demo", str(run.folder)).replace("unsure = 0", "unsure = 100")
    copying, training, loading = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    monkeypatch.chdir(tmp_path)
    exec(compile(copying, "copying", "exec"), {})
    found = masks(run)
    assert len(list(Path("dataset/images").iterdir())) == len(found)
    for id, mask in found.items():
        kept = np.asarray(Image.open(f"dataset/masks/{id}.png"))
        assert Image.open(f"dataset/images/{id}.jpg").size == kept.shape[::-1]
        assert np.array_equal(kept[kept != 255], mask[kept != 255])
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(training, "training", "exec"), {})
    losses = re.findall(r"^step \d: loss (\d+\.\d+)$", said.getvalue(), re.M)
    assert len(losses) == 2
    loaded: dict = {}
    exec(compile(loading, "loading", "exec"), loaded)
    assert np.array_equal(
        loaded["mask"], np.asarray(Image.open(run.folder / "masks" / loaded["image"]["mask"]))
    )
