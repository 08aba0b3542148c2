"""Claim: the cues of the paper's training set take little room, in few files.

10,582 photographs in 42 shards with as many classes as VOC's have (1.55 on average, 6 at most), a
28 x 28 grid of float32 for each and one for its mirror image. The grids are noise, which hardly
compresses: real ones take less. The ratio to the raw bytes counts used slots alone.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from paired import Row, at_most, main

from cuewalk.artifacts.store import NO_CLASS, Store, read_store, write_store

# Share of VOC's photographs with 1, 2, ... classes.
CLASSES = {1: 0.59, 2: 0.30, 3: 0.085, 4: 0.02, 5: 0.004, 6: 0.001}
GRID = (2, 28, 28)


def stores(photographs: int, shards: int) -> Iterator[tuple[Store, int]]:
    """What the stage `cues` writes, shard by shard, and how many grid pairs each has in use."""
    rng = np.random.default_rng(0)
    for rows in np.array_split(np.arange(photographs), shards):
        counts = rng.choice(list(CLASSES), len(rows), p=list(CLASSES.values()))
        used = np.arange(counts.max()) < counts[:, None]
        grids = np.zeros((*used.shape, *GRID), np.float32)
        grids[used] = np.exp(rng.standard_normal((counts.sum(), *GRID)))
        arrays = {
            "size": np.tile(np.array([375, 500], np.int32), (len(rows), 1)),
            "class_id": np.where(used, rng.integers(0, 20, used.shape), NO_CLASS).astype(np.int32),
            "grid_448": grids,
        }
        yield Store(tuple(f"2007_{row:06d}" for row in rows), arrays, {"sizes": [448]}), used.sum()


def rows(quick: bool = False) -> list[Row]:
    """The claims as measured."""
    photographs, shards = (50, 2) if quick else (10582, 42)
    pairs = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, (store, used) in enumerate(stores(photographs, shards)):
            path = Path(folder, f"train-{number:03d}", "cues.zarr.zip")
            write_store(path, store)
            pairs += used
        np.testing.assert_array_equal(read_store(path).arrays["grid_448"], store.arrays["grid_448"])
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
    raw = pairs * np.prod(GRID) * 4
    per_photograph = size / photographs
    detail = f"{size / 1e6:.1f} MB for {photographs} photographs; raw {raw / 1e6:.1f} MB"
    return [
        at_most(1.1).row("cues on disk, GB per 100,000 photographs", per_photograph / 1e4, detail),
        at_most(2000).row("cues on disk, files", len(files), f"{shards} stores"),
        at_most(None).row("cues on disk / raw bytes", size / raw, detail),
    ]


if __name__ == "__main__":
    main(rows, __doc__)
