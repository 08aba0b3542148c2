"""Cell arrays of MATLAB 7.3 files, which are HDF5: a photograph or mask per cell, read singly.

Such a file lies in the data set's root, and `file.mat::17` names number 17 of what it holds. HDF5
keeps a MATLAB array with its axes in reverse order and a cell array as references to its cells.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuewalk.errors import InputError

_MEMBER = re.compile(r"(.+\.mat)::(\d+)")
_BROKEN = (OSError, KeyError, ValueError, TypeError, IndexError, RuntimeError)


def split_member(path: str) -> tuple[str, int] | None:
    """`file.mat::17` as (`file.mat`, 17); None for the path of an ordinary file."""
    found = _MEMBER.fullmatch(path)
    return (found[1], int(found[2])) if found else None


def count_cells(path: Path, name: str) -> int:
    """Number of cells of array `name`, e.g. `/value/img`.

    Raises:
        InputError: The file is missing, isn't HDF5 or has no such array.
    """
    try:
        with _open(path) as file:
            return int(file[name].size)
    except (*_BROKEN, AttributeError) as error:
        raise _unreadable(path, f"{name} in it", error) from error


def read_cell(path: Path, name: str, number: int) -> NDArray[Any]:
    """What one cell holds, with MATLAB's own axes; of a cell in a cell, the first.

    Args:
        path: The file; it is opened and closed here, so that processes and threads share nothing.
        name: Array in it, e.g. `/value/img`.
        number: Counted from 0.

    Raises:
        InputError: The file, the array or the cell is missing or damaged.
    """
    try:
        with _open(path) as file:
            found = _follow(file, file[name], number)
            while found.dtype.kind == "O":
                found = _follow(file, found, 0)
            return np.asarray(_own(file, found)[()]).T
    except (*_BROKEN, AttributeError) as error:
        raise _unreadable(path, f"number {number} of {name} in it", error) from error


def _open(path: Path) -> Any:
    import h5py  # noqa: PLC0415  (only those who have such data load it)

    # Only ever read: no lock is needed, and some network file systems refuse one.
    return h5py.File(path, "r", locking=False)


def _own(file: Any, found: Any) -> Any:
    """A dataset, if its values lie in the file itself: HDF5 can name any other file for them."""
    if found.file.filename != file.filename or found.external or found.is_virtual:
        raise ValueError("its values lie in another file")
    return found


def _follow(file: Any, references: Any, number: int) -> Any:
    return file[references[np.unravel_index(number, references.shape)]]


def _unreadable(path: Path, what: str, error: Exception) -> InputError:
    if not path.is_file():
        return InputError(f"{path}: no such file; copy it there or correct the data set's root.")
    reason = " ".join(str(error).split())
    return InputError(
        f"{path}: {what} cannot be read as HDF5 ({reason}); copy the file again, in MATLAB's "
        "format 7.3."
    )
