"""VOC layout: one test per kind of bad input."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from trees import HEIGHT, WIDTH, read, read_truths, write_annotation, write_list, write_voc

from cuewalk.datasets.images import load_image
from cuewalk.datasets.voc import save_mask
from cuewalk.errors import InputError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_voc(tmp_path / "VOC2012")


def fails(root: Path, *parts: str, **changes: object) -> None:
    """Reading raises an InputError of one line that holds all parts."""
    with pytest.raises(InputError) as caught:
        read(root, **changes)
        read_truths(root)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    for part in parts:
        assert part in message, message


def test_missing_root(tmp_path: Path) -> None:
    fails(tmp_path / "nowhere", "nowhere", "no such folder", "root")


def test_missing_list(root: Path) -> None:
    fails(root, "trainaug.txt", "no such list", splits=("trainaug", "val"))


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_empty_list(root: Path, content: str) -> None:
    (root / "ImageSets/Segmentation/val.txt").write_text(content)
    fails(root, "val.txt", "the list is empty")


def test_duplicate_id(root: Path) -> None:
    write_list(root, "train", ["b", "a", "c", "a"])
    fails(root, "train.txt", "'a'", "2 times")


@pytest.mark.parametrize("id", ["../a", "/etc/passwd", "..", ".a", "sub/a", "a 1", "a\\b", "a\0b"])
def test_id_that_is_no_plain_name(root: Path, id: str) -> None:
    write_list(root, "train", ["a", id])
    fails(root, "train.txt", "is not an id")


def test_list_that_is_not_utf8(root: Path) -> None:
    (root / "ImageSets/Segmentation/val.txt").write_bytes(b"a\n\xff\xfe\n")
    fails(root, "val.txt", "is not an id")


def test_split_that_leaves_the_folder(root: Path) -> None:
    fails(root, "'../val'", splits=("train", "../val"))


def test_missing_photograph(root: Path) -> None:
    (root / "JPEGImages/b.jpg").unlink()
    fails(root, "b.jpg is missing")


def test_several_missing_photographs_are_counted(root: Path) -> None:
    for id in "abd":
        (root / "JPEGImages" / f"{id}.jpg").unlink()
    fails(root, "a.jpg and 2 more are missing")


@pytest.mark.parametrize("content", [b"", b"not a photograph"])
def test_unreadable_photograph(root: Path, content: bytes) -> None:
    (root / "JPEGImages/b.jpg").write_bytes(content)
    fails(root, "b.jpg", "cannot be decoded")


def test_truncated_photograph(root: Path) -> None:
    path = root / "JPEGImages/b.jpg"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    assert Image.open(path).size == (WIDTH, HEIGHT)  # the header alone raises no suspicion
    fails(root, "b.jpg", "cannot be decoded")


def test_photograph_that_vanishes_later(root: Path) -> None:
    record = read(root).records[0]
    (root / record.path).unlink()
    with pytest.raises(InputError, match=r"a\.jpg: cannot be decoded"):
        load_image(root, record)


def test_missing_annotation(root: Path) -> None:
    (root / "Annotations/c.xml").unlink()
    fails(root, "c.xml is missing")


@pytest.mark.parametrize(
    "text",
    ["", "<annotation>", '<?xml version="1.0" encoding="no-such"?><a/>',
     '<!DOCTYPE a [<!ENTITY x "y">]><a><object><name>&x;</name></object></a>'],
)  # fmt: skip
def test_malformed_annotation(root: Path, text: str) -> None:
    (root / "Annotations/b.xml").write_text(text)
    fails(root, "b.xml", "not readable XML")


def test_annotation_without_objects(root: Path) -> None:
    write_annotation(root, "b", [])
    fails(root, "b.xml", "no objects")


def test_object_of_no_known_class(root: Path) -> None:
    write_annotation(root, "b", ["cat", "unicorn"])
    fails(root, "b.xml", "'unicorn'", "classes.txt")


def test_object_without_a_name(root: Path) -> None:
    (root / "Annotations/b.xml").write_text("<annotation><object/></annotation>")
    fails(root, "b.xml", "object ''")


def test_unknown_class_asked_for(root: Path) -> None:
    fails(root, "'unicorn'", "choose from aeroplane", classes=("dog", "unicorn"))


def test_class_asked_for_twice(root: Path) -> None:
    fails(root, "'dog'", "2 times", classes=("dog", "cat", "dog"))


@pytest.mark.parametrize("text", ["", "cat\ncat\n", "cat;dog\n", "\n".join(map(str, range(255)))])
def test_bad_classes_txt(root: Path, text: str) -> None:
    (root / "classes.txt").write_text(text)
    fails(root, "classes.txt", "distinct names")


def test_missing_mask(root: Path) -> None:
    (root / "SegmentationClass/d.png").unlink()
    fails(root, "d.png is missing")


def test_unreadable_mask(root: Path) -> None:
    (root / "SegmentationClass/d.png").write_bytes(b"not a mask")
    fails(root, "d.png", "cannot be decoded")


def test_mask_of_another_size(root: Path) -> None:
    save_mask(root / "SegmentationClass/d.png", np.zeros((WIDTH, HEIGHT), np.uint8))
    fails(root, "d.png", f"{HEIGHT} x {WIDTH} pixels", f"{WIDTH} x {HEIGHT}")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "1", "I;16"])
def test_mask_that_is_not_indexed(root: Path, mode: str) -> None:
    Image.new(mode, (WIDTH, HEIGHT)).save(root / "SegmentationClass/d.png")
    fails(root, "d.png", f"mode {mode}", "indexed")


def test_mask_with_an_unknown_label_id(root: Path) -> None:
    save_mask(root / "SegmentationClass/d.png", np.full((HEIGHT, WIDTH), 21, np.uint8))
    fails(root, "d.png", "label id 21", "0 to 20")


def test_class_called_as_label_id_0_is(root: Path) -> None:
    (root / "classes.txt").write_text("cat\nbackground\n")
    fails(root, "classes.txt", "'background'", "label id 0")
