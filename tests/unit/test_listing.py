"""What counts of a data set for whether to compute again, before anything is opened."""

from pathlib import Path
from typing import Any

import pytest
from imagenets import write_flat, write_folders
from trees import write_list, write_voc

from cuewalk.artifacts.digests import FileDigests
from cuewalk.datasets.listing import Listed, data_digest, list_files

VOC: dict[str, Any] = {
    "kind": "voc", "masks": "SegmentationClass", "classes": ["dog"], "labels": None,
    "train": "train", "select": None, "evaluate": "val", "limit": None,
}  # fmt: skip
IMAGENET = VOC | {"kind": "imagenet", "train": None, "classes": []}


def digest(dataset: dict[str, Any], root: Path, listed: list[Listed], masks: bool = False) -> str:
    return data_digest(dataset, root, listed, FileDigests(root / "memory.json"), masks=masks)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_voc(tmp_path / "voc")


def test_photographs_of_voc_with_roles_and_masks(root: Path) -> None:
    listed = list_files(VOC, root)
    roles = [(one.id, one.roles, one.part) for one in listed]
    assert roles == [
        ("a", ("train", "evaluate"), "train"),
        ("b", ("train",), "train"),
        ("c", ("train",), "train"),
        ("d", ("evaluate",), "evaluate"),
    ]
    assert [len(one.masks) for one in listed] == [1, 0, 0, 1]
    for one in listed:
        assert {path.name for path in one.files} == {
            f"{one.id}.jpg",
            f"{one.id}.xml",
            "classes.txt",
        }


def test_what_cannot_be_listed_is_left_to_the_dataset_stage(tmp_path: Path) -> None:
    for dataset in (VOC, IMAGENET, VOC | {"kind": "shapes"}):
        assert list_files(dataset, tmp_path / "nowhere") == []


def test_classes_roles_pixels_and_labels_count(root: Path) -> None:
    before = digest(VOC, root, list_files(VOC, root))
    assert digest(VOC | {"classes": ["cat"]}, root, list_files(VOC, root)) != before
    assert digest(VOC, root, list_files(VOC | {"select": "val"}, root)) != before
    for name in ("JPEGImages/b.jpg", "Annotations/b.xml"):
        path = root / name
        kept = path.read_bytes()
        path.write_bytes(kept + b" ")
        assert digest(VOC, root, list_files(VOC, root)) != before
        path.write_bytes(kept)
    assert digest(VOC, root, list_files(VOC, root)) == before
    (root / "classes.txt").write_text("dog\n")
    assert digest(VOC, root, list_files(VOC, root)) != before


def test_masks_count_where_they_are_asked_for(root: Path) -> None:
    listed = list_files(VOC, root)
    blind, sighted = digest(VOC, root, listed), digest(VOC, root, listed, masks=True)
    path = root / "SegmentationClass" / "d.png"
    path.write_bytes(path.read_bytes() + b" ")
    assert digest(VOC, root, listed) == blind
    assert digest(VOC, root, listed, masks=True) != sighted


def test_place_does_not_count(root: Path, tmp_path: Path) -> None:
    before = digest(VOC, root, list_files(VOC, root))
    moved = root.rename(tmp_path / "elsewhere")
    assert digest(VOC | {"root": "x"}, moved, list_files(VOC, moved)) == before


def test_a_limit_concerns_only_what_is_reported_on(root: Path) -> None:
    write_list(root, "val", ["d"])
    limited = VOC | {"limit": 5}
    for id, same in (("b", True), ("d", False)):
        listed = [one for one in list_files(VOC, root) if one.id == id]
        assert (digest(limited, root, listed) == digest(VOC, root, listed)) == same


def test_class_folders_and_label_files_of_imagenet_count(tmp_path: Path) -> None:
    folders = write_folders(tmp_path / "folders")
    listed = list_files(IMAGENET, folders)
    assert {"a", "b", "c"} <= {one.id for one in listed}
    before = digest(IMAGENET, folders, listed)
    (folders / "val" / "n00").mkdir()
    assert digest(IMAGENET, folders, list_files(IMAGENET, folders)) != before

    flat = write_flat(tmp_path / "flat")
    with_labels = IMAGENET | {"labels": "labels.csv"}
    before = digest(with_labels, flat, list_files(with_labels, flat))
    (flat / "labels.csv").write_text("id,label\n")
    assert digest(with_labels, flat, list_files(with_labels, flat)) != before


def test_imagenet_segmentation_is_one_file_for_every_shard(tmp_path: Path) -> None:
    (one,) = list_files(VOC | {"kind": "imagenet_segmentation"}, tmp_path)
    assert (one.id, one.part) == ("", "evaluate")
    assert one.files == one.masks == (tmp_path / "gtsegs_ijcv.mat",)
