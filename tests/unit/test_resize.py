"""Resizing and pooling against torch, the implementation that the affinity network sees."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from cuewalk.resize import pool, resize, to_cells

SMALL = [((7, 9), (3, 20)), ((28, 28), (56, 40)), ((1, 1), (4, 6)), ((5, 4), (5, 4))]
LARGE = [((28, 28), (448, 448)), ((448, 448), (188, 250)), ((188, 250), (448, 448))]
# In float32 torch's own kernels differ by 1.5e-5 at these sizes (they round positions differently).
CASES = [
    *((*sizes, "float32", 1e-6) for sizes in SMALL),
    *((*sizes, "float32", 3e-5) for sizes in LARGE),
    *((*sizes, "float64", 1e-12) for sizes in SMALL + LARGE),
]


@pytest.mark.parametrize(("source", "target", "dtype", "tolerance"), CASES)
def test_resize_is_torchs(
    source: tuple[int, int], target: tuple[int, int], dtype: str, tolerance: float
) -> None:
    planes = np.random.default_rng(0).random((1, 2, *source)).astype(dtype)
    reference = functional.interpolate(
        torch.from_numpy(planes), size=target, mode="bilinear", align_corners=False
    )
    resized = resize(planes, target)
    assert resized.dtype == planes.dtype
    np.testing.assert_allclose(resized, reference.numpy(), rtol=0, atol=tolerance)


def test_resize_takes_any_leading_axes() -> None:
    planes = np.random.default_rng(0).random((2, 3, 4, 5))
    single = resize(planes[1, 2], (9, 7))
    assert single.shape == (9, 7)
    np.testing.assert_array_equal(resize(planes, (9, 7))[1, 2], single)


def test_pool_averages_squares() -> None:
    planes = np.random.default_rng(0).random((2, 12, 12)).astype(np.float32)
    pooled = pool(planes, 4)
    assert pooled.shape == (2, 3, 3)
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled[1, 2, 0], planes[1, 8:12, 0:4].mean(), rtol=1e-6)


def test_pool_refuses_a_remainder() -> None:
    with pytest.raises(ValueError, match="reshape"):
        pool(np.zeros((10, 12)), 4)


def test_cells_are_torchs_interpolation_and_pooling() -> None:
    planes = np.random.default_rng(0).random((2, 30, 50))
    resized = functional.interpolate(
        torch.from_numpy(planes)[None], size=(56, 56), mode="bilinear", align_corners=False
    )
    reference = functional.avg_pool2d(resized, 8)[0].numpy()
    np.testing.assert_allclose(to_cells(planes, 7), reference, rtol=0, atol=1e-12)
