"""Properties of pairs, affinities, loss and walk, checked against loops and dense algebra."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from cuewalk.affinity.loss import affinities, affinity_loss
from cuewalk.affinity.pairs import count_pairs, offsets, pair_kinds, pair_nodes, source, target
from cuewalk.affinity.walk import affinity_matrix, chebyshev_weights, transition, walk
from cuewalk.errors import InputError

GRIDS = [(7, 13, 5), (11, 10, 5), (6, 9, 3)]


def near_pairs(height: int, width: int, radius: int) -> list[tuple[int, int, int, int]]:
    """All (y, x, y', x') of the definition, target by target, by looking at every two cells."""
    return [
        (y, x, y + dy, x + dx)
        for dy in range(radius)
        for dx in range(-radius, radius + 1)
        if (dy > 0 or dx > 0) and dy**2 + dx**2 < radius**2
        for y in range(height - radius + 1)
        for x in range(radius - 1, width - radius + 1)
    ]


def random_labels(*shape: int) -> NDArray[np.uint8]:
    labels = np.random.default_rng(0).choice([0, 0, 1, 2, 255], size=shape)
    return labels.astype(np.uint8)


def random_affinities(height: int, width: int, radius: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(1, 3, height, width, generator=generator, dtype=torch.float64)
    return affinities(features, radius)[0]


def dense_matrix(aff: Tensor, height: int, width: int, radius: int) -> NDArray[np.float64]:
    matrix = np.eye(height * width)
    pairs = near_pairs(height, width, radius)
    for (y, x, y2, x2), value in zip(pairs, aff.flatten().tolist(), strict=True):
        matrix[y * width + x, y2 * width + x2] = value
        matrix[y2 * width + x2, y * width + x] = value
    return matrix


@pytest.mark.parametrize(("height", "width", "radius"), GRIDS)
def test_pairs_are_those_of_the_definition(height: int, width: int, radius: int) -> None:
    expected = near_pairs(height, width, radius)
    sources, targets = pair_nodes(height, width, radius)
    assert targets.shape == (len(offsets(radius)), len(sources))
    starts = np.broadcast_to(sources, targets.shape).reshape(-1)
    assert starts.tolist() == [y * width + x for y, x, _, _ in expected]
    assert targets.reshape(-1).tolist() == [y * width + x for _, _, y, x in expected]


@pytest.mark.parametrize(("height", "width", "radius"), GRIDS)
def test_kinds_follow_the_definition(height: int, width: int, radius: int) -> None:
    labels = random_labels(2, height, width)
    expected: dict[str, list[bool]] = {"bg": [], "fg": [], "neg": []}
    for label in labels:
        for y, x, y2, x2 in near_pairs(height, width, radius):
            a, b = int(label[y, x]), int(label[y2, x2])
            neutral = 255 in (a, b)
            expected["bg"].append(a == 0 and b == 0)
            expected["fg"].append(a == b and a != 0 and not neutral)
            expected["neg"].append(a != b and not neutral)
    kinds = pair_kinds(labels, radius)
    for kind, wanted in zip(kinds, expected.values(), strict=True):
        assert kind.dtype == bool
        assert kind.shape[:2] == (2, len(offsets(radius)))
        assert kind.reshape(-1).tolist() == wanted
    assert count_pairs(labels, radius) == tuple(sum(wanted) for wanted in expected.values())


def test_kinds_are_the_same_for_tensors() -> None:
    labels = random_labels(3, 8, 14)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kinds = pair_kinds(torch.from_numpy(labels))
    for ours, theirs in zip(kinds, pair_kinds(labels), strict=True):
        assert isinstance(ours, Tensor)
        np.testing.assert_array_equal(ours, theirs)


def test_source_and_target_are_views() -> None:
    array = np.zeros((2, 6, 11))
    source(array)[...] += 1
    target(array, 1, -2)[...] += 1
    assert array[0, 0, 4] == 1
    assert array[0, 1, 4] == 2
    tensor = torch.zeros(2, 6, 11)
    target(tensor, 4, 0).add_(1)
    assert tensor.sum() == source(tensor).numel() == 2 * 2 * 3


@pytest.mark.parametrize(("height", "width"), [(4, 20), (20, 8)])
def test_too_small_a_grid_is_the_users_to_mend(height: int, width: int) -> None:
    with pytest.raises(InputError, match=r"grid of \d+ x \d+ cells is too small for radius 5"):
        pair_kinds(np.zeros((height, width), np.uint8))


def test_pairs_never_import_torch() -> None:
    code = "import sys, cuewalk.affinity.pairs; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_affinities_follow_the_formula_pair_by_pair() -> None:
    features = torch.randn(2, 3, 6, 11, dtype=torch.float64)
    expected = [
        [(-(f[:, y, x] - f[:, y2, x2]).abs().mean()).exp() for y, x, y2, x2 in near_pairs(6, 11, 5)]
        for f in features
    ]
    ours = affinities(features).flatten(1)
    torch.testing.assert_close(ours, torch.tensor(expected, dtype=torch.float64))


def test_gradient_of_affinities() -> None:
    generator = torch.Generator().manual_seed(2)
    features = torch.randn(2, 3, 5, 7, generator=generator, dtype=torch.float64)
    features.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: affinities(x, 3), features)


def test_loss_counts_over_the_whole_batch() -> None:
    labels = torch.from_numpy(random_labels(2, 7, 13))
    aff = torch.stack([random_affinities(7, 13), random_affinities(7, 13).sqrt()])
    loss = affinity_loss(aff, labels)
    bg, fg, neg = pair_kinds(labels)
    expected = [-aff[fg].log().mean(), -aff[bg].log().mean(), -(1 - aff[neg]).log().mean()]
    torch.testing.assert_close(list(loss[1:4]), expected, rtol=1e-4, atol=0)
    torch.testing.assert_close(loss.total, 0.25 * (loss.fg + loss.bg + 2 * loss.neg))
    assert tuple(loss.counts.tolist()) == count_pairs(labels)


def test_loss_of_equal_features_is_finite_and_neutral_labels_cost_nothing() -> None:
    features = torch.zeros(1, 4, 6, 11, requires_grad=True)
    loss = affinity_loss(affinities(features), torch.from_numpy(random_labels(1, 6, 11)))
    loss.total.backward()  # type: ignore[no-untyped-call]
    assert loss.total.isfinite()
    assert features.grad is not None
    assert features.grad.isfinite().all()
    neutral = torch.full((1, 6, 11), 255, dtype=torch.uint8)
    assert affinity_loss(affinities(features), neutral).total == 0


@pytest.mark.parametrize(("height", "width", "radius"), GRIDS)
def test_matrix_and_transition(height: int, width: int, radius: int) -> None:
    aff = random_affinities(height, width, radius)
    dense = dense_matrix(aff, height, width, radius)
    matrix = affinity_matrix(aff, height, width, radius).to_dense()
    np.testing.assert_array_equal(matrix, dense)
    np.testing.assert_array_equal(matrix, matrix.T)
    ours = transition(aff, height, width, beta=3, radius=radius).to_dense()
    expected = dense**3 / (dense**3).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ours, expected, rtol=1e-13)
    np.testing.assert_allclose(ours.sum(dim=1), 1, rtol=1e-14)


def test_walk_is_the_dense_matrix_power() -> None:
    height, width = 9, 14
    aff = random_affinities(height, width)
    powered = dense_matrix(aff, height, width, 5) ** 4
    dense = powered / powered.sum(axis=1, keepdims=True)
    planes = torch.rand(3, height, width, dtype=torch.float64)
    snapshots = walk(transition(aff, height, width, beta=4), planes, [37, 0, 5])
    assert sorted(snapshots) == [0, 5, 37]
    for steps, ours in snapshots.items():
        expected = planes.reshape(3, -1).numpy() @ np.linalg.matrix_power(dense, steps).T
        np.testing.assert_allclose(ours, expected.reshape(planes.shape), rtol=0, atol=1e-13)


@pytest.mark.parametrize("power", [0, 1, 2, 7, 256, 2**16])
def test_weights_give_the_power(power: int) -> None:
    weights = chebyshev_weights(power)
    assert min(weights) >= 0
    assert sum(weights) == pytest.approx(1, rel=1e-12)
    x = np.linspace(-1, 1, 201)
    ours = np.polynomial.chebyshev.chebval(x, weights)
    np.testing.assert_allclose(ours, x**power, rtol=0, atol=1e-12)
    assert len(weights) <= 1 + min(power, 9 * power**0.5)


def test_snapshots_are_separate_walks() -> None:
    matrix = transition(random_affinities(8, 12), 8, 12, beta=2)
    planes = torch.rand(2, 8, 12, dtype=torch.float64)
    snapshots = walk(matrix, planes, (1, 2, 9))
    for steps, snapshot in snapshots.items():
        assert torch.equal(snapshot, walk(matrix, planes, steps)[steps])
    assert not torch.equal(snapshots[1], snapshots[9])
    one = planes[:1].clone()
    walk(matrix, one, 0)[0].zero_()
    assert torch.equal(one, planes[:1])


def test_walk_keeps_constants_bounds_and_isolated_cells() -> None:
    height, width = 8, 12
    matrix = transition(random_affinities(height, width), height, width, beta=1)
    planes = torch.rand(2, height, width, dtype=torch.float64)
    planes[1] = 0.3
    before, after = planes.clone(), walk(matrix, planes, 50)[50]
    assert torch.equal(planes, before)
    torch.testing.assert_close(after[1], planes[1], rtol=1e-13, atol=0)
    assert after[0].min() >= planes[0].min()
    assert after[0].max() <= planes[0].max()
    paired = {
        place for y, x, y2, x2 in near_pairs(height, width, 5) for place in [(y, x), (y2, x2)]
    }
    alone = [(y, x) for y in range(height) for x in range(width) if (y, x) not in paired]
    assert len(alone) == 10
    for y, x in alone:
        torch.testing.assert_close(after[0, y, x], planes[0, y, x], rtol=1e-14, atol=0)
    assert not torch.equal(after[0, 4], planes[0, 4])


def test_images_share_the_pattern_but_not_their_values() -> None:
    first = random_affinities(8, 12)
    before = transition(first, 8, 12, beta=2).to_dense()
    other = transition(first.sqrt(), 8, 12, beta=2).to_dense()
    assert not torch.equal(before, other)
    assert torch.equal(before, transition(first, 8, 12, beta=2).to_dense())


def test_walk_is_silent_and_refuses_negative_steps() -> None:
    code = (
        "import warnings; warnings.simplefilter('error'); import torch\n"
        "from cuewalk.affinity.walk import transition, walk\n"
        "walk(transition(torch.ones(34, 4), 5, 12, beta=2), torch.ones(1, 5, 12), 2)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    with pytest.raises(InputError, match="walk of -1 steps"):
        walk(transition(torch.ones(34, 4), 5, 12, beta=2), torch.ones(1, 5, 12), [3, -1])
