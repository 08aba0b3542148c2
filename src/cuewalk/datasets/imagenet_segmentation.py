"""ImageNet-Segmentation (paper table 3; Guillaumin et al. 2014): masks of one object each.

    gtsegs_ijcv.mat      MATLAB 7.3, that is HDF5
        /value/img       references to the photographs, (3, W, H) or grey (W, H), uint8
        /value/gt        references to references, the first of which is the mask, (W, H) of 0, 1

The photographs have no label: what is explained is the class that the network itself predicts.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cuewalk.datasets import images, truth
from cuewalk.datasets.mat import count_cells
from cuewalk.datasets.record import Dataset, Progress, Record, Truth
from cuewalk.errors import InputError

FILE = "gtsegs_ijcv.mat"


def numbers(root: Path) -> dict[str, int]:
    """Number in the file by id: the number itself, with zeros so that ids sort like numbers.

    Args:
        root: Folder that holds gtsegs_ijcv.mat.

    Raises:
        InputError: The file is missing, damaged or empty.
    """
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


def class_names(classes: int = 1000) -> tuple[str, ...]:
    """Names for the network's outputs, of which the file tells none."""
    digits = len(str(classes - 1))
    return tuple(f"class {number:0{digits}}" for number in range(classes))


def read_imagenet_segmentation(
    root: Path,
    splits: Mapping[str, Sequence[str]],
    *,
    progress: Progress = lambda ids: ids,
) -> Dataset:
    """Reads and checks photographs, one at a time.

    Args:
        root: Folder that holds gtsegs_ijcv.mat.
        splits: Ids to read, each with its splits.
        progress: Wraps the ids while photographs are read, e.g. `tqdm`.

    Raises:
        InputError: A photograph is damaged.
    """
    records = []
    for id in progress(sorted(splits)):
        photograph = images.image_cell(root / FILE, int(id))
        height, width = photograph.shape[:2]
        place = f"{FILE}::{int(id)}"
        records.append(Record(id, place, tuple(splits[id]), (), height, width, _digest(photograph)))
    return Dataset(tuple(records))


def read_imagenet_segmentation_truths(
    root: Path, records: Iterable[Record], *, progress: Progress = lambda ids: ids
) -> tuple[Truth, ...]:
    """Reads and checks the masks of photographs, one at a time.

    Raises:
        InputError: A mask is damaged, or of another size than its photograph.
    """
    by_id = {record.id: record for record in records}
    truths = []
    for id in progress(sorted(by_id)):
        record, mask = by_id[id], truth.mask_cell(root / FILE, int(id))
        if mask.shape != (record.height, record.width):
            raise InputError(
                f"{root / FILE}: mask {int(id)} is {mask.shape[1]} x {mask.shape[0]} pixels "
                f"but its photograph is {record.width} x {record.height}; copy the file again."
            )
        truths.append(Truth(id, record.path, _digest(mask)))
    return tuple(truths)


def _digest(pixels: NDArray[np.uint8]) -> str:
    """SHA-256 of shape and pixels: the bytes of the file are those of all photographs."""
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
