"""VOC layout: what is read, from a small tree and from real photographs."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from trees import HEIGHT, VOC_ANIMALS, WANTED, WIDTH, read, read_truths, roles, write_voc

from cuewalk.datasets.images import load_image
from cuewalk.datasets.truth import load_truth
from cuewalk.datasets.voc import (
    VOC_CLASSES,
    class_names,
    read_voc,
    read_voc_truths,
    save_mask,
    voc_palette,
    wanted_classes,
)

ANIMALS = ("cat", "cow", "dog", "horse", "person", "sheep")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_voc(tmp_path / "VOC2012")


def test_records(root: Path) -> None:
    data = read(root)
    assert [r.id for r in data.records] == ["a", "b", "d"]
    assert data.left_out == 1
    first = data.records[0]
    assert (first.path, first.splits) == ("JPEGImages/a.jpg", ("train", "val"))
    assert first.labels == ("dog", "cat")
    assert (first.height, first.width) == (HEIGHT, WIDTH)
    assert first.sha256 == hashlib.sha256((root / first.path).read_bytes()).hexdigest()


def test_labels_of_other_classes_are_dropped(root: Path) -> None:
    assert read(root).records[2].labels == ("dog",)
    assert read(root, classes=()).records[3].labels == ("car", "dog")


def test_labels_are_in_the_order_of_the_wanted_classes(root: Path) -> None:
    assert read(root, classes=("cat", "dog")).records[0].labels == ("cat", "dog")


def test_without_classes_all_twenty_are_wanted(root: Path) -> None:
    data = read(root, classes=())
    assert wanted_classes(root, ()) == (VOC_CLASSES, tuple(range(1, 21)))
    assert len(VOC_CLASSES) == 20
    assert (VOC_CLASSES[0], VOC_CLASSES[14], VOC_CLASSES[19]) == (
        "aeroplane",
        "person",
        "tvmonitor",
    )
    assert data.left_out == 0


def test_truths(root: Path) -> None:
    truths = read_truths(root)
    assert [t.id for t in truths] == ["a", "d"]
    assert [t.path for t in truths] == ["SegmentationClass/a.png", "SegmentationClass/d.png"]
    content = (root / truths[0].path).read_bytes()
    assert truths[0].sha256 == hashlib.sha256(content).hexdigest()


def test_no_mask_is_opened_to_list_photographs(root: Path) -> None:
    for path in (root / "SegmentationClass").iterdir():
        path.write_bytes(b"")
    assert len(read(root).records) == 3


def test_masks_from_another_folder(root: Path) -> None:
    (root / "SegmentationClass").rename(root / "SegmentationClassAug")
    truths = read_truths(root, masks="SegmentationClassAug")
    assert truths[0].path == "SegmentationClassAug/a.png"


def test_only_what_is_asked_for_is_read(root: Path) -> None:
    (root / "JPEGImages/a.jpg").unlink()
    (root / "Annotations/b.xml").unlink()
    data = read_voc(root, {"d": ("train", "val"), "c": ("val",)}, classes=WANTED)
    assert [(r.id, r.splits) for r in data.records] == [("d", ("train", "val"))]
    assert data.left_out == 1


def test_progress_sees_every_kept_photograph(root: Path) -> None:
    seen: list[str] = []

    def progress(ids: Iterable[str]) -> Iterable[str]:
        seen.extend(ids)
        return seen

    assert len(read(root, progress=progress).records) == 3
    assert seen == ["a", "b", "d"]


def test_classes_txt_replaces_the_twenty(root: Path) -> None:
    (root / "classes.txt").write_text("car\ncat\ndog\n")
    assert class_names(root) == ("car", "cat", "dog")
    assert wanted_classes(root, ()) == (("car", "cat", "dog"), (1, 2, 3))
    assert wanted_classes(root, WANTED) == (WANTED, (3, 2))


def test_load_image_is_rgb(root: Path) -> None:
    record = read(root).records[0]
    Image.new("L", (WIDTH, HEIGHT), 77).save(root / record.path)
    image = load_image(root, record)
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert image.dtype == np.uint8
    assert (image == 77).all()


def test_load_truth_gives_positions_in_wanted(root: Path) -> None:
    truth = read_truths(root)[0]
    raw = np.asarray(Image.open(root / truth.path))
    assert set(np.unique(raw)) == {0, 7, 8, 12, 255}
    _, mask_ids = wanted_classes(root, WANTED)
    assert mask_ids == (12, 8)
    mask = load_truth(root, truth, mask_ids)
    assert mask.dtype == np.uint8
    # dog 12 -> 1, cat 8 -> 2; car isn't wanted and goes to void.
    for before, after in {0: 0, 12: 1, 8: 2, 7: 255, 255: 255}.items():
        assert (mask[raw == before] == after).all()


def test_a_mask_without_ids_tells_object_from_background(root: Path) -> None:
    truth = read_truths(root)[0]
    raw = np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH)
    save_mask(root / truth.path, raw)
    mask = load_truth(root, truth, ())
    assert np.array_equal(mask, np.where(raw <= 1, raw, 255))


def test_palette() -> None:
    palette = voc_palette()
    assert palette.shape == (256, 3)
    assert palette.dtype == np.uint8
    # From VOC's own masks: background, aeroplane, bicycle, person, tvmonitor, void.
    known = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 15: (192, 128, 128), 20: (0, 64, 128),
             255: (224, 224, 192)}  # fmt: skip
    for id, colour in known.items():
        assert tuple(palette[id]) == colour
    assert len(np.unique(palette, axis=0)) == 256


def test_save_mask(tmp_path: Path) -> None:
    mask = np.arange(256, dtype=np.uint8).reshape(8, 32)
    save_mask(tmp_path / "mask.png", mask)
    image = Image.open(tmp_path / "mask.png")
    assert (image.mode, image.format) == ("P", "PNG")
    assert np.array_equal(np.asarray(image), mask)
    assert np.array_equal(np.asarray(image.convert("RGB")), voc_palette()[mask])
    assert [path.name for path in tmp_path.iterdir()] == ["mask.png"]


@pytest.mark.skipif(
    not VOC_ANIMALS.is_dir(), reason=f"no photographs at {VOC_ANIMALS}; set CUEWALK_SHARED"
)
def test_voc_animals() -> None:
    lists = ("train", "trainaug", "val")
    data = read_voc(VOC_ANIMALS, roles(VOC_ANIMALS, lists), classes=ANIMALS)
    counts = {s: sum(s in r.splits for r in data.records) for s in lists}
    assert counts == {"train": 422, "trainaug": 1222, "val": 218}
    assert data.left_out == 0
    truths = read_voc_truths(VOC_ANIMALS, [r for r in data.records if "val" in r.splits])
    assert len(truths) == 218
    _, mask_ids = wanted_classes(VOC_ANIMALS, ANIMALS)
    shown = {name: sum(name in r.labels for r in data.records) for name in ANIMALS}
    assert shown == {"cat": 432, "cow": 159, "dog": 499, "horse": 214, "person": 283, "sheep": 157}
    by_id = {r.id: r for r in data.records}
    for truth in truths[::20]:
        mask = load_truth(VOC_ANIMALS, truth, mask_ids)
        record = by_id[truth.id]
        assert load_image(VOC_ANIMALS, record).shape == (*mask.shape, 3)
        # What the mask shows, the label names: two sources that agree only if ids are right.
        assert {ANIMALS[id - 1] for id in np.unique(mask) if 0 < id < 255} <= set(record.labels)
