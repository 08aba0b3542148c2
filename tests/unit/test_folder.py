"""One's own photographs: what is found, what it is called, and what counts of it."""

from pathlib import Path

import numpy as np
import pytest
from folders import HEIGHT, ROWS, SECTION, WIDTH, noise, write_folder, write_masks
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cuewalk.artifacts.digests import FileDigests
from cuewalk.datasets.folder import list_folder, read_folder, read_folder_truths
from cuewalk.datasets.folder_tree import photograph_id
from cuewalk.datasets.images import FOLLOW, load_image
from cuewalk.datasets.listing import data_digest, list_classes, list_photographs
from cuewalk.datasets.record import NAME
from cuewalk.datasets.truth import load_truth
from cuewalk.errors import InputError

IDS = ("b", "beach__IMG_1", "d")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "photographs")


def labels(root: Path) -> dict[str, tuple[str, ...]]:
    return {id: one.labels for id, one in list_folder(root, "labels.csv", None).photographs.items()}


def test_a_row_per_label(root: Path) -> None:
    found = list_folder(root, "labels.csv", None)
    assert found.classes == ("cat", "dog")
    assert labels(root) == {"b": ("cat",), "beach__IMG_1": ("cat", "dog"), "d": ("dog",)}
    assert found.photographs["beach__IMG_1"].path == "beach/IMG 1.JPG"
    assert found.unlabelled == ["no label.tif"]
    assert found.others == {".txt": 1, ".csv": 1}
    assert found.lists() == {"all": list(IDS)}


def test_a_column_per_class_keeps_their_order(root: Path) -> None:
    table = "id,dog,cat\nbeach/IMG 1,1,1\nb.jpeg,0,1\nd,1,0\nno label.tif,0,0\n"
    (root / "labels.csv").write_text(table)
    assert list_classes(SECTION, root) == (("dog", "cat"), (1, 2))
    assert labels(root) == {"b": ("cat",), "beach__IMG_1": ("dog", "cat"), "d": ("dog",)}
    assert list_classes(SECTION | {"classes": ["cat"]}, root) == (("cat",), (2,))


