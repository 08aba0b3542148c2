"""ImageNet's layouts: class folders, and one folder with a CSV file or the devkit's numbers."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pytest
from imagenets import DEVKIT, SORTED, write_devkit, write_flat, write_folders

from cuewalk.datasets.imagenet import Listing, list_imagenet, read_imagenet
from cuewalk.datasets.images import load_image
from cuewalk.datasets.record import Dataset, read_index, write_index


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    return write_folders(tmp_path)


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    return write_flat(tmp_path)


def listing(root: Path, labels: str | None = None) -> Listing:
    return list_imagenet(root, "val", None if labels is None else Path(labels))


def read(root: Path, labels: str | None = None) -> Dataset:
    found = listing(root, labels)
    return read_imagenet(root, dict.fromkeys(found.paths, ("val",)), found)


def labels_of(data: Dataset) -> dict[str, tuple[str, ...]]:
    return {record.id: record.labels for record in data.records}


def test_class_folders(folders: Path) -> None:
    data = read(folders)
    assert listing(folders).classes == ("n01", "n02", "n03")
    assert labels_of(data) == {"a": ("n03",), "b": ("n01",), "c": ("n01",), "d": ("n02",)}
    assert [r.path for r in data.records] == [
        "val/n03/a.JPEG", "val/n01/b.jpg", "val/n01/c.PNG", "val/n02/d.jpeg",
    ]  # fmt: skip
    assert {r.splits for r in data.records} == {("val",)}
    assert data.left_out == 0


def test_records_tell_size_and_digest(folders: Path) -> None:
    record = read(folders).records[2]
    assert (record.height, record.width) == (4, 7)
    content = (folders / record.path).read_bytes()
    assert record.sha256 == hashlib.sha256(content).hexdigest()
    assert (load_image(folders, record) == (2, 0, 0)).all()


def test_an_empty_class_folder_keeps_its_place(folders: Path) -> None:
    (folders / "val" / "n000").mkdir()
    assert listing(folders).classes == ("n000", "n01", "n02", "n03")


def test_index_round_trip(folders: Path) -> None:
    records = read(folders).records
    write_index(folders / "index.csv", records)
    assert read_index(folders / "index.csv") == records


def test_only_what_is_asked_for_is_decoded(folders: Path) -> None:
    (folders / "val/n03/a.JPEG").write_bytes(b"not a photograph")
    seen: list[str] = []

    def progress(ids: Iterable[str]) -> Iterable[str]:
        seen.extend(ids)
        return seen

    wanted = {"c": ("val",), "b": ("val",)}
    data = read_imagenet(folders, wanted, listing(folders), progress=progress)
    assert [r.id for r in data.records] == seen == ["b", "c"]


def test_csv(flat: Path) -> None:
    data = read(flat, "labels.csv")
    assert listing(flat, "labels.csv").classes == ("fox", "wolf")
    assert labels_of(data) == {"a": ("wolf",), "b": ("fox",), "c": ("wolf",)}
    assert [r.path for r in data.records] == ["val/a.JPEG", "val/b.JPEG", "val/c.JPEG"]


def test_csv_of_a_spreadsheet(flat: Path) -> None:
    text = '\ufefflabel,note,id\r\n"tench, Tinca tinca",x,a\r\nfox,,b\r\nfox,,c\r\n'
    (flat / "labels.csv").write_bytes(text.encode())
    assert listing(flat, "labels.csv").classes == ("fox", "tench, Tinca tinca")


def test_labels_at_an_absolute_path(flat: Path) -> None:
    assert read(flat, str(flat / "labels.csv")) == read(flat, "labels.csv")


def test_devkit_numbers_are_mapped_through_wordnet_ids(flat: Path) -> None:
    data, classes = read(flat, DEVKIT), listing(flat, DEVKIT).classes
    assert classes == SORTED
    # By the order of numbers, 1 would be the first class and 2 the second.
    assert labels_of(data) == {"a": ("n02119789",), "b": ("n01440764",), "c": ("n02119789",)}
    positions = [classes.index(record.labels[0]) for record in data.records]
    assert positions == [2, 0, 2]


def test_devkit_lines_follow_the_file_names(flat: Path) -> None:
    # By id, a comes before a-1; by file name, a-1.JPEG before a.JPEG.
    (flat / "val/b.JPEG").rename(flat / "val/a-1.JPEG")
    write_devkit(flat, [2, 1, 3])
    assert labels_of(read(flat, DEVKIT)) == {
        "a-1": ("n01440764",), "a": ("n02119789",), "c": ("n02100735",),
    }  # fmt: skip


def test_devkit_in_a_folder_of_its_own(flat: Path) -> None:
    (flat / "devkit").mkdir()
    for name in (DEVKIT, "meta.mat"):
        (flat / name).rename(flat / "devkit" / name)
    assert listing(flat, f"devkit/{DEVKIT}").classes == SORTED
