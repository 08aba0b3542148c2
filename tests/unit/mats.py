"""MATLAB 7.3 files in the layout of ImageNet-Segmentation, written as MATLAB does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

FILE = "gtsegs_ijcv.mat"


def photograph(number: int) -> np.ndarray:
    """Noise (H, W, 3) of another size for each number; number 2 is grey, (H, W)."""
    shape = (10 + number, 20 - number, 3)
    return np.random.default_rng(number).integers(
        0, 256, shape[:2] if number == 2 else shape, np.uint8
    )


def mask(number: int) -> np.ndarray:
    """Mask (H, W) of 0 and 1 for the photograph of the same number."""
    shape = photograph(number).shape[:2]
    return np.random.default_rng((number, 1)).integers(0, 2, shape, np.uint8)


def write_mat(
    root: Path,
    photographs: Sequence[np.ndarray] | None = None,
    masks: Sequence[np.ndarray] | None = None,
    *,
    row: bool = False,
) -> Path:
    """Writes the file with three photographs and masks, or those given; returns its path.

    Args:
        root: Folder to write into; created where it doesn't exist.
        photographs: As MATLAB shows them, (H, W, 3) or (H, W).
        masks: As MATLAB shows them, (H, W).
        row: Cell arrays as (1, n) instead of (n, 1).
    """
    photographs = [photograph(n) for n in range(3)] if photographs is None else photographs
    masks = [mask(n) for n in range(3)] if masks is None else masks
    root.mkdir(exist_ok=True)
    with h5py.File(root / FILE, "w") as file:
        cells(file, "/value/img", [put(file, array) for array in photographs], row)
        # Beside each mask lies a second one, which nobody asks for.
        nested = [[put(file, array), put(file, np.zeros_like(array))] for array in masks]
        inner = [cells(file, new_name(file), pair, row).ref for pair in nested]
        cells(file, "/value/gt", inner, row)
    return root / FILE


def put(file: h5py.File, array: np.ndarray) -> Any:
    """Stores an array with its axes in reverse, as MATLAB does; returns the reference."""
    return file.create_dataset(new_name(file), data=array.T, chunks=True, compression="gzip").ref


def cells(file: h5py.File, name: str, references: Sequence[Any], row: bool) -> h5py.Dataset:
    shape = (1, len(references)) if row else (len(references), 1)
    found = file.create_dataset(name, shape, h5py.ref_dtype)
    for number, reference in enumerate(references):
        found[(0, number) if row else (number, 0)] = reference
    return found


def new_name(file: h5py.File) -> str:
    return f"/#refs#/{len(file.require_group('#refs#'))}"
