"""Mean IoU from one confusion matrix summed over photographs (paper Table 4).

A confusion matrix per photograph is all that evaluation needs: summing some of them gives the
figure of that subset, and resampling them gives a bootstrap interval. Of a matrix IoU takes three
numbers per label alone, which for many labels and photographs is far less to hold.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuewalk.errors import InputError

VOID = 255

_DRAWN_AT_ONCE = 2**23  # 64 MB; ImageNet's 50000 photographs times 1000 would take 400


def confusion(
    truth: NDArray[np.uint8], prediction: NDArray[np.integer[Any]], classes: int
) -> NDArray[np.int64]:
    """Count the pixels of each (true label, predicted label).

    Args:
        truth: (H, W), labels 0..classes - 1, or 255 for void pixels, which are left out.
        prediction: (H, W), labels 0..classes - 1.
        classes: number of labels, background included (21 for VOC).

    Returns:
        (classes, classes): rows are the truth, columns the prediction.

    Raises:
        InputError: the sizes differ, or a value lies outside its labels.
    """
    if truth.shape != prediction.shape:
        raise InputError(
            f"the prediction has shape {prediction.shape} but the true mask {truth.shape}; "
            "predict at the size of the photograph."
        )
    known = truth != VOID
    _check_labels("true mask", truth[known], classes, "or 255 for void")
    _check_labels("prediction", prediction, classes, "void is not allowed")
    pairs = classes * truth[known].astype(np.int64) + prediction[known]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def pixel_counts(matrix: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Of each label the pixels that are right, that are true and that are predicted.

    Args:
        matrix: (..., n, n) confusion, rows truth, columns prediction.

    Returns:
        (..., 3, n); counts of several photographs may be added up.
    """
    right = np.diagonal(matrix, axis1=-2, axis2=-1)
    return np.stack([right, matrix.sum(axis=-1), matrix.sum(axis=-2)], axis=-2).astype(np.int64)


def class_iou(counts: NDArray[np.number[Any]]) -> NDArray[np.float64]:
    """Intersection over union of each class.

    Args:
        counts: (..., 3, n) of `pixel_counts`.

    Returns:
        (..., n) in [0, 1]; NaN for a class that does not occur in the truth.
    """
    right, true, predicted = np.moveaxis(counts, -2, 0)
    union = np.where(true > 0, true + predicted - right, 1)
    iou: NDArray[np.float64] = np.where(true > 0, right / union, np.nan)
    return iou


def mean_iou(counts: NDArray[np.number[Any]]) -> float:
    """Mean IoU over the classes that occur in the truth (NaN if none does).

    A class that is predicted but never true costs the classes it takes pixels from, and nothing
    more. Mind this on subsets: it is not the mean of the IoU over all classes.
    """
    return float(_mean_over_true(counts))


def bootstrap_mean_iou(
    per_image: NDArray[np.integer[Any]],
    *,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean IoU, resampling photographs.

    It covers the choice of photographs only: neither training nor selection is repeated.

    Args:
        per_image: (m, 3, n) counts of each photograph.
        samples: number of resamplings.
        seed: of the resampling.
        level: share of the resampled figures that the interval holds.

    Returns:
        (low, high), mean IoU in [0, 1].
    """
    return interval(_resampled(per_image, samples, seed), level)


def bootstrap_gain(
    before: NDArray[np.integer[Any]],
    after: NDArray[np.integer[Any]],
    *,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Interval of the gain in mean IoU between two predictions of the same photographs.

    Paired: each resampling draws the same photographs for both, so that hard photographs, hard for
    both, do not widen the interval.

    Args:
        before: (m, 3, n) counts of each photograph under the first prediction.
        after: the same photographs, in the same order, under the second.
        samples: number of resamplings.
        seed: of the resampling.
        level: share of the resampled gains that the interval holds.

    Returns:
        (low, high) of mean IoU after - before.

    Raises:
        ValueError: the two do not have the same shape.
    """
    if before.shape != after.shape:
        raise ValueError(f"unpaired counts: {before.shape} and {after.shape}")
    gain = _resampled(after, samples, seed) - _resampled(before, samples, seed)
    return interval(gain, level)


def resampled_sums(
    per_image: NDArray[np.number[Any]], samples: int, seed: int
) -> NDArray[np.float64]:
    """Sums over photographs drawn with replacement, as many as there are, again and again.

    Args:
        per_image: (m, k) figures of each photograph that add up: pixels, hits.
        samples: number of resamplings.
        seed: of the resampling; equal seeds and m draw the same photographs.

    Returns:
        (samples, k).
    """
    count = len(per_image)
    random, chance = np.random.default_rng(seed), np.full(count, 1 / count)
    # Float64 holds pixel counts exactly and, unlike integers, has a fast product.
    values = per_image.astype(np.float64)
    chunk = max(1, _DRAWN_AT_ONCE // count)
    sums = np.empty((samples, values.shape[1]))
    for start in range(0, samples, chunk):
        rows = sums[start : start + chunk]
        # How often each photograph is drawn says it all: the sums are one product.
        rows[:] = random.multinomial(count, chance, size=len(rows)).astype(np.float64) @ values
    return sums


def interval(figures: NDArray[np.float64], level: float) -> tuple[float, float]:
    """The central interval that holds ``level`` of the figures (n,)."""
    low, high = np.quantile(figures, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _resampled(per_image: NDArray[np.integer[Any]], samples: int, seed: int) -> NDArray[np.float64]:
    """Mean IoU of each resampling; equal seeds and sizes draw the same photographs."""
    sums = resampled_sums(per_image.reshape(len(per_image), -1), samples, seed)
    return _mean_over_true(sums.reshape(samples, *per_image.shape[1:]))


def _mean_over_true(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Mean IoU over the last axis of (..., 3, n) counts."""
    occurs = counts[..., 1, :] > 0
    total = np.where(occurs, class_iou(counts), 0).sum(axis=-1)
    count = occurs.sum(axis=-1)
    mean: NDArray[np.float64] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean


def _check_labels(what: str, values: NDArray[np.integer[Any]], classes: int, hint: str) -> None:
    """Refuse a value outside 0..classes - 1."""
    if values.size and not (values.min() >= 0 and values.max() < classes):
        wrong = values.max() if values.max() >= classes else values.min()
        raise InputError(
            f"the {what} holds the value {wrong}; use 0 to {classes - 1} ({hint}) "
            "as the data set's classes say."
        )
