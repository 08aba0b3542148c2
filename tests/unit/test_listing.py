"""What counts of a data set for whether to compute again, before anything is opened."""

from pathlib import Path
from typing import Any

import pytest
from imagenets import SORTED, write_flat, write_folders
from mats import write_mat
from trees import write_voc

from cuewalk.artifacts.digests import FileDigests
from cuewalk.datasets.listing import Listed, data_digest, list_classes, list_photographs
from cuewalk.errors import InputError

VOC: dict[str, Any] = {
    "kind": "voc", "masks": "SegmentationClass", "classes": ["dog"], "labels": None,
    "train": "train", "select": None, "evaluate": "val", "limit": None,
    "shapes": {"train": 5, "select": 2, "evaluate": 3, "size": 64},
}  # fmt: skip
IMAGENET = VOC | {"kind": "imagenet", "train": None, "classes": []}


def digest(dataset: dict[str, Any], root: Path, listed: list[Listed], masks: bool = False) -> str:
    return data_digest(dataset, root, listed, FileDigests(root / "memory.json"), masks=masks)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_voc(tmp_path / "voc")


def test_photographs_of_voc_with_roles_and_masks(root: Path) -> None:
    (root / "classes.txt").write_text("car\ncat\ndog\n")
    listed = list_photographs(VOC, root)
    roles = [(one.id, one.roles, one.shard({"train": 1, "evaluate": 1})) for one in listed]
    assert roles == [
        ("a", ("train", "evaluate"), "train-000"),
        ("b", ("train",), "train-000"),
        ("c", ("train",), "train-000"),
        ("d", ("evaluate",), "evaluate-000"),
    ]
    assert [len(one.masks) for one in listed] == [1, 0, 0, 1]
    for one in listed:
        assert one.files == (f"JPEGImages/{one.id}.jpg", f"Annotations/{one.id}.xml", "classes.txt")


def test_photographs_of_the_built_in_data_are_known_before_they_are_drawn(tmp_path: Path) -> None:
    listed = list_photographs(VOC | {"kind": "shapes"}, tmp_path)
    assert [(one.id, one.roles) for one in listed] == [
        (f"shape_{number:06d}", ("evaluate",) if number < 3 else ("train",))
        for number in (0, 1, 2, 5, 6, 7, 8, 9)
    ]
    with_select = list_photographs(VOC | {"kind": "shapes", "select": "select"}, tmp_path)
    assert {one.id for one in with_select if one.roles == ("select",)} == {
        "shape_000003", "shape_000004",
    }  # fmt: skip
    with pytest.raises(InputError, match=r"dataset\.evaluate.*'test'.*val, select, train"):
        list_photographs(VOC | {"kind": "shapes", "evaluate": "test"}, tmp_path)


def test_a_limit_is_a_fair_sample_of_what_is_reported_on(root: Path) -> None:
    # CRC-32 puts d before a, which stays to be learnt from.
    listed = list_photographs(VOC | {"limit": 1}, root)
    assert [(one.id, one.roles) for one in listed] == [
        ("a", ("train",)), ("b", ("train",)), ("c", ("train",)), ("d", ("evaluate",)),
    ]  # fmt: skip
    assert [len(one.masks) for one in listed] == [0, 0, 0, 1]
    for enough in (2, 9):
        limited = list_photographs(VOC | {"limit": enough}, root)
        assert limited == list_photographs(VOC, root)
    with pytest.raises(InputError, match="limit 0"):
        list_photographs(VOC | {"limit": 0}, root)


@pytest.mark.parametrize("kind", ["voc", "imagenet", "imagenet_segmentation"])
def test_a_missing_root_is_refused(tmp_path: Path, kind: str) -> None:
    for lists in (list_photographs, list_classes):
        if kind == "imagenet_segmentation" and lists is list_classes:
            continue  # its classes are the network's
        with pytest.raises(InputError, match="nowhere: no such folder"):
            lists(VOC | {"kind": kind}, tmp_path / "nowhere")


def test_classes_of_every_kind(root: Path, tmp_path: Path) -> None:
    assert list_classes(VOC, root) == (("dog",), (12,))
    shapes = list_classes(VOC | {"kind": "shapes", "classes": ["dots", "stripes"]}, root)
    assert shapes == (("dots", "stripes"), (3, 1))
    flat = write_flat(tmp_path / "flat")
    assert list_classes(IMAGENET | {"labels": "labels.csv"}, flat) == (("fox", "wolf"), ())
    devkit = IMAGENET | {"labels": "ILSVRC2012_validation_ground_truth.txt"}
    assert list_classes(devkit, flat) == (SORTED, ())
    assert len(list_classes(VOC | {"kind": "imagenet_segmentation"}, root).names) == 1000


