"""The affinities of a photograph as one grid, to look at: dark where cells differ from their
neighbours, as along the border of an object (paper, figure 4)."""

import numpy as np
from numpy.typing import NDArray

from cuewalk.affinity.pairs import pair_nodes


def mean_affinity(
    affinity: NDArray[np.float32], height: int, width: int, radius: int = 5
) -> NDArray[np.float32]:
    """Mean affinity of each cell to all cells that it makes a pair with.

    Args:
        affinity: (offsets, P) in (0, 1], as `loss.affinities` orders them.
        height: rows of the grid.
        width: columns of the grid.
        radius: see `cuewalk.affinity.pairs.offsets`.

    Returns:
        (height, width) in [0, 1]; a cell without any pair takes the mean of all pairs.

    Raises:
        InputError: if the grid is too small to hold a single pair.
    """
    sources, targets = pair_nodes(height, width, radius)
    both = np.concatenate([np.broadcast_to(sources, targets.shape).ravel(), targets.ravel()])
    weights = np.tile(affinity.ravel().astype(np.float64), 2)
    total = np.bincount(both, weights, height * width)
    count = np.bincount(both, minlength=height * width)
    mean = np.where(count > 0, total / np.maximum(count, 1), affinity.mean())
    return mean.reshape(height, width).astype(np.float32)
