"""ImageNet-Segmentation: photographs and masks of a small MATLAB file."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from mats import FILE, mask, photograph, write_mat

from cuewalk.datasets.imagenet_segmentation import read_imagenet_segmentation
from cuewalk.datasets.images import load_image
from cuewalk.datasets.record import read_index, write_index
from cuewalk.datasets.truth import load_truth
from cuewalk.errors import InputError


def test_records(tmp_path: Path) -> None:
    write_mat(tmp_path)
    data = read_imagenet_segmentation(tmp_path)
    assert data.root == tmp_path
    assert [r.id for r in data.records] == [t.id for t in data.truths] == ["0000", "0001", "0002"]
    assert [r.path for r in data.records] == [f"{FILE}::{number}" for number in range(3)]
    assert [t.path for t in data.truths] == [r.path for r in data.records]
    assert [(r.height, r.width) for r in data.records] == [(10, 20), (11, 19), (12, 18)]
    assert {(r.splits, r.labels) for r in data.records} == {(("val",), ())}
    assert (data.mask_ids, data.left_out) == ((), 0)


def test_classes_are_numbered(tmp_path: Path) -> None:
    write_mat(tmp_path)
    classes = read_imagenet_segmentation(tmp_path).classes
    assert (len(classes), classes[0], classes[-1]) == (1000, "class 000", "class 999")
    assert read_imagenet_segmentation(tmp_path, classes=2).classes == ("class 0", "class 1")


def test_digests_are_of_shape_and_pixels(tmp_path: Path) -> None:
    write_mat(tmp_path)
    data = read_imagenet_segmentation(tmp_path)
    for found, pixels in ((data.records[1], photograph(1)), (data.truths[1], mask(1))):
        content = repr(pixels.shape).encode() + pixels.tobytes()
        assert found.sha256 == hashlib.sha256(content).hexdigest()
    same = np.zeros((4, 6, 3), np.uint8)
    write_mat(tmp_path, [same, same.reshape(6, 4, 3)], [same[..., 0], same[..., 0].reshape(6, 4)])
    data = read_imagenet_segmentation(tmp_path)
    assert data.records[0].sha256 != data.records[1].sha256


@pytest.mark.parametrize("row", [False, True])
def test_records_lead_to_photographs_and_masks(tmp_path: Path, row: bool) -> None:
    write_mat(tmp_path, row=row)
    data = read_imagenet_segmentation(tmp_path)
    for number in (0, 1):
        assert np.array_equal(load_image(tmp_path, data.records[number]), photograph(number))
    for number, truth in enumerate(data.truths):
        found = load_truth(tmp_path, truth, data.mask_ids)
        assert found.dtype == np.uint8
        assert np.array_equal(found, mask(number))


@pytest.mark.parametrize("kind", [np.bool_, np.float64])
def test_masks_of_another_type(tmp_path: Path, kind: type) -> None:
    write_mat(tmp_path, [photograph(0)], [mask(0)])
    first = read_imagenet_segmentation(tmp_path).truths[0]
    write_mat(tmp_path, [photograph(0)], [mask(0).astype(kind)])
    data = read_imagenet_segmentation(tmp_path)
    assert data.truths[0] == first
    assert np.array_equal(load_truth(tmp_path, first, ()), mask(0))


def test_index_keeps_records_without_labels(tmp_path: Path) -> None:
    write_mat(tmp_path)
    records = read_imagenet_segmentation(tmp_path, split="other").records
    write_index(tmp_path / "index.csv", records)
    assert read_index(tmp_path / "index.csv") == records
    assert records[0].splits == ("other",)


def test_limit_reads_those_alone(tmp_path: Path) -> None:
    # CRC-32 of 0000, 0001 and 0002: 0c9bc472, 7b9cf4e4, e295a55e. The third is broken.
    write_mat(tmp_path, masks=[mask(0), mask(1), mask(0)])
    seen: list[str] = []

    def progress(ids: Iterable[str]) -> Iterable[str]:
        seen.extend(ids)
        return seen

    data = read_imagenet_segmentation(tmp_path, limit=2, progress=progress)
    assert [r.id for r in data.records] == [t.id for t in data.truths] == ["0000", "0001"]
    assert seen == ["0000", "0001"]


def fails(root: Path, *parts: str) -> None:
    with pytest.raises(InputError) as caught:
        read_imagenet_segmentation(root)
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