# A shard's photographs: each in exactly one, which no other photograph moves it from.

SHARDS = {"train": 3, "evaluate": 2}
ROLES = [("train",), ("select",), ("evaluate",), ("train", "select"), ("train", "evaluate")]
MANY = [Listed(f"2007_{i:06d}", ROLES[i % 5], ()) for i in range(60)]


def test_a_shard_is_of_the_photographs_part_and_never_depends_on_others() -> None:
    for one in MANY:
        part, number = one.shard(SHARDS).split("-")
        assert part == ("evaluate" if one.roles == ("evaluate",) else "train")
        assert 0 <= int(number) < SHARDS[part]
        assert one.index(SHARDS) == ("train" if part == "train" else one.shard(SHARDS))
    assert {one.shard(SHARDS) for one in MANY} == {
        f"{part}-{number:03d}" for part, count in SHARDS.items() for number in range(count)
    }


def test_another_number_of_shards_of_one_part_leaves_the_other_alone() -> None:
    other = {"train": 5, "evaluate": 2}
    for one in MANY:
        if one.roles == ("evaluate",):
            assert one.shard(other) == one.shard(SHARDS)


def test_classes_roles_pixels_and_labels_count(root: Path) -> None:
    before = digest(VOC, root, list_photographs(VOC, root))
    assert digest(VOC | {"classes": ["cat"]}, root, list_photographs(VOC, root)) != before
    assert digest(VOC, root, list_photographs(VOC | {"select": "val"}, root)) != before
    for name in ("JPEGImages/b.jpg", "Annotations/b.xml"):
        path = root / name
        kept = path.read_bytes()
        path.write_bytes(kept + b" ")
        assert digest(VOC, root, list_photographs(VOC, root)) != before
        path.write_bytes(kept)
    assert digest(VOC, root, list_photographs(VOC, root)) == before
    (root / "classes.txt").write_text("dog\n")
    assert digest(VOC, root, list_photographs(VOC, root)) != before


def test_masks_count_where_they_are_asked_for(root: Path) -> None:
    listed = list_photographs(VOC, root)
    blind, sighted = digest(VOC, root, listed), digest(VOC, root, listed, masks=True)
    path = root / "SegmentationClass" / "d.png"
    path.write_bytes(path.read_bytes() + b" ")
    assert digest(VOC, root, listed) == blind
    assert digest(VOC, root, listed, masks=True) != sighted


def test_place_does_not_count(root: Path, tmp_path: Path) -> None:
    before = digest(VOC, root, list_photographs(VOC, root))
    moved = root.rename(tmp_path / "elsewhere")
    assert digest(VOC | {"root": "x"}, moved, list_photographs(VOC, moved)) == before


def test_class_folders_and_labels_of_imagenet_count(tmp_path: Path) -> None:
    folders = write_folders(tmp_path / "folders")
    listed = list_photographs(IMAGENET, folders)
    assert [(one.id, one.labels) for one in listed] == [
        ("a", ("n03",)), ("b", ("n01",)), ("c", ("n01",)), ("d", ("n02",)),
    ]  # fmt: skip
    before = digest(IMAGENET, folders, listed)
    (folders / "val/n03/a.JPEG").rename(folders / "val/n01/a.JPEG")
    assert digest(IMAGENET, folders, list_photographs(IMAGENET, folders)) != before

    flat = write_flat(tmp_path / "flat")
    labels = IMAGENET | {"labels": "labels.csv"}
    before = {one.id: digest(labels, flat, [one]) for one in list_photographs(labels, flat)}
    (flat / "labels.csv").write_text("id,label\na,wolf\nb,wolf\nc,wolf\n")
    after = {one.id: digest(labels, flat, [one]) for one in list_photographs(labels, flat)}
    assert [id for id in before if before[id] != after[id]] == ["b"]


def test_imagenet_segmentation_lies_in_one_file(tmp_path: Path) -> None:
    write_mat(tmp_path)
    listed = list_photographs(VOC | {"kind": "imagenet_segmentation", "limit": 2}, tmp_path)
    assert [one.id for one in listed] == ["0000", "0001"]
    assert {one.files + one.masks for one in listed} == {("gtsegs_ijcv.mat",) * 2}