def test_a_folder_per_class(tmp_path: Path) -> None:
    for seed, name in enumerate(("hot dog/a.jpg", "hot dog/deep/b.png", "cat/a.webp", "loose.jpg")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        noise(seed).save(tmp_path / name)
    found = list_folder(tmp_path, None, None)
    assert found.classes == ("cat", "hot dog")
    assert {id: one.labels for id, one in found.photographs.items()} == {
        "cat__a": ("cat",), "hot_dog__a": ("hot dog",), "hot_dog__deep__b": ("hot dog",),
    }  # fmt: skip
    assert found.unlabelled == ["loose.jpg"]


CSVS = {
    "semicolons": ROWS.replace(",", ";"),
    "tabs": ROWS.replace(",", "\t"),
    "byte order mark": "\ufeff" + ROWS,
    "CRLF": ROWS.replace("\n", "\r\n"),
    "CR": ROWS.replace("\n", "\r"),
    "upper-case header": ROWS.replace("id,label", "ID,Label"),
    "empty lines": ROWS.replace("\n", "\n\n") + ",\n",
    "delimiters at the end": ROWS.replace("\n", ",\n"),
    "spaces": ROWS.replace(",", " , "),
    "quotes": 'id,label\n"beach/IMG 1.JPG","dog"\n"beach/IMG 1.JPG","cat"\nb,cat\nd,dog',
    "bare names": ROWS.replace("beach/", ""),
    "case of the suffix": ROWS.replace("1.JPG", "1.jpg").replace("d.png", "d.PNG"),
    "no suffix": ROWS.replace(".JPG", "").replace(".png", ""),
    "backslashes": ROWS.replace("/", "\\"),
    "a dot before": ROWS.replace("beach/", "./beach/"),
    "a photograph that shows nothing": ROWS + "no label.tif,\n",
}


@pytest.mark.parametrize("what", CSVS)
def test_forms_of_the_same_csv(root: Path, what: str) -> None:
    before = labels(root)
    (root / "labels.csv").write_bytes(CSVS[what].encode())
    assert labels(root) == before


def test_labels_with_spaces_and_accents(root: Path) -> None:
    # One of the two is written with a letter and an accent of its own, as on a Mac.
    rows = "id,label\nbeach/IMG 1.JPG,vélo rouge\nb,ve\u0301lo rouge\nd,猫\n"
    (root / "labels.csv").write_text(rows)
    assert list_folder(root, "labels.csv", None).classes == ("vélo rouge", "猫")
    assert labels(root)["b"] == labels(root)["beach__IMG_1"]


def test_a_name_with_its_accents_apart(root: Path) -> None:
    (root / "b.jpeg").rename(root / "e\u0301te\u0301.jpeg")
    (root / "labels.csv").write_text(ROWS.replace("b,", "été,"))
    assert list(labels(root)) == ["beach__IMG_1", "d", "été"]


def test_splits(root: Path) -> None:
    rows = (
        "id,label,split\nbeach/IMG 1.JPG,dog,train\nbeach/IMG 1.JPG,cat,train\nb,cat,val\nd,dog,\n"
    )
    (root / "labels.csv").write_text(rows)
    lists = list_folder(root, "labels.csv", None).lists()
    assert lists == {"all": ["b", "beach__IMG_1", "d"], "train": ["beach__IMG_1"], "val": ["b"]}
    listed = list_photographs(SECTION | {"train": "train", "evaluate": "val"}, root)
    assert [(one.id, one.roles, one.part) for one in listed] == [
        ("b", ("evaluate",), "evaluate"), ("beach__IMG_1", ("train",), "train"),
    ]  # fmt: skip


def test_all_are_learnt_from_and_get_masks(root: Path) -> None:
    listed = list_photographs(SECTION, root)
    assert [(one.id, one.roles, one.files, one.masks) for one in listed] == [
        ("b", ("train", "evaluate"), ("b.jpeg",), ()),
        ("beach__IMG_1", ("train", "evaluate"), ("beach/IMG 1.JPG",), ()),
        ("d", ("train", "evaluate"), ("d.png",), ()),
    ]


def test_wanted_classes_leave_photographs_out(root: Path) -> None:
    listed = list_photographs(SECTION | {"classes": ["dog"]}, root)
    assert [(one.id, one.labels) for one in listed] == [
        ("beach__IMG_1", ("dog",)), ("d", ("dog",)),
    ]  # fmt: skip


def test_records_tell_size_and_labels(root: Path) -> None:
    found = list_folder(root, "labels.csv", None)
    records = read_folder(root, dict.fromkeys(found.photographs, ("train",)), found.photographs)
    assert [record.id for record in records.records] == list(IDS)
    for record in records.records:
        assert (record.height, record.width) == (HEIGHT, WIDTH)
        assert record.splits == ("train",)
        assert record.labels == found.photographs[record.id].labels
    last = records.records[2]
    assert np.array_equal(load_image(root, last), np.asarray(noise(3)))


@pytest.mark.parametrize("place", ["photographs/masks", "elsewhere"])
def test_masks_within_and_beside_the_photographs(root: Path, place: str) -> None:
    folder = write_masks(root.parent / place, "beach/IMG 1.png", "d.PNG", "of nothing.png")
    masks = str(folder)
    found = list_folder(root, "labels.csv", masks)
    assert list(found.photographs) == list(IDS)  # those of a folder within are no photographs
    assert found.spare == ["of nothing.png"]
    records = read_folder(root, dict.fromkeys(IDS, ()), found.photographs).records
    truths = read_folder_truths(root, records, found)
    assert [truth.id for truth in truths] == ["beach__IMG_1", "d"]
    for truth in truths:
        stored = np.asarray(Image.open(root / truth.path))
        assert np.array_equal(load_truth(root, truth, (1, 2)), stored)
        # A run of dogs alone: cats are neither background nor error.
        one = load_truth(root, truth, (2,))
        assert set(np.unique(one[stored == 1])) == {255}
        assert set(np.unique(one[stored == 2])) == {1}


def test_root_may_be_a_link(root: Path) -> None:
    masks = write_masks(root.parent / "masks", "d.png")
    link = root.parent / "other" / "link"
    link.parent.mkdir()
    link.symlink_to(root)
    found = list_folder(link, "labels.csv", str(masks))
    assert (link / str(found.photographs["d"].mask)).samefile(masks / "d.png")


def test_links_that_stay_within_are_allowed(root: Path) -> None:
    (root / "b.jpeg").rename(root / "b2.jpeg")
    (root / "b.jpeg").symlink_to(root / "b2.jpeg")
    (root / "circle").symlink_to(root / "circle")
    assert "b" in labels(root)


def test_links_to_files_outside_are_read_if_asked_for(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "b.jpeg").rename(root.parent / "b.jpeg")
    (root / "b.jpeg").symlink_to(root.parent / "b.jpeg")
    monkeypatch.setenv(FOLLOW, "1")
    assert "b" in labels(root)
    (root / "folder").symlink_to(root.parent)  # would be a tree that contains itself
    with pytest.raises(InputError, match="folder: a link that leads out"):
        labels(root)


names = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1)


