"""ImageNet-Segmentation: photographs and masks of a small MATLAB file."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from mats import FILE, mask, photograph, write_mat

from cuewalk.datasets.imagenet_segmentation import (
    class_names,
    numbers,
    read_imagenet_segmentation,
    read_imagenet_segmentation_truths,
)
from cuewalk.datasets.images import load_image
from cuewalk.datasets.record import Record, Truth, read_index, write_index
from cuewalk.datasets.truth import load_truth
from cuewalk.errors import InputError


def read(root: Path) -> tuple[tuple[Record, ...], tuple[Truth, ...]]:
    records = read_imagenet_segmentation(root, dict.fromkeys(numbers(root), ("val",))).records
    return records, read_imagenet_segmentation_truths(root, records)


def test_records(tmp_path: Path) -> None:
    write_mat(tmp_path)
    records, truths = read(tmp_path)
    assert [r.id for r in records] == [t.id for t in truths] == ["0000", "0001", "0002"]
    assert [r.path for r in records] == [f"{FILE}::{number}" for number in range(3)]
    assert [t.path for t in truths] == [r.path for r in records]
    assert [(r.height, r.width) for r in records] == [(10, 20), (11, 19), (12, 18)]
    assert {(r.splits, r.labels) for r in records} == {(("val",), ())}


def test_classes_are_numbered() -> None:
    classes = class_names()
    assert (len(classes), classes[0], classes[-1]) == (1000, "class 000", "class 999")
    assert class_names(2) == ("class 0", "class 1")


def test_digests_are_of_shape_and_pixels(tmp_path: Path) -> None:
    write_mat(tmp_path)
    records, truths = read(tmp_path)
    for found, pixels in ((records[1], photograph(1)), (truths[1], mask(1))):
        content = repr(pixels.shape).encode() + pixels.tobytes()
        assert found.sha256 == hashlib.sha256(content).hexdigest()
    same = np.zeros((4, 6, 3), np.uint8)
    write_mat(tmp_path, [same, same.reshape(6, 4, 3)], [same[..., 0], same[..., 0].reshape(6, 4)])
    records, truths = read(tmp_path)
    assert records[0].sha256 != records[1].sha256


@pytest.mark.parametrize("row", [False, True])
def test_records_lead_to_photographs_and_masks(tmp_path: Path, row: bool) -> None:
    write_mat(tmp_path, row=row)
    records, truths = read(tmp_path)
    for number in (0, 1):
        assert np.array_equal(load_image(tmp_path, records[number]), photograph(number))
    for number, truth in enumerate(truths):
        found = load_truth(tmp_path, truth, ())
        assert found.dtype == np.uint8
        assert np.array_equal(found, mask(number))


@pytest.mark.parametrize("kind", [np.bool_, np.float64])
def test_masks_of_another_type(tmp_path: Path, kind: type) -> None:
    write_mat(tmp_path, [photograph(0)], [mask(0)])
    first = read(tmp_path)[1][0]
    write_mat(tmp_path, [photograph(0)], [mask(0).astype(kind)])
    _, truths = read(tmp_path)
    assert truths[0] == first
    assert np.array_equal(load_truth(tmp_path, first, ()), mask(0))


def test_index_keeps_records_without_labels(tmp_path: Path) -> None:
    write_mat(tmp_path)
    records = read_imagenet_segmentation(tmp_path, {"0001": ("other",)}).records
    write_index(tmp_path / "index.csv", records)
    assert read_index(tmp_path / "index.csv") == records
    assert records[0].splits == ("other",)


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    write_mat(tmp_path, masks=[mask(0), mask(1), mask(0)])  # the third is broken
    seen: list[str] = []

    def progress(ids: Iterable[str]) -> Iterable[str]:
        seen.extend(ids)
        return sorted(ids)

    wanted = {"0001": ("val",), "0000": ("val",)}
    records = read_imagenet_segmentation(tmp_path, wanted, progress=progress).records
    truths = read_imagenet_segmentation_truths(tmp_path, records, progress=progress)
    assert [r.id for r in records] == [t.id for t in truths] == ["0000", "0001"]
    assert seen == ["0000", "0001"] * 2


def fails(root: Path, *parts: str) -> None:
    with pytest.raises(InputError) as caught:
        read(root)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    for part in parts:
        assert part in message, message


def test_missing_root(tmp_path: Path) -> None:
    fails(tmp_path / "nowhere", "nowhere", "no such folder", "root")


def test_missing_file(tmp_path: Path) -> None:
    fails(tmp_path, FILE, "no such file")


def test_file_that_is_not_hdf5(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"MATLAB 5.0 MAT-file")
    fails(tmp_path, FILE, "cannot be read as HDF5")


def test_fewer_masks_than_photographs(tmp_path: Path) -> None:
    write_mat(tmp_path, masks=[mask(0)])
    fails(tmp_path, FILE, "3 photographs and 1 masks")


def test_empty_file(tmp_path: Path) -> None:
    write_mat(tmp_path, [], [])
    fails(tmp_path, FILE, "0 photographs")


def test_mask_of_another_size(tmp_path: Path) -> None:
    write_mat(tmp_path, masks=[mask(0), mask(1), mask(0)])
    fails(tmp_path, FILE, "mask 2 is 20 x 10 pixels", "18 x 12")


def test_transposed_mask(tmp_path: Path) -> None:
    write_mat(tmp_path, masks=[mask(0), mask(1).T, mask(2)])
    fails(tmp_path, FILE, "mask 1 is 11 x 19 pixels", "19 x 11")


@pytest.mark.parametrize(
    "array", [np.full((10, 20), 2, np.uint8), np.full((10, 20), np.nan), np.zeros((10, 20, 3))]
)
def test_mask_of_anything_but_0_and_1(tmp_path: Path, array: np.ndarray) -> None:
    write_mat(tmp_path, masks=[array, mask(1), mask(2)])
    fails(tmp_path, FILE, "number 0 of /value/gt is not a mask")
