"""ImageNet's layouts: one test per kind of bad input."""

from pathlib import Path

import numpy as np
import pytest
from imagenets import DEVKIT, SYNSETS, save, write_csv, write_devkit, write_flat, write_folders
from scipy.io import savemat

from cuewalk.datasets.imagenet import list_imagenet, read_imagenet
from cuewalk.errors import InputError


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    return write_folders(tmp_path)


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    return write_flat(tmp_path)


def fails(root: Path, *parts: str, labels: str | None = None, split: str = "val") -> None:
    with pytest.raises(InputError) as caught:
        found = list_imagenet(root, split, None if labels is None else Path(labels))
        read_imagenet(root, dict.fromkeys(found.paths, (split,)), found)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    for part in parts:
        assert part in message, message


def test_missing_root(tmp_path: Path) -> None:
    fails(tmp_path / "nowhere", "nowhere", "no such folder", "root")


@pytest.mark.parametrize("split", ["test", "", ".", "..", "../val", "val/n01", ".cache"])
def test_split_that_is_no_folder_of_the_root(folders: Path, split: str) -> None:
    fails(folders / "val" if split == "../val" else folders, f"no folder '{split}'", split=split)


def test_empty_split(tmp_path: Path) -> None:
    (tmp_path / "val").mkdir()
    fails(tmp_path, "val: no photographs")


def test_class_folders_without_photographs(tmp_path: Path) -> None:
    (tmp_path / "val/n01").mkdir(parents=True)
    (tmp_path / "val/n01/a.txt").touch()
    fails(tmp_path, "val: no photographs", ".jpeg")


def test_folders_and_photographs_mixed(folders: Path) -> None:
    save(folders / "val/e.JPEG")
    fails(folders, "both", "'n01'", "'e.JPEG'", "keep one")


def test_class_folders_and_a_file_of_labels(folders: Path) -> None:
    fails(folders, "has class folders", "labels.csv", labels="labels.csv")


def test_one_folder_without_labels(flat: Path) -> None:
    fails(flat, "without class folders", "name the file")


def test_id_in_two_class_folders(folders: Path) -> None:
    save(folders / "val/n03/b.JPEG")
    fails(folders, "same id 'b'", "n01/b.jpg", "n03/b.JPEG")


def test_id_with_two_extensions(flat: Path) -> None:
    save(flat / "val/a.png")
    fails(flat, "same id 'a'", "a.JPEG", "a.png", labels="labels.csv")


@pytest.mark.parametrize("name", ["a b.JPEG", "a;b.JPEG", "a\nb.JPEG", "-a.JPEG"])
def test_photograph_whose_name_is_no_id(flat: Path, name: str) -> None:
    save(flat / "val" / name)
    fails(flat, f"{name!r} is no name for a photograph", labels="labels.csv")


def test_class_folder_that_the_index_cannot_hold(folders: Path) -> None:
    (folders / "val/n04;n05").mkdir()
    fails(folders, "'n04;n05' is no name for a class")


@pytest.mark.parametrize("share", [0, 0.5])
def test_unreadable_photograph(folders: Path, share: float) -> None:
    path = folders / "val/n01/b.jpg"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    fails(folders, "b.jpg", "cannot be decoded")


def test_missing_file_of_labels(flat: Path) -> None:
    fails(flat, "other.csv", "no such file", labels="other.csv")


def test_file_of_labels_of_another_kind(flat: Path) -> None:
    (flat / "labels.json").touch()
    fails(flat, "labels.json", "neither .csv nor .txt", labels="labels.json")


@pytest.mark.parametrize("header", ["id", "id,class", "a,wolf"])
def test_csv_without_the_columns(flat: Path, header: str) -> None:
    write_csv(flat, ["a,wolf", "b,fox", "c,wolf"], header)
    fails(flat, "labels.csv", "id,label", labels="labels.csv")


def test_csv_row_without_a_label(flat: Path) -> None:
    write_csv(flat, ["a,wolf", "b", "c,wolf"])
    fails(flat, "labels.csv", "id,label", "every row", labels="labels.csv")


