"""From raw maps to evaluated maps: against torch, and where min-max could go wrong."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from cuewalk.evaluate.explanation import evaluated_map, is_constant

SIZE = (224, 224)


def grids(*shape: int, seed: int = 0) -> np.ndarray:
    """Signed relevance, float64."""
    return np.random.default_rng(seed).normal(size=shape or (3, 14, 14))


def by_the_book(grid: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The evaluated map of one grid, step by step in torch, float64."""
    large = functional.interpolate(torch.from_numpy(grid)[None, None], size=size, mode="bilinear")
    return ((large - large.min()) / (large.max() - large.min()))[0, 0].numpy()


@pytest.mark.parametrize("size", [SIZE, (64, 96), (15, 33)])
def test_maps_are_torchs(size: tuple[int, int]) -> None:
    raw = grids()
    maps = evaluated_map(raw, size)
    assert maps.dtype == np.float32
    assert maps.shape == (3, *size)
    np.testing.assert_array_equal(maps.min((1, 2)), 0)
    np.testing.assert_array_equal(maps.max((1, 2)), 1)
    for grid, found in zip(raw, maps, strict=True):
        np.testing.assert_allclose(found, by_the_book(grid, size), rtol=0, atol=3e-5)


def test_a_map_of_full_size_is_not_resampled() -> None:
    raw = grids(2, *SIZE)
    low, high = raw.min((1, 2), keepdims=True), raw.max((1, 2), keepdims=True)
    np.testing.assert_allclose(
        evaluated_map(raw, SIZE), (raw - low) / (high - low), rtol=0, atol=1e-7
    )


def test_leading_axes_and_planes_apart() -> None:
    raw = grids(2, 3, 7, 7)
    maps = evaluated_map(raw, (56, 56))
    for i, j in np.ndindex(2, 3):
        np.testing.assert_array_equal(maps[i, j], evaluated_map(raw[i, j], (56, 56)))


@pytest.mark.parametrize("scale", [1e-60, 1e-3, 1e6, 1e60])
def test_neither_scale_nor_shift_matters(scale: float) -> None:
    raw = grids()
    shifted = evaluated_map(scale * (raw + 5), SIZE)
    np.testing.assert_allclose(shifted, evaluated_map(raw, SIZE), rtol=0, atol=1e-6)
    assert not is_constant(scale * raw).any()


def test_a_mirrored_grid_gives_a_mirrored_map() -> None:
    raw = grids()
    mirrored = evaluated_map(raw[..., ::-1], SIZE)
    np.testing.assert_allclose(mirrored[..., ::-1], evaluated_map(raw, SIZE), rtol=0, atol=3e-5)


@pytest.mark.parametrize("value", [-3.0, 0.0, 0.14338781, 0.28633717, 0.6819777, 7.3e8])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("side", [20, 224])
def test_a_constant_grid_is_0(value: float, dtype: str, side: int) -> None:
    raw = grids(2, side, side).astype(dtype)
    raw[1] = value
    raw[1, 3] = np.nextafter(raw.dtype.type(value), raw.dtype.type(np.inf)) if value else 0
    assert is_constant(raw).tolist() == [False, True]
    maps = evaluated_map(raw, SIZE)
    assert not maps[1].any()
    assert maps[0].max() == 1


@pytest.mark.parametrize("level", [-1.0, 1.0])
@pytest.mark.parametrize(("step", "constant"), [(3e-7, True), (1e-4, False)])
def test_little_relevance_on_a_level_is_told_from_rounding(
    level: float, step: float, constant: bool
) -> None:
    raw = np.full((14, 14), level, np.float32)
    raw[5, 6] += step
    assert is_constant(raw) == constant
    assert evaluated_map(raw, SIZE).max() == (0 if constant else 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.filterwarnings("error")
def test_a_map_that_is_not_finite_ranks_nothing(bad: float) -> None:
    raw = grids()
    raw[1, 4, 5] = bad
    raw[2] = bad
    assert is_constant(raw).tolist() == [False, True, True]
    maps = evaluated_map(raw, SIZE)
    assert not maps[1:].any()
    np.testing.assert_array_equal(maps[0], evaluated_map(raw[:1], SIZE)[0])
