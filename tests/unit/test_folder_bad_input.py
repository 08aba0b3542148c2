"""One's own photographs: one clear sentence for every kind of bad input."""

import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from folders import HEIGHT, ROWS, SECTION, WIDTH, noise, write_folder, write_masks
from PIL import Image

from cuewalk.datasets.folder import list_folder, read_folder, read_folder_truths
from cuewalk.datasets.listing import list_photographs
from cuewalk.datasets.record import limited
from cuewalk.datasets.voc import save_mask
from cuewalk.errors import InputError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "photographs")


def refused(call: Callable[[], object], *parts: str) -> None:
    """The call raises an InputError of one line that holds all parts."""
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith((".", "?", ")"))
    for part in parts:
        assert part in message, message


def read(root: Path, masks: str | None = None, labels: str | None = "labels.csv") -> None:
    found = list_folder(root, labels, masks)
    roles = dict.fromkeys(found.photographs, ("train", "evaluate"))
    read_folder_truths(root, read_folder(root, roles, found.photographs).records, found)


TABLES: dict[str, tuple[str | bytes, list[str]]] = {
    "empty": ("", ["labels.csv: the file is empty"]),
    "blank": ("\ufeff \r\n\r\n", ["the file is empty"]),
    "header alone": ("id,label\n", ["no photograph has a label"]),
    "no header": ("b.jpeg,cat\nd.png,dog\n", ["the first line, 'b.jpeg,cat'", "no column id"]),
    "no id": ("name,label\nb,cat\n", ["'name,label'", "no column id"]),
    "id alone": ("id\nb\n", ["no column but id"]),
    "id and split alone": ("id,split\nb,val\n", ["no column but id"]),
    "unknown column": ("id,label,colour\nb,cat,red\n", ["unknown column 'colour'"]),
    "two columns of a name": ("id,cat,cat\nb,1,0\n", ["2 columns are called 'cat'"]),
    "column without a name": ("id,,cat\nb,1,0\n", ["called ''"]),
    "too few cells": ("id,cat,dog\nb,1\n", ["line 2: 2 cells under 3 columns"]),
    "too many cells": ("id,label\nb,cat,dog\n", ["line 2: 3 cells under 2 columns"]),
    "neither 0 nor 1": (
        "id,cat\nb,1\nd,yes\nbeach/IMG 1,2\n", ["line 3: 'yes' under 'cat' (and 1 more below it)"],
    ),
    "empty cell in a column": ("id,cat,dog\nb,1,\nd,0,1\n", ["line 2: '' under 'dog'"]),
    "same row twice": (ROWS + "b,cat\n", ["line 6: 'b' has the label 'cat' already"]),
    "same id twice": ("id,cat\nb,1\nb,1\n", ["line 3: 'b' stands there already"]),
    "two spellings": ("id,cat\nb,1\nb.jpeg,1\n", ["'b' and 'b.jpeg' are the same photograph"]),
    "row without id": ("id,label\n,cat\nb,cat\n", ["line 2: no id"]),
    "semicolon in a label": ("id,label\nb,cat;dog\n", ["'cat;dog'", "a row for each"]),
    "semicolon in a quoted label": ('id;label\nb;"cat;dog"\n', ["'cat;dog'", "a row for each"]),
    "class of nothing": ("id,label\nb,background\n", ["line 2", "'background' is what masks call"]),
    "column of nothing": ("id,cat,background\nb,1,0\n", ["'background' is what masks call"]),
    "label that cannot be printed": ("id,label\nb,ca\x07t\n", ["'ca\\x07t' is no name"]),
    "semicolon in a column": ('id,"cat;dog"\nb,1\n', ["'cat;dog'"]),
    "missing photograph": ("id,label\nb,cat\nq.jpg,dog\n", ["'q.jpg' does not lie", "rows off"]),
    "nearly the name": ("id,label\nb.jpg,cat\n", ["'b.jpg' does not lie", "did you mean b.jpeg?"]),
    "case of the name": ("id,label\nB.jpeg,cat\n", ["'B.jpeg'", "did you mean b.jpeg?"]),
    "absolute": ("id,label\n/etc/passwd,cat\n", ["'/etc/passwd' leads out"]),
    "drive": ("id,label\nC:\\b.jpeg,cat\n", ["leads out"]),
    "parent": ("id,label\n../photographs/b.jpeg,cat\n", ["leads out"]),
    "parent within": ("id,label\nbeach/../../b.jpeg,cat\n", ["leads out"]),
    "two splits": ("id,label,split\nb,cat,train\nb,dog,val\n", ["line 3: 'b' is in split 'train'"]),
    "split called all": ("id,label,split\nb,cat,all\n", ["line 2: split 'all'"]),
    "split with a space": ("id,label,split\nb,cat,my val\n", ["split 'my val' is no name"]),
    "Latin-1": ("id,label\nb,vélo\n".encode("latin-1"), ["not UTF-8"]),
    "UTF-16": (ROWS.encode("utf-16"), ["not UTF-8"]),
    "binary": (b"PK\x03\x04\x00\x00\xff", ["not UTF-8"]),
    "open quote": ('id,label\n"b,cat\n', ["not a CSV file"]),
    "too many classes": (
        "id," + ",".join(f"c{i}" for i in range(255)) + "\nb" + ",1" * 255 + "\n", ["255 classes"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TABLES)
def test_table(root: Path, what: str) -> None:
    content, parts = TABLES[what]
    (root / "labels.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    refused(lambda: read(root), "labels.csv", *parts)


def test_missing_table(root: Path) -> None:
    refused(lambda: read(root, labels="other.csv"), "other.csv: no such file")


def test_bare_name_of_several(root: Path) -> None:
    (root / "city").mkdir()
    noise(0).save(root / "city" / "IMG 1.JPG")
    (root / "labels.csv").write_text("id,label\nIMG 1.JPG,cat\n")
    refused(lambda: read(root), "'IMG 1.JPG' may be beach/IMG 1.JPG or city/IMG 1.JPG")


# Folders and names.


def test_missing_root(tmp_path: Path) -> None:
    refused(lambda: read(tmp_path / "nowhere"), "nowhere: no such folder")


def test_no_photographs(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_text("")
    refused(lambda: read(tmp_path), "no photographs", ".jpg")


def test_no_class_folders(tmp_path: Path) -> None:
    noise(0).save(tmp_path / "a.jpg")
    refused(lambda: read(tmp_path, labels=None), "without class folders")


def test_class_folder_with_a_semicolon(tmp_path: Path) -> None:
    (tmp_path / "a;b").mkdir()
    noise(0).save(tmp_path / "a;b" / "a.jpg")
    refused(lambda: read(tmp_path, labels=None), "'a;b' is no name for a class")


@pytest.mark.parametrize("other", ["beach__IMG_1.png", "beach/IMG_1.png", "beach/IMG 1.jpg"])
def test_two_photographs_of_one_id(root: Path, other: str) -> None:
    noise(7).save(root / other)
    (root / "labels.csv").write_text("id,label\nb,cat\n")
    refused(lambda: read(root), "same id 'beach__IMG_1'", other, "rename one")


def test_too_long_an_id(root: Path) -> None:
    deep = root / ("x" * 120) / ("y" * 120)
    deep.mkdir(parents=True)
    noise(0).save(deep / "a.jpg")
    refused(lambda: read(root), "has 245 bytes, more than 200")


@pytest.mark.parametrize("folder", [False, True])
def test_link_that_leads_out(root: Path, folder: bool) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    noise(0).save(outside / "c.jpg")
    (root / "link.jpg").symlink_to(outside if folder else outside / "c.jpg")
    (root / "labels.csv").write_text("id,label\nlink,cat\n")
    refused(lambda: read(root), "link.jpg: a link that leads out")


def test_link_that_leads_out_of_the_masks(root: Path) -> None:
    masks = write_masks(root.parent / "truth", "b.png", "d.png")
    (masks / "d.png").rename(root.parent / "d.png")
    (masks / "d.png").symlink_to(root.parent / "d.png")
    refused(lambda: read(root, str(masks)), "d.png: a link that leads out of")


# Files that are no photographs.


def bomb() -> bytes:
    """The header of a PNG of 65,535 x 65,535 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 65535, 65535, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + (
        chunk(b"IEND", b"")
    )  # fmt: skip


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def tiny(path: Path) -> None:
    noise(0, 15, 300).save(path)


def large(path: Path) -> None:
    Image.new("1", (15_000, 12_000)).save(path)


FILES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "zero bytes": (lambda path: path.write_bytes(b""), ["cannot be decoded", "empty"]),
    "text": (lambda path: path.write_text("no photograph"), ["cannot be decoded"]),
    "PostScript": (lambda path: path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n"), ["cannot be"]),
    "truncated": (truncated, ["cannot be decoded"]),
    "bomb": (lambda path: path.write_bytes(bomb()), ["at most 178,956,970 are"]),
    "large": (large, ["has 180,000,000 pixels"]),
    "tiny": (tiny, ["300 x 15 pixels are too few", "16"]),
    "32 bits": (lambda path: Image.new("F", (32, 24)).save(path, "TIFF"), ["32 bits per pixel"]),
}


@pytest.mark.parametrize("what", FILES)
@pytest.mark.filterwarnings("error")
def test_file(root: Path, what: str) -> None:
    spoil, parts = FILES[what]
    spoil(root / "d.png")
    refused(lambda: read(root), "d.png", *parts)


def test_unreadable_file(root: Path) -> None:
    (root / "d.png").chmod(0)
    user = os.geteuid()
    # Root may read everything, so root becomes nobody, whom pytest's own folders keep out.
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        shutil.copytree(root, open_to_all := Path(place) / "photographs")
        if user == 0:
            os.seteuid(65534)
        try:
            refused(lambda: read(open_to_all), "d.png", "cannot be decoded")
        finally:
            os.seteuid(user)


# Masks.


def test_missing_folder_of_masks(root: Path) -> None:
    refused(lambda: read(root, "masks"), "masks: no such folder of masks")


def test_masks_of_other_photographs(root: Path) -> None:
    write_masks(root / "masks", "e.png", "no label.png")
    refused(lambda: read(root, "masks"), "no mask of any labelled photograph", "b.png")


MASKS: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "other size": (
        lambda path: save_mask(path, np.zeros((WIDTH, HEIGHT), np.uint8)),
        [f"{HEIGHT} x {WIDTH} pixels but its photograph has {WIDTH} x {HEIGHT}"],
    ),
    "unknown id": (
        lambda path: save_mask(path, np.full((HEIGHT, WIDTH), 3, np.uint8)),
        ["label id 3 is no class of this data set (0 to 2"],
    ),
    "colours": (lambda path: Image.new("RGB", (WIDTH, HEIGHT)).save(path), ["mode RGB"]),
    "no mask": (lambda path: path.write_text("no mask"), ["cannot be decoded"]),
}


@pytest.mark.parametrize("what", MASKS)
def test_mask(root: Path, what: str) -> None:
    spoil, parts = MASKS[what]
    write_masks(root / "masks", "b.png", "d.png")
    read(root, "masks")
    spoil(root / "masks" / "d.png")
    refused(lambda: read(root, "masks"), "masks/d.png", *parts)


# What the config asks for.


@pytest.mark.parametrize("role", ["train", "select", "evaluate"])
def test_unknown_list(root: Path, role: str) -> None:
    refused(
        lambda: list_photographs(SECTION | {role: "val"}, root),
        f"config key dataset.{role}: labels.csv has no list 'val'; choose from all",
    )


@pytest.mark.parametrize("change", [{"select": "a", "evaluate": "c"}, {"evaluate": "a"}, {}])
def test_list_without_a_mask(root: Path, change: dict[str, str]) -> None:
    (root / "labels.csv").write_text("id,label,split\nb,cat,c\nd,dog,a\n")
    section = SECTION | {"masks": "masks", "limit": 1}
    id = limited(["b", "d"], 1)[0] if not change else "d"  # the one that the limit keeps
    write_masks(root / "masks", *({"b.png", "d.png"} - {f"{id}.png"}))
    refused(
        lambda: list_photographs(section | change, root),
        "holds no mask of a photograph",
        "takes 1;",
    )


def test_class_that_no_photograph_shows(root: Path) -> None:
    (root / "labels.csv").write_text("id,cat,dog\nb,1,0\nd,1,0\n")
    refused(
        lambda: list_photographs(SECTION | {"classes": ["dog"]}, root),
        "no photograph of list 'all' shows any of dog",
    )


def test_unknown_class(root: Path) -> None:
    refused(lambda: list_photographs(SECTION | {"classes": ["cow"]}, root), "'cow'", "cat, dog")


def test_all_problems_are_kept(root: Path) -> None:
    from cuewalk.datasets.folder import survey_folder

    shutil.copy(root / "b.jpeg", root / "b.png")
    (root / "labels.csv").write_text("id,label\nq,cat\nr,a;b\nb.jpeg,cat\n")
    assert len(survey_folder(root, "labels.csv", "masks").problems) == 5