def test_empty_csv(flat: Path) -> None:
    (flat / "labels.csv").write_text("")
    fails(flat, "labels.csv", "'a.JPEG' has no row", labels="labels.csv")


@pytest.mark.parametrize("id", ["d", "../a", "/etc/passwd", "val/a.JPEG", "a.png", "\ufffd"])
def test_csv_with_an_id_of_no_photograph(flat: Path, id: str) -> None:
    write_csv(flat, ["a,wolf", "b,fox", "c,wolf", f"{id},fox"])
    fails(flat, "labels.csv", repr(id), "none of the photographs", labels="labels.csv")


def test_csv_without_a_photograph(flat: Path) -> None:
    write_csv(flat, ["a,wolf", "c,wolf"])
    fails(flat, "labels.csv", "'b.JPEG' has no row", labels="labels.csv")


@pytest.mark.parametrize("again", ["a,fox", "a.JPEG,wolf"])
def test_csv_with_an_id_twice(flat: Path, again: str) -> None:
    write_csv(flat, ["a,wolf", "b,fox", "c,wolf", again])
    fails(flat, "labels.csv", "id 'a'", "twice", labels="labels.csv")


@pytest.mark.parametrize("label", ['""', " ", "fox;wolf", '"fox\nwolf"'])
def test_csv_with_a_label_that_the_index_cannot_hold(flat: Path, label: str) -> None:
    write_csv(flat, ["a,wolf", f"b,{label}", "c,wolf"])
    fails(flat, "labels.csv", "is no name for a class", labels="labels.csv")


@pytest.mark.parametrize("numbers", [[], [1, 2], [1, 2, 3, 1]])
def test_devkit_of_another_length(flat: Path, numbers: list[int]) -> None:
    write_devkit(flat, numbers)
    fails(flat, DEVKIT, f"{len(numbers)} numbers for 3 photographs", labels=DEVKIT)


@pytest.mark.parametrize("number", [0, 5, -1, 1.0, "n02119789"])
def test_devkit_number_of_no_class(flat: Path, number: object) -> None:
    write_devkit(flat, [1, number, 2])
    fails(flat, DEVKIT, f"'{number}' is no class number", "meta.mat", labels=DEVKIT)


def test_devkit_number_of_a_group_of_classes(flat: Path) -> None:
    write_devkit(flat, [1, 4, 2])
    fails(flat, DEVKIT, "'4' is no class number", labels=DEVKIT)


def test_missing_meta(flat: Path) -> None:
    (flat / "meta.mat").unlink()
    fails(flat, "meta.mat: is missing", labels=DEVKIT)


@pytest.mark.parametrize("content", [b"", b"not a table", b"\0" * 200])
def test_meta_of_another_format(flat: Path, content: bytes) -> None:
    (flat / "meta.mat").write_bytes(content)
    fails(flat, "meta.mat: not the devkit's table", labels=DEVKIT)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_meta(flat: Path, share: float) -> None:
    content = (flat / "meta.mat").read_bytes()
    (flat / "meta.mat").write_bytes(content[: int(len(content) * share)])
    fails(flat, "meta.mat: not the devkit's table", labels=DEVKIT)


def test_meta_without_synsets(flat: Path) -> None:
    savemat(flat / "meta.mat", {"other": np.zeros(3)})
    fails(flat, "meta.mat: not the devkit's table", "synsets", labels=DEVKIT)


@pytest.mark.parametrize("again", [(1, "n02084071", 0), (9, "n01440764", 0)])
def test_meta_with_a_class_twice(flat: Path, again: tuple[int, str, int]) -> None:
    write_devkit(flat, [1, 2, 1], [*SYNSETS, again])
    fails(flat, "meta.mat", "occurs twice", labels=DEVKIT)


def test_meta_without_classes(flat: Path) -> None:
    write_devkit(flat, [1, 2, 1], SYNSETS[3:])
    fails(flat, "meta.mat: not the devkit's table", "no class", labels=DEVKIT)
