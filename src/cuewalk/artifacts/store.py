"""One zarr store per shard: fixed-shape arrays, a row per photograph, all in one zip file.

A store is written whole by one job and read whole; nobody appends to it. In a zip file it is one
file instead of two for every array, and a damaged part cannot pass for a sound one. Zarr's zip
store and any unzip read it.
"""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.abc.buffer import Buffer
from zarr.codecs import BloscCodec
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

NO_CLASS = -1
"""Fills the class slots that a photograph does not use."""


@dataclass(frozen=True)
class Store:
    """A shard's artefact.

    Attributes:
        ids: the photograph of each row.
        arrays: name -> array whose first axis is the row.
        attributes: JSON-able facts about the whole.
    """

    ids: tuple[str, ...]
    arrays: dict[str, np.ndarray]
    attributes: dict[str, Any]

    def row(self, photograph: str) -> dict[str, np.ndarray]:
        """All arrays' rows of one photograph."""
        index = self.ids.index(photograph)
        return {name: array[index] for name, array in self.arrays.items()}


def write_store(path: Path, store: Store) -> None:
    """Write a store to a new file `path`, *.zarr.zip; equal stores give equal bytes."""
    parts: dict[str, Buffer] = {}
    group = zarr.open_group(MemoryStore(parts), mode="w", zarr_format=3)
    group.attrs.update({**store.attributes, "ids": list(store.ids)})
    for name, array in store.arrays.items():
        if array.shape[0] != len(store.ids):
            raise ValueError(f"{name}: {array.shape[0]} rows for {len(store.ids)} photographs")
        _write_array(group, name, array)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not zarr's own zip store, which writes down the time of day.
    with zipfile.ZipFile(path, "x") as file:
        for name in sorted(parts):
            file.writestr(zipfile.ZipInfo(name), parts[name].to_bytes())


def _write_array(group: zarr.Group, name: str, array: np.ndarray) -> None:
    rows = max(1, array.shape[0])
    chunk = (1, *(max(1, n) for n in array.shape[1:]))
    created = group.create_array(
        name,
        shape=array.shape,
        dtype=array.dtype,
        chunks=chunk,
        shards=(rows, *chunk[1:]),  # all rows are written at once
        compressors=BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"),
    )
    if array.size:
        created[...] = array


def read_store(path: Path, names: Sequence[str] | None = None) -> Store:
    """Read a store's arrays (all, or the named ones) into memory.

    Raises:
        OSError: there is no such file.
        zipfile.BadZipFile: it is damaged.
        ValueError: an array holds anything but numbers.
    """
    with zipfile.ZipFile(path) as file:
        parts = {part: _buffer(file.read(part)) for part in file.namelist() if _wanted(part, names)}
    # Format 2 can hold pickled objects, which run what they like when they are read.
    group = zarr.open_group(MemoryStore(parts), mode="r", zarr_format=3)
    attributes = dict(group.attrs)
    ids = tuple(str(i) for i in attributes.pop("ids"))  # type: ignore[union-attr]
    wanted = sorted(group.array_keys()) if names is None else names
    return Store(ids, {name: _numbers(group[name], name) for name in wanted}, attributes)


def _numbers(array: Any, name: str) -> np.ndarray:
    if array.dtype.kind not in "biuf":
        raise ValueError(f"array {name} holds {array.dtype}, not numbers")
    return np.asarray(array[...])


def _wanted(part: str, names: Sequence[str] | None) -> bool:
    array, _, rest = part.partition("/")
    return names is None or not rest or array in names


def _buffer(content: bytes) -> Buffer:
    return default_buffer_prototype().buffer.from_bytes(content)


def pad_classes(rows: Sequence[Sequence[int]], slots: int) -> np.ndarray:
    """Ragged class indices to (n, slots) int32, unused slots NO_CLASS."""
    padded = np.full((len(rows), slots), NO_CLASS, np.int32)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = row
    return padded


def stack_rows(
    rows: Sequence[np.ndarray], slots: int, shape: tuple[int, ...], dtype: Any
) -> np.ndarray:
    """Ragged first axes to (n, slots, *shape), unused slots zero."""
    stacked = np.zeros((len(rows), slots, *shape), dtype)
    for index, row in enumerate(rows):
        stacked[index, : len(row)] = row
    return stacked


def describe(store: Store) -> Mapping[str, tuple[int, ...]]:
    """Array names and shapes, for logs."""
    return {name: array.shape for name, array in store.arrays.items()}
