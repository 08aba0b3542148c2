"""Bilinear resizing and mean pooling of map planes, without torch (paper 5.3).

Bilinear interpolation is linear and separable: the result is ``rows @ planes @ columns.T`` with
two small matrices that depend on the sizes alone. They follow the half-pixel convention of
``torch.nn.functional.interpolate(mode="bilinear", align_corners=False)``, so that maps made here
and features made in torch lie on the same pixels.
"""

from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

F = TypeVar("F", bound=np.floating[Any])

_CACHED_MATRICES = 32  # a 448 x 500 float32 matrix is 0.9 MB; photographs repeat a few sizes


def resize(planes: NDArray[F], size: tuple[int, int]) -> NDArray[F]:
    """Resize planes bilinearly, half-pixel centres, no antialiasing.

    Args:
        planes: (..., h, w), float32 or float64, finite: a NaN spreads over its row and column.
        size: (H, W) of the result.

    Returns:
        (..., H, W) of the dtype of ``planes``; values stay within the range of the input.
    """
    rows = _interpolation(planes.shape[-2], size[0], planes.dtype.char)
    columns = _interpolation(planes.shape[-1], size[1], planes.dtype.char)
    resized: NDArray[F] = rows @ (planes @ columns.T)
    return resized


def pool(planes: NDArray[F], cell: int) -> NDArray[F]:
    """Average each cell x cell square of pixels.

    Args:
        planes: (..., g * cell, g * cell), float.
        cell: side of a square, in pixels.

    Returns:
        (..., g, g) of the dtype of ``planes``.

    Raises:
        ValueError: a side of the planes is not a multiple of ``cell``.
    """
    *lead, height, width = planes.shape
    squares = planes.reshape(*lead, height // cell, cell, width // cell, cell)
    pooled: NDArray[F] = squares.mean(axis=(-3, -1))
    return pooled


def to_cells(planes: NDArray[F], grid: int, cell: int = 8) -> NDArray[F]:
    """Bring planes of a photograph to the cell grid on which labels and the walk live.

    The photograph is squashed to (grid * cell) pixels a side, as the affinity network sees it, and
    every cell x cell square becomes one cell: 448 pixels and cells of 8 give the paper's 56 x 56.

    Args:
        planes: (..., H, W), float32 or float64, finite.
        grid: cells per side.
        cell: pixels per side of a cell.

    Returns:
        (..., grid, grid) of the dtype of ``planes``.
    """
    side = grid * cell
    return pool(resize(planes, (side, side)), cell)


@lru_cache(maxsize=_CACHED_MATRICES)
def _interpolation(source: int, target: int, dtype: str) -> NDArray[Any]:
    """The (target, source) matrix of 1-D interpolation: two weights a row, summing to 1."""
    real = np.dtype(dtype).type
    # Positions in the dtype of the data, as in torch. In float32 their rounding shifts weights by
    # up to 4e-5; torch's own CPU kernels differ by 1.5e-5, as some fuse this multiply and add.
    centres = (np.arange(target, dtype=real) + real(0.5)) * (real(source) / real(target))
    position = np.maximum(centres - real(0.5), real(0))
    left = np.minimum(position.astype(np.intp), source - 1)
    right = np.minimum(left + 1, source - 1)
    share = np.clip(position - left.astype(real), real(0), real(1))
    matrix = np.zeros((target, source), dtype=real)
    target_index = np.arange(target)
    matrix[target_index, left] = 1 - share
    matrix[target_index, right] += share  # at the border both neighbours are the last pixel
    matrix.flags.writeable = False  # shared by every later call
    return matrix
