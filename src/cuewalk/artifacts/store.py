"""One zarr store per shard: fixed-shape arrays, a row per photograph, one file per array.

A store is written whole by one job and read whole; nobody appends to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec

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
    """Write a store to a new folder `path` (inside a folder that is itself written atomically)."""
    group = zarr.open_group(path, mode="w-", zarr_format=3)
    group.attrs.update({**store.attributes, "ids": list(store.ids)})
    for name, array in store.arrays.items():
        if array.shape[0] != len(store.ids):
            raise ValueError(f"{name}: {array.shape[0]} rows for {len(store.ids)} photographs")
        _write_array(group, name, array)


def _write_array(group: zarr.Group, name: str, array: np.ndarray) -> None:
    rows = max(1, array.shape[0])
    chunk = (1, *(max(1, n) for n in array.shape[1:]))
    created = group.create_array(
        name,
        shape=array.shape,
        dtype=array.dtype,
        chunks=chunk,
        shards=(rows, *chunk[1:]),  # one shard file holds every row: few files, single writer
        compressors=BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"),
    )
    if array.size:
        created[...] = array


def read_store(path: Path, names: Sequence[str] | None = None) -> Store:
    """Read a store's arrays (all, or the named ones) into memory."""
    group = zarr.open_group(path, mode="r")
    attributes = dict(group.attrs)
    ids = tuple(str(i) for i in attributes.pop("ids"))  # type: ignore[union-attr]
    wanted = sorted(group.array_keys()) if names is None else names
    arrays = {name: np.asarray(group[name][...]) for name in wanted}  # type: ignore[index]
    return Store(ids, arrays, attributes)


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