@given(st.lists(names.filter(lambda name: name.strip(" .")), min_size=1, max_size=3))
def test_every_id_is_fit_for_a_file_name(parts: list[str]) -> None:
    assert NAME.fullmatch(photograph_id("/".join(parts) + ".jpg"))


# What counts for whether to compute again.


def digests(root: Path, sighted: bool = False, **changes: object) -> dict[str, str]:
    section = SECTION | changes
    files = FileDigests(root / "memory.json")
    return {
        one.id: data_digest(section, root, [one], files, masks=sighted)
        for one in list_photographs(section, root)
    }


def test_pixels_and_labels_count_of_their_own_photograph_alone(root: Path) -> None:
    before = digests(root)
    noise(9).save(root / "d.png")
    after = digests(root)
    assert [id for id in IDS if before[id] != after[id]] == ["d"]
    (root / "labels.csv").write_text(ROWS.replace("b,cat", "b,dog"))
    assert [id for id in IDS if after[id] != digests(root)[id]] == ["b"]


def test_what_does_not_count(root: Path, tmp_path: Path) -> None:
    before = digests(root)
    noise(9).save(root / "no label.tif")
    (root / "labels.csv").rename(root / "others.csv")
    (root / "others.csv").write_text(ROWS.replace(",", ";") + "\n")
    assert digests(root, labels="others.csv") == before
    moved = root.rename(tmp_path / "moved")
    assert digests(moved, labels="others.csv") == before


def test_a_mask_counts_where_it_is_asked_for(root: Path) -> None:
    masks = str(write_masks(root.parent / "masks", "b.png", "d.png"))
    blind, sighted = digests(root, masks=masks), digests(root, sighted=True, masks=masks)
    write_masks(root.parent / "masks", "d.png")
    assert digests(root, masks=masks) == blind
    now = digests(root, sighted=True, masks=masks)
    assert [id for id in IDS if sighted[id] != now[id]] == ["d"]


def test_without_masks_nothing_is_listed_to_score(root: Path) -> None:
    masks = str(write_masks(root.parent / "masks", "b.png"))
    with_masks = list_photographs(SECTION | {"masks": masks}, root)
    assert [len(one.masks) for one in with_masks] == [1, 0, 0]
    with pytest.raises(InputError, match=r"dataset\.masks.*no mask of a photograph of list 'val'"):
        rows = "id,label,split\nb,cat,train\nd,dog,val\nbeach/IMG 1,dog,train\n"
        (root / "labels.csv").write_text(rows)
        list_photographs(SECTION | {"masks": masks, "train": "train", "evaluate": "val"}, root)
