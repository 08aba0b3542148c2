"""The area under a perturbation test's accuracy curve, and its interval (paper table 2).

The paper defines no area. The released code's is the only one there is: the trapezoid rule over
the accuracies at 0 to 90 % of the pixels removed, not divided by the 0.9 that this spans.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuewalk.evaluate.confusion import interval, resampled_sums

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the pixels removed at the points of a curve."""

_STEP = 0.1


def auc(accuracy: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Area under accuracy curves.

    Args:
        accuracy: (..., 10) in [0, 1] at `LEVELS`, the whole image first.

    Returns:
        (...) in [0, 0.9]; table 2 holds 100 times this.

    Raises:
        ValueError: not ten levels.
    """
    if accuracy.shape[-1] != len(LEVELS):
        raise ValueError(f"{accuracy.shape[-1]} accuracies for {len(LEVELS)} levels")
    return np.asarray(np.trapezoid(accuracy, dx=_STEP, axis=-1), dtype=np.float64)


def bootstrap_auc(
    hits: NDArray[np.bool_] | NDArray[np.number[Any]],
    owner: NDArray[np.integer[Any]],
    *,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile bootstrap interval of the area, resampling photographs.

    The accuracy of a resampling is the sum of its hits over the number of its rows, so a
    photograph with several explained classes weighs as much as in the figure itself.

    Args:
        hits: (n, 10) whether the network is right, for each explained class at `LEVELS`.
        owner: (n,) photograph of each row; its rows are drawn together.
        samples: number of resamplings.
        seed: of the resampling.
        level: share of the resampled areas that the interval holds.

    Returns:
        (low, high), areas in [0, 0.9].

    Raises:
        ValueError: no rows, or not ten levels or one owner per row.
    """
    rows = np.column_stack([hits, np.ones(len(hits))])
    sums = resampled_sums(sums_by_owner(rows, owner), samples, seed)
    return interval(auc(sums[:, :-1] / sums[:, -1:]), level)


def sums_by_owner(
    rows: NDArray[np.number[Any]], owner: NDArray[np.integer[Any]]
) -> NDArray[np.float64]:
    """Add up the rows of each photograph: what a bootstrap over photographs resamples.

    Args:
        rows: (n, k) figures that add up.
        owner: (n,) photograph of each row, any integers.

    Returns:
        (photographs, k), in ascending order of owner.

    Raises:
        ValueError: no rows, or not one owner per row.
    """
    if not len(rows) or owner.shape != (len(rows),):
        raise ValueError(f"{len(rows)} rows for owners of shape {owner.shape}")
    names, index = np.unique(owner, return_inverse=True)
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, index, rows)
    return sums
