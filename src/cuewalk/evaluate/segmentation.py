"""Explanation maps as soft masks of the object they explain (paper 5.2, table 3).

The threshold, the sums and the precision's two planes are the released code's; the paper names the
three figures only.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuewalk.evaluate.confusion import interval, resampled_sums
from cuewalk.evaluate.curves import sums_by_owner

Numbers = NDArray[np.number[Any]]

_EPS = np.spacing(1)  # the released code adds it to every denominator


@dataclass(frozen=True)
class SegmentationCounts:
    """What one map adds to the figures; pairs are background first, object second.

    Attributes:
        correct: labelled pixels predicted right.
        labelled: pixels whose truth is known.
        intersection: int64 (2,) labelled pixels that are and are predicted so.
        union: int64 (2,) labelled pixels that are or are predicted so.
        average_precision: in [0, 1].
    """

    correct: int
    labelled: int
    intersection: NDArray[np.int64]
    union: NDArray[np.int64]
    average_precision: float


def segmentation_counts(
    evaluated: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]]
) -> SegmentationCounts:
    """Compare a map with the mask of the object.

    The object is predicted where the map m is above its mean. The average precision ranks the
    values [1 - m ; m] against [background ; object]. Only the mean counts unlabelled pixels.

    A constant map predicts background everywhere and is given the same score in both planes, so
    that its average precision is 0.5: it ranks nothing. That is what the released code gives its
    NaN maps. Ranking 1 - m = 1 over m = 0 instead would pay for the guess that most is background.

    Args:
        evaluated: (H, W) in [0, 1], from `explanation.evaluated_map`.
        truth: (H, W), 1 object, 0 background; any other value (255) is not counted.

    Returns:
        The counts; without a labelled pixel they are all 0, the average precision too.

    Raises:
        ValueError: the two differ in size.
    """
    if evaluated.shape != truth.shape:
        raise ValueError(f"a map of shape {evaluated.shape} for a mask of {truth.shape}")
    known = (truth == 0) | (truth == 1)
    # In float64 the mean of a constant map is that constant, which then is not above it.
    predicted = (evaluated > evaluated.mean(dtype=np.float64))[known]
    is_two, says_two = _planes(truth[known] == 1), _planes(predicted)
    scores = np.stack([1 - evaluated[known], evaluated[known]])
    if evaluated.size and evaluated.min() == evaluated.max():
        scores[:] = 0
    intersection = (is_two & says_two).sum(axis=1)
    return SegmentationCounts(
        correct=int(intersection.sum()),
        labelled=int(known.sum()),
        intersection=intersection,
        union=(is_two | says_two).sum(axis=1),
        average_precision=average_precision(scores[is_two], scores[~is_two]),
    )


def average_precision(
    positives: NDArray[np.floating[Any]], negatives: NDArray[np.floating[Any]]
) -> float:
    """Mean, over the positives, of the precision among all that score at least as high.

    It equals scikit-learn's, which steps through the distinct scores, and takes a third of the
    time: two plain sorts of half the length instead of an indirect one.

    Args:
        positives: (p,) scores of what should rank high.
        negatives: (q,) scores of the rest.

    Returns:
        In [0, 1]; 0 if there is no positive.
    """
    if not len(positives):
        return 0.0
    high, low = np.sort(positives), np.sort(negatives)
    right = len(high) - np.searchsorted(high, high)
    wrong = len(low) - np.searchsorted(low, high)
    return float((right / (right + wrong)).mean())


def segmentation_figures(
    correct: Numbers,
    labelled: Numbers,
    intersection: Numbers,
    union: Numbers,
    average_precision: Numbers,
) -> dict[str, float]:
    """Figures of a set of maps, from the counts of each.

    Args:
        correct: (n,) `SegmentationCounts.correct` of each map.
        labelled: (n,) pixels.
        intersection: (n, 2) pixels.
        union: (n, 2) pixels.
        average_precision: (n,) in [0, 1].

    Returns:
        In [0, 1]: ``pixel_accuracy``, correct over labelled pixels of the whole set; ``map``, the
        mean average precision of the maps; ``miou``, the mean over background and object of the
        IoU of the whole set.

    Raises:
        ValueError: no maps, or lengths that differ.
    """
    rows = _rows(correct, labelled, intersection, union, average_precision)
    return {name: float(value) for name, value in _figures(rows.sum(axis=0)).items()}


def bootstrap_figures(
    correct: Numbers,
    labelled: Numbers,
    intersection: Numbers,
    union: Numbers,
    average_precision: Numbers,
    *,
    owner: NDArray[np.integer[Any]],
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap intervals of `segmentation_figures`, resampling photographs.

    Args:
        correct: as in `segmentation_figures`, like the next four.
        labelled: (n,).
        intersection: (n, 2).
        union: (n, 2).
        average_precision: (n,).
        owner: (n,) photograph of each map; its maps are drawn together.
        samples: number of resamplings.
        seed: of the resampling.
        level: share of the resampled figures that an interval holds.

    Returns:
        (low, high) in [0, 1] under the names of `segmentation_figures`.

    Raises:
        ValueError: no maps, or lengths that differ.
    """
    rows = _rows(correct, labelled, intersection, union, average_precision)
    sums = resampled_sums(sums_by_owner(rows, owner), samples, seed)
    return {name: interval(values, level) for name, values in _figures(sums).items()}


def _planes(object_: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Background and object (2, P) of an object's pixels (P,)."""
    return np.stack([~object_, object_])


def _rows(*counts: Numbers) -> NDArray[np.float64]:
    """One row (8) per map: the five counts side by side, and a 1 to count the maps."""
    if not len(counts[0]):
        raise ValueError("no maps to take figures of")
    return np.column_stack([*counts, np.ones(len(counts[0]))]).astype(np.float64)


def _figures(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """The figures (...) of summed rows (..., 8)."""
    correct, labelled, *_, precision, maps = np.moveaxis(sums, -1, 0)
    iou = sums[..., 2:4] / (sums[..., 4:6] + _EPS)
    return {
        "pixel_accuracy": correct / (labelled + _EPS),
        "map": precision / maps,
        "miou": iou.mean(axis=-1),
    }
