"""Which cells of the grid are compared, and what the labels say of each pair (paper, section 4.3).

A pair joins a source cell to a target cell closer than `radius`. Only the upper half of the disc is
listed, as affinity is symmetric: 34 offsets for radius 5. Sources too near the border to reach all
their targets are left out, as in the released code; four corners thus hold ten isolated cells.

`source` and `target` only slice and `pair_kinds` only stacks and compares, so they take numpy
arrays and torch tensors alike; this module itself never imports torch.
"""

import sys
from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from cuewalk.errors import InputError

BACKGROUND = 0
NEUTRAL = 255


class Grid(Protocol):
    """What a numpy array and a torch tensor share: a shape, and slices that are views."""

    @property
    def shape(self) -> Sequence[int]:
        """Lengths of the axes; the last two are (H, W)."""
        ...

    def __getitem__(self, key: Any, /) -> Any: ...


GridT = TypeVar("GridT", bound=Grid)


@cache
def offsets(radius: int = 5) -> tuple[tuple[int, int], ...]:
    """Steps (dy, dx) from a source to its targets, in cells.

    Args:
        radius: distance in cells that a pair must stay below (strictly).

    Returns:
        The steps of the upper half plane row by row, without (0, 0); 34 for radius 5.
    """
    reach = radius - 1
    along_row = [(0, dx) for dx in range(1, radius)]
    below = [
        (dy, dx)
        for dy in range(1, radius)
        for dx in range(-reach, radius)
        if dy * dy + dx * dx < radius * radius
    ]
    return (*along_row, *below)


def source(x: GridT, radius: int = 5) -> GridT:
    """View of the cells that can reach all their targets.

    Args:
        x: array or tensor (..., H, W).
        radius: see `offsets`.

    Returns:
        View (..., H - radius + 1, W - 2 radius + 2).

    Raises:
        InputError: if the grid is too small to hold a single source.
    """
    return target(x, 0, 0, radius)


def target(x: GridT, dy: int, dx: int, radius: int = 5) -> GridT:
    """View of the cells that lie (dy, dx) from each source; same shape as `source(x, radius)`.

    Args:
        x: array or tensor (..., H, W).
        dy: rows down from the source, one of `offsets(radius)`.
        dx: columns right of the source, likewise.
        radius: see `offsets`.

    Returns:
        View (..., H - radius + 1, W - 2 radius + 2).

    Raises:
        InputError: if the grid is too small to hold a single source.
    """
    reach = radius - 1
    height, width = x.shape[-2:]
    if height <= reach or width <= 2 * reach:
        raise InputError(
            f"affinity grid of {height} x {width} cells is too small for radius {radius}: "
            f"use at least {reach + 1} x {2 * reach + 1} cells or a smaller radius"
        )
    view: GridT = x[..., dy : height - reach + dy, reach + dx : width - reach + dx]
    return view


def pair_nodes(
    height: int, width: int, radius: int = 5
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row-major cell numbers of all pairs of a grid.

    Args:
        height: rows of the grid.
        width: columns of the grid.
        radius: see `offsets`.

    Returns:
        Sources (P,) and their targets (offsets, P).

    Raises:
        InputError: if the grid is too small to hold a single source.
    """
    cells = np.arange(height * width).reshape(height, width)
    sources = source(cells, radius).reshape(-1)
    targets = np.stack([target(cells, dy, dx, radius).reshape(-1) for dy, dx in offsets(radius)])
    return sources, targets


def pair_kinds(labels: Any, radius: int = 5) -> tuple[Any, Any, Any]:
    """Sort the pairs of a label grid into background, foreground and negative pairs.

    A pair is background if both cells are, foreground if both hold the same class, negative if
    they differ; a pair with a neutral cell is of no kind (paper, section 4.3).

    Args:
        labels: uint8 array or tensor (..., H, W): 0 background, 255 neutral, else a class.
        radius: see `offsets`.

    Returns:
        Boolean (bg, fg, neg), each (..., offsets, P), of the same library as `labels`.

    Raises:
        InputError: if the grid is too small to hold a single source.
    """
    here = _flat(source(labels, radius))[..., None, :]
    there = _targets(labels, radius)
    equal, known = here == there, (there != NEUTRAL) & (here != NEUTRAL)
    # What holds of the source alone is asked of it alone: its rows are few.
    foreground = (here != BACKGROUND) & (here != NEUTRAL)
    return equal & (here == BACKGROUND), equal & foreground, known > equal


def _targets(labels: Any, radius: int) -> Any:
    """Labels of all pairs' targets (..., offsets, P). Copying slices is faster than indexing."""
    rows = [_flat(target(labels, dy, dx, radius)) for dy, dx in offsets(radius)]
    library = sys.modules[type(labels).__module__.split(".")[0]]  # numpy or torch
    return library.stack(rows, -2)


def _flat(grids: Any) -> Any:
    """Grids (..., h, w) as rows (..., h * w); there may be none, which leaves -1 undefined."""
    return grids.reshape(*grids.shape[:-2], grids.shape[-2] * grids.shape[-1])


def count_pairs(labels: Any, radius: int = 5) -> tuple[int, int, int]:
    """Number of background, foreground and negative pairs in one or many label grids.

    Args:
        labels: uint8 array or tensor (..., H, W), see `pair_kinds`.
        radius: see `offsets`.

    Returns:
        Counts (bg, fg, neg) over all grids together.

    Raises:
        InputError: if the grid is too small to hold a single source.
    """
    bg, fg, neg = (int(kind.sum()) for kind in pair_kinds(labels, radius))
    return bg, fg, neg
