"""Ground-truth masks of any data set. Only what evaluates may import this module."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cuewalk.datasets.images import decode, place_of_mask
from cuewalk.datasets.mat import read_cell, split_member
from cuewalk.datasets.record import Truth
from cuewalk.datasets.voc import VOID
from cuewalk.errors import InputError

CELLS = "/value/gt"
"""Where a MATLAB file keeps its masks."""


def load_truth(root: Path, truth: Truth, mask_ids: Sequence[int]) -> NDArray[np.uint8]:
    """Mask as label ids of the run, (height, width): 0 = background, class position + 1.

    Every other id becomes 255: neither background nor error, just not counted.

    Args:
        root: Folder of the data set.
        truth: Which mask.
        mask_ids: The wanted classes' ids in the file, in class order (`Dataset.mask_ids`); empty
            for a mask of object (1) and background (0).

    Raises:
        InputError: The mask is gone or cannot be decoded.
    """
    ids = np.full(256, VOID, np.uint8)
    ids[0] = 0
    for position, id in enumerate(mask_ids or (1,)):
        ids[id] = position + 1
    mask: NDArray[np.uint8] = ids[_read(root, truth.path)]
    return mask


def mask_cell(path: Path, number: int) -> NDArray[np.uint8]:
    """Mask `number` of a MATLAB file, (height, width): 0 = background, 1 = object.

    Raises:
        InputError: It is missing, damaged or holds anything but 0 and 1.
    """
    mask = read_cell(path, CELLS, number)
    if mask.dtype.kind not in "biuf" or mask.ndim != 2 or not np.isin(mask, (0, 1)).all():
        raise InputError(
            f"{path}: number {number} of {CELLS} is not a mask; store height x width of 0 for "
            "background and 1 for object."
        )
    return np.ascontiguousarray(mask, np.uint8)


def _read(root: Path, path: str) -> NDArray[np.uint8]:
    if member := split_member(path):
        return mask_cell(place_of_mask(root, member[0]), member[1])
    image, _ = decode(place_of_mask(root, path))
    return np.array(image)
