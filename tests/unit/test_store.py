"""One store per shard: what is written comes back, from one file."""

import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cuewalk.artifacts.store import (
    NO_CLASS,
    Store,
    describe,
    pad_classes,
    read_store,
    stack_rows,
    write_store,
)

IDS = ("2007_000033", "b", "ähre")


def arrays(rows: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "class_id": rng.integers(0, 255, (rows, 2), np.uint8),
        "size": rng.integers(1, 500, (rows, 2)).astype(np.int32),
        "grid": rng.random((rows, 2, 2, 5, 7)).astype(np.float32),
        "planes": rng.random((rows, 3, 4)).astype(np.float16),
        "count": np.arange(rows, dtype=np.int64),
        "cell": rng.random((rows, 6)) < 0.5,
        "none": np.zeros((rows, 0, 4), np.float32),
    }


def write(path: Path, **changes: Any) -> Store:
    whole: dict[str, Any] = {"ids": IDS, "arrays": arrays(), "attributes": {"sizes": [112, 144]}}
    store = Store(**(whole | changes))
    write_store(path, store)
    return store


def assert_same(found: Store, expected: Store) -> None:
    assert found.ids == expected.ids
    assert found.attributes == expected.attributes
    assert found.arrays.keys() == expected.arrays.keys()
    for name, array in expected.arrays.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array)


def test_round_trip_keeps_ids_values_types_and_attributes(tmp_path: Path) -> None:
    attributes = {"settings": [{"name": "alpha 4 inside", "beta": None}], "alphas": [4, 0.5]}
    store = write(tmp_path / "a.zarr.zip", attributes=attributes)
    found = read_store(tmp_path / "a.zarr.zip")
    assert_same(found, store)
    # In memory: the file is no longer needed.
    assert all(isinstance(array, np.ndarray) for array in found.arrays.values())


def test_row_is_found_by_photograph(tmp_path: Path) -> None:
    store = write(tmp_path / "a.zarr.zip")
    row = read_store(tmp_path / "a.zarr.zip").row("b")
    assert row.keys() == store.arrays.keys()
    for name, value in row.items():
        np.testing.assert_array_equal(value, store.arrays[name][1])
    with pytest.raises(ValueError):
        store.row("no such photograph")


def test_named_arrays_alone_are_read(tmp_path: Path) -> None:
    store = write(tmp_path / "a.zarr.zip")
    found = read_store(tmp_path / "a.zarr.zip", ["size", "grid"])
    assert list(found.arrays) == ["size", "grid"]
    np.testing.assert_array_equal(found.arrays["grid"], store.arrays["grid"])
    assert found.ids == IDS


def test_empty_store_comes_back_empty(tmp_path: Path) -> None:
    store = write(tmp_path / "a.zarr.zip", ids=(), arrays=arrays(0))
    found = read_store(tmp_path / "a.zarr.zip")
    assert_same(found, store)
    assert found.arrays["grid"].shape == (0, 2, 2, 5, 7)


def test_a_store_is_one_file_and_the_same_to_the_byte(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.zarr.zip")
        time.sleep(2.1 if name == "a" else 0)  # the clock of zip files ticks every other second
    assert sorted(tmp_path.iterdir()) == [tmp_path / "a.zarr.zip", tmp_path / "b.zarr.zip"]
    first, second = (path.read_bytes() for path in sorted(tmp_path.iterdir()))
    assert first == second


def test_no_part_can_be_missing_or_damaged_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr.zip"
    write(path)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as file:
        part = file.getinfo("grid/c/0/0/0/0/0")
    for damaged in (whole[: len(whole) // 2], flipped(whole, part.header_offset + 80)):
        path.write_bytes(damaged)
        with pytest.raises(zipfile.BadZipFile):
            read_store(path)


def flipped(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("rows", [2, 4, 0])
def test_array_of_another_row_count_is_refused(rows: int, tmp_path: Path) -> None:
    wrong = {"size": np.zeros((rows, 2), np.int32)}
    with pytest.raises(ValueError, match=f"size: {rows} rows for 3 photographs"):
        write(tmp_path / "a.zarr.zip", arrays=wrong)


def test_store_that_exists_is_not_written_over(tmp_path: Path) -> None:
    store = write(tmp_path / "a.zarr.zip")
    with pytest.raises(FileExistsError):
        write(tmp_path / "a.zarr.zip", ids=("x",), arrays=arrays(1))
    assert_same(read_store(tmp_path / "a.zarr.zip"), store)


def test_store_of_zeros_comes_back(tmp_path: Path) -> None:
    # zarr writes no chunk that holds the fill value alone.
    zeros = {"label": np.zeros((3, 4, 4), np.uint8), "grid": np.zeros((3, 2), np.float32)}
    store = write(tmp_path / "a.zarr.zip", arrays=zeros)
    assert_same(read_store(tmp_path / "a.zarr.zip"), store)


def test_ragged_classes_are_padded_with_no_class() -> None:
    found = pad_classes([[3], [], [0, 19]], 3)
    assert found.dtype == np.int32
    expected = [[3, NO_CLASS, NO_CLASS], [NO_CLASS] * 3, [0, 19, NO_CLASS]]
    np.testing.assert_array_equal(found, expected)
    assert pad_classes([], 2).shape == (0, 2)
    with pytest.raises(ValueError):
        pad_classes([[1, 2, 3]], 2)


def test_ragged_rows_are_stacked_with_zeros() -> None:
    rows = [np.ones((2, 3)), np.ones((0, 3)), np.full((1, 3), 5.0)]
    found = stack_rows(rows, 2, (3,), np.float32)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, :, 0], [[1, 1], [0, 0], [5, 0]])
    assert stack_rows([], 2, (3, 4), np.uint8).shape == (0, 2, 3, 4)
    with pytest.raises(ValueError):
        stack_rows([np.ones((3, 3))], 2, (3,), np.float32)


def test_description_names_shapes() -> None:
    assert describe(Store((), {"size": np.zeros((0, 2))}, {})) == {"size": (0, 2)}
