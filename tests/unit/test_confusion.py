"""Confusion, mean IoU and bootstrap against plain counting."""

import numpy as np
import pytest

from cuewalk.errors import InputError
from cuewalk.evaluate.confusion import (
    bootstrap_gain,
    bootstrap_mean_iou,
    class_iou,
    confusion,
    mean_iou,
    pixel_counts,
)

N = 4


def photographs(count: int, accuracy: float, seed: int = 0) -> np.ndarray:
    """Counts of predictions that are right with the given probability; same truth per seed."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, N, (count, 12, 12)).astype(np.uint8)
    flips = rng.random(truth.shape)
    other = rng.integers(0, N, truth.shape).astype(np.uint8)
    prediction = np.where(flips < accuracy, truth, other)
    matrices = [confusion(t, p, N) for t, p in zip(truth, prediction, strict=True)]
    return pixel_counts(np.array(matrices))


def test_counts_and_iou_by_brute_force() -> None:
    rng = np.random.default_rng(1)
    truth = rng.choice([0, 1, 3, 255], (9, 7)).astype(np.uint8)
    prediction = rng.integers(0, N, (9, 7))
    matrix = confusion(truth, prediction, N)
    assert matrix.dtype == np.int64
    for t in range(N):
        for p in range(N):
            assert matrix[t, p] == ((truth == t) & (prediction == p)).sum()
    known = truth != 255
    iou = class_iou(pixel_counts(matrix))
    for c in (0, 1, 3):
        both = ((truth == c) & (prediction == c)).sum()
        either = (known & ((truth == c) | (prediction == c))).sum()
        assert iou[c] == both / either
    assert np.isnan(iou[2])
    assert mean_iou(pixel_counts(matrix)) == pytest.approx(iou[[0, 1, 3]].mean(), abs=1e-15)


def test_void_alone_counts_nothing() -> None:
    matrix = confusion(np.full((2, 2), 255, np.uint8), np.zeros((2, 2), int), N)
    assert matrix.sum() == 0
    assert np.isnan(mean_iou(pixel_counts(matrix)))


@pytest.mark.parametrize(
    ("truth", "prediction", "sentence"),
    [
        ([[0, 4]], [[0, 0]], "true mask holds the value 4"),
        ([[0, 255]], [[0, 255]], "prediction holds the value 255"),
        ([[0, 1]], [[0, -1]], "prediction holds the value -1"),
        ([[0, 1]], [[0], [1]], "shape"),
    ],
)
def test_bad_values(truth: list[list[int]], prediction: list[list[int]], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        confusion(np.array(truth, np.uint8), np.array(prediction), N)


def test_bootstrap_holds_the_figure_and_repeats() -> None:
    per_image = photographs(60, 0.6)
    point = mean_iou(per_image.sum(axis=0))
    low, high = bootstrap_mean_iou(per_image)
    assert low < point < high
    assert high - low < 0.1
    assert (low, high) == bootstrap_mean_iou(per_image)
    assert (low, high) != bootstrap_mean_iou(per_image, seed=1)
    narrow = bootstrap_mean_iou(per_image, level=0.5)
    assert low < narrow[0] < narrow[1] < high


def test_bootstrap_draws_as_many_photographs_as_there_are() -> None:
    # Two photographs, one all right, one all wrong: a draw is (2, 0), (1, 1) or (0, 2).
    per_image = pixel_counts(np.array([[[4, 0], [0, 4]], [[0, 4], [4, 0]]]))
    assert bootstrap_mean_iou(per_image, level=1.0) == (0.0, 1.0)
    assert bootstrap_mean_iou(per_image, level=0.4) == pytest.approx((1 / 3, 1 / 3))
    assert bootstrap_mean_iou(per_image[:1]) == (1.0, 1.0)


def test_gain_is_paired() -> None:
    before, after = photographs(60, 0.5), photographs(60, 0.7)
    gain = mean_iou(after.sum(axis=0)) - mean_iou(before.sum(axis=0))
    low, high = bootstrap_gain(before, after)
    assert 0 < low < gain < high
    assert bootstrap_gain(after, before) == pytest.approx((-high, -low))
    assert bootstrap_gain(before, before) == (0.0, 0.0)
    with pytest.raises(ValueError, match="unpaired"):
        bootstrap_gain(before, after[1:])
