"""ImageNet-Segmentation (paper table 3; Guillaumin et al. 2014): masks of one object each.

    gtsegs_ijcv.mat      MATLAB 7.3, that is HDF5
        /value/img       references to the photographs, (3, W, H) or grey (W, H), uint8
        /value/gt        references to references, the first of which is the mask, (W, H) of 0, 1

The photographs have no label: what is explained is the class that the network itself predicts.
"""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cuewalk.datasets import images, truth
from cuewalk.datasets.mat import count_cells
from cuewalk.datasets.record import Dataset, Progress, Record, Truth, limited
from cuewalk.errors import InputError

FILE = "gtsegs_ijcv.mat"


def read_imagenet_segmentation(
    root: Path,
    *,
    split: str = "val",
    classes: int = 1000,
    limit: int | None = None,
    progress: Progress = lambda ids: ids,
) -> Dataset:
    """Reads and checks every kept photograph and its mask, one at a time.

    Args:
        root: Folder that holds gtsegs_ijcv.mat.
        split: Name of the one split that all records get.
        classes: Number of the network's outputs; their names are not in the file.
        limit: Photographs to keep, as `limited` chooses them; None keeps all.
        progress: Wraps the ids while photographs are read, e.g. `tqdm`.

    Raises:
        InputError: Anything missing, unreadable or inconsistent.
    """
    numbers = _numbers(root)
    records, truths = [], []
    for id in progress(limited(numbers, limit)):
        photograph = images.image_cell(root / FILE, numbers[id])
        mask = truth.mask_cell(root / FILE, numbers[id])
        height, width = photograph.shape[:2]
        if mask.shape != (height, width):
            raise InputError(
                f"{root / FILE}: mask {numbers[id]} is {mask.shape[1]} x {mask.shape[0]} pixels "
                f"but its photograph is {width} x {height}; copy the file again."
            )
        path = f"{FILE}::{numbers[id]}"
        records.append(Record(id, path, (split,), (), height, width, _digest(photograph)))
        truths.append(Truth(id, path, _digest(mask)))
    digits = len(str(classes - 1))
    names = tuple(f"class {number:0{digits}}" for number in range(classes))
    return Dataset(root, names, tuple(records), tuple(truths), left_out=0)


def _numbers(root: Path) -> dict[str, int]:
    """Number in the file by id: the number itself, with zeros so that ids sort like numbers."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; set the data set's root to where it lies.")
    photographs = count_cells(root / FILE, images.CELLS)
    masks = count_cells(root / FILE, truth.CELLS)
    if photographs != masks or not photographs:
        raise InputError(
            f"{root / FILE}: holds {photographs} photographs and {masks} masks; "
            "copy the file again."
        )
    digits = max(4, len(str(photographs - 1)))
    return {f"{number:0{digits}}": number for number in range(photographs)}


def _digest(pixels: NDArray[np.uint8]) -> str:
    """SHA-256 of shape and pixels: the bytes of the file are those of all photographs."""
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
