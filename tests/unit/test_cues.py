"""Properties of cue and background maps."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from cuewalk.cues import background_map, cue_map

SIZE = (30, 41)


def grids(seed: int = 0, classes: int = 2, views: int = 2, side: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.2, 1, (classes, views, side, side))


def by_the_book(grid: np.ndarray, side: int, root: float) -> np.ndarray:
    """One view of one class, step by step in torch, float64."""
    tokens = torch.from_numpy(grid)[None, None]
    relevance = functional.interpolate(tokens, size=(side, side), mode="bilinear").clamp(min=0)
    rooted = relevance.pow(1 / root)
    stretched = (rooted - rooted.min()) / (rooted.max() - rooted.min())
    return functional.interpolate(stretched, size=SIZE, mode="bilinear")[0, 0].numpy()


@pytest.mark.parametrize("root", [1, 3])
def test_mean_over_sizes_and_mirror_pair(root: float) -> None:
    small, large = grids(0, side=7), grids(1, side=10)
    cues = cue_map([small, large], [56, 80], SIZE, root=root)
    assert cues.shape == (2, *SIZE)
    assert cues.dtype == np.float32
    for k in range(2):
        views = [
            by_the_book(g[k, v], s, root) for g, s in ((small, 56), (large, 80)) for v in (0, 1)
        ]
        views[1], views[3] = views[1][:, ::-1], views[3][:, ::-1]
        np.testing.assert_allclose(cues[k], np.mean(views, axis=0), rtol=0, atol=1e-4)


def test_swapping_the_pair_mirrors_the_map() -> None:
    pair = grids()
    mirrored = cue_map([pair[:, ::-1]], [56], SIZE)
    np.testing.assert_allclose(mirrored, cue_map([pair], [56], SIZE)[..., ::-1], atol=1e-6)


def test_a_lone_plain_grid_is_its_own_mean() -> None:
    plain = grids(views=1)
    both = np.concatenate([plain, plain[..., ::-1]], axis=1)
    lone = cue_map([plain], [56], SIZE)
    np.testing.assert_allclose(lone, cue_map([both], [56], SIZE), atol=1e-5)
    assert not np.allclose(lone, lone[..., ::-1], atol=0.1)


@pytest.mark.parametrize("value", [-3.0, 0.0, 0.14338781, 0.28633717, 0.6819777, 7.3])
def test_a_constant_grid_is_no_cue(value: float) -> None:
    # At these sizes the weights are rounded, and most of the values come out not quite constant.
    pair = grids(side=20)
    pair[1] = value
    cues = cue_map([pair], [448], SIZE)
    assert not cues[1].any()
    assert cues[0].max() > 0.5


def test_weak_relevance_is_stretched_too() -> None:
    strong = grids(classes=1)
    weak = cue_map([strong * 1e-24], [56], SIZE)
    np.testing.assert_allclose(weak, cue_map([strong], [56], SIZE), atol=1e-4)


def test_range_and_classes_apart() -> None:
    pair = grids(classes=3)
    cues = cue_map([pair], [56], SIZE)
    assert cues.min() >= 0
    assert cues.max() <= 1
    np.testing.assert_allclose(cue_map([pair[1:2]], [56], SIZE)[0], cues[1], atol=1e-6)


def test_root_one_is_linear_in_positive_relevance() -> None:
    grid = np.array([[0.0, 1.0], [2.0, 4.0]])[None, None]
    cues = cue_map([grid], [2], (2, 2), root=1)
    np.testing.assert_allclose(cues[0], grid[0, 0] / 4, atol=1e-7)
    rooted = cue_map([grid], [2], (2, 2), root=2)
    np.testing.assert_allclose(rooted[0], np.sqrt(grid[0, 0] / 4), atol=1e-7)


def test_sizes_must_match_grids() -> None:
    with pytest.raises(ValueError, match="zip"):
        cue_map([grids()], [56, 80], SIZE)


def test_background_is_high_where_no_class_is() -> None:
    cues = np.array([[[0.0, 0.2, 1.0]], [[0.0, 0.5, 0.3]]], dtype=np.float32)
    background = background_map(cues, 2)
    assert background.dtype == np.float32
    np.testing.assert_allclose(background, [[1, 0.25, 0]])
    assert (background_map(cues, 32) <= background).all()


def test_background_without_classes_or_above_one() -> None:
    assert (background_map(np.zeros((0, 2, 3)), 4) == 1).all()
    assert background_map(np.full((1, 1, 1), 1 + 1e-15), 2.5) == 0
