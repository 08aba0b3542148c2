"""Digests of content: moved by values and bytes, not by how and when they were stored."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from cuewalk.artifacts.content import describe, files_of, hash_files, store_digests
from cuewalk.artifacts.store import Store, write_store

IDS = ("a", "b", "c")


def example() -> Store:
    arrays = {
        "grid": np.arange(12, dtype=np.float32).reshape(3, 4),
        "size": np.ones((3, 2), np.int32),
    }
    return Store(IDS, arrays, {"sizes": [64]})


def changed(**arrays: np.ndarray) -> dict:
    made = example()
    return store_digests(Store(made.ids, made.arrays | arrays, made.attributes))


def test_a_value_moves_its_array_and_its_row_alone():
    before = store_digests(example())
    grid = example().arrays["grid"]
    grid[1, 2] += 1
    after = changed(grid=grid)
    assert after["arrays"]["size"] == before["arrays"]["size"]
    assert after["arrays"]["grid"] != before["arrays"]["grid"]
    assert {i for i in IDS if after["rows"][i] != before["rows"][i]} == {"b"}
    assert after["attributes"] == before["attributes"]


@pytest.mark.parametrize("what", ["dtype", "shape", "name", "order"])
def test_what_is_not_a_value_counts_too(what):
    before, size = store_digests(example()), example().arrays["size"]
    if what == "dtype":
        after = changed(size=size.view(np.uint32))  # the same bytes
    elif what == "shape":
        after = changed(size=size.reshape(3, 1, 2))
    elif what == "name":
        made = example()
        after = store_digests(Store(made.ids, {"grid": made.arrays["grid"], "s": size}, {}))
    else:
        made = example()
        after = store_digests(Store(("b", "a", "c"), made.arrays, made.attributes))
    assert after["rows"] != before["rows"]
    if what in ("dtype", "shape"):
        assert after["arrays"] != before["arrays"]


def test_attributes_count(tmp_path: Path):
    made = example()
    for name, attributes in (("x", {"sizes": [64]}), ("y", {"sizes": [65]})):
        write_store(tmp_path / name / "a.zarr.zip", Store(made.ids, made.arrays, attributes))
    x, y = describe(tmp_path / "x"), describe(tmp_path / "y")
    assert x.stores["a.zarr.zip"]["attributes"] != y.stores["a.zarr.zip"]["attributes"]
    assert x.stores["a.zarr.zip"]["arrays"] == y.stores["a.zarr.zip"]["arrays"]
    assert x.digest != y.digest


def test_the_same_values_in_other_bytes(tmp_path: Path):
    write_store(tmp_path / "x" / "a.zarr.zip", example())
    (tmp_path / "y").mkdir()
    with zarr.storage.ZipStore(tmp_path / "y" / "a.zarr.zip", mode="w") as zipped:
        group = zarr.create_group(zipped, attributes={"ids": list(IDS), "sizes": [64]})
        for name, array in example().arrays.items():
            group.create_array(name, data=array, compressors=None)
    x, y = describe(tmp_path / "x"), describe(tmp_path / "y")
    assert x.files != y.files
    assert (x.digest, x.stores) == (y.digest, y.stores)


def test_snakemakes_timestamp_does_not_count(tmp_path: Path):
    write_store(tmp_path / "x" / "a.zarr.zip", example())
    before = describe(tmp_path / "x")
    (tmp_path / "x" / ".snakemake_timestamp").write_text("now")
    assert describe(tmp_path / "x") == before
    (tmp_path / "x" / "other").write_text("now")
    assert describe(tmp_path / "x").digest != before.digest


def test_a_store_that_cannot_be_read_has_no_values(tmp_path: Path):
    write_store(tmp_path / "x" / "a.zarr.zip", example())
    before = describe(tmp_path / "x").digest
    (tmp_path / "x" / "a.zarr.zip").write_text("{")
    found = describe(tmp_path / "x")
    assert found.stores["a.zarr.zip"] == {"attributes": "", "arrays": {}, "rows": {}}
    assert found.digest != before


def test_a_file_and_what_is_not_there(tmp_path: Path):
    (tmp_path / "a.csv").write_text("x\n")
    assert list(files_of(tmp_path / "a.csv")) == ["."]
    first = describe(tmp_path / "a.csv")
    shutil.copy(tmp_path / "a.csv", tmp_path / "b.csv")
    assert describe(tmp_path / "b.csv") == first
    (tmp_path / "b.csv").write_text("y\n")
    assert describe(tmp_path / "b.csv").digest != first.digest
    with pytest.raises(FileNotFoundError):
        describe(tmp_path / "c.csv")


def test_progress_tells_bytes(tmp_path: Path):
    paths = [tmp_path / name for name in "abc"]
    for size, path in enumerate(paths, 1):
        path.write_bytes(b"x" * size)
    seen: list[int] = []
    assert list(hash_files(paths, seen.append)) == paths
    assert sorted(seen) == [1, 2, 3]
