"""Pairs, affinities, loss and walk against the reference implementations' values."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from cuewalk.affinity.loss import affinities, affinity_loss
from cuewalk.affinity.net import AffinityHead
from cuewalk.affinity.pairs import count_pairs, offsets, pair_kinds, pair_nodes
from cuewalk.affinity.walk import affinity_matrix, transition, walk

DATA = Path(__file__).parent / "data"
Arrays = dict[str, NDArray[Any]]

# Name in the golden file, alpha of the background plane, beta, squarings of T.
WALKS = [
    ("a4_b16_t8", 4, 16, 8),
    ("a4_b16_t3", 4, 16, 3),
    ("a4_b16_t0", 4, 16, 0),
    ("a16_b8_t8", 16, 8, 8),
]


def load(name: str) -> Arrays:
    with np.load(DATA / name) as file:
        return dict(file)


def tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(array)


def to_grid(plane: Tensor) -> Tensor:
    """Resize full-size planes (C, H, W) to 112 x 112 and pool them to the 14 x 14 grid."""
    large = functional.interpolate(plane[None], (112, 112), mode="bilinear", align_corners=False)
    return functional.avg_pool2d(large, 8)[0]


def grid_cues(golden: Arrays, alpha: int) -> Tensor:
    cues = tensor(golden["cues"]).double()
    background = (1 - cues.amax(dim=0, keepdim=True)) ** alpha
    return to_grid(torch.cat([background, cues]))


def test_offsets() -> None:
    expected = load("affinity_labels.npz")["offsets_dy_dx"]
    assert len(offsets()) == 34
    np.testing.assert_array_equal(offsets(), expected)


@pytest.mark.parametrize("size", [16, 24, 56])
def test_pairs_and_kinds(size: int) -> None:
    golden = {
        key.removeprefix(f"s{size}_"): value for key, value in load("affinity_labels.npz").items()
    }
    sources, targets = pair_nodes(size, size)
    np.testing.assert_array_equal(sources, golden["from"])
    np.testing.assert_array_equal(targets.reshape(-1), golden["to"])
    kinds = pair_kinds(golden["label"])
    for kind, name in zip(kinds, ("bg", "fg", "neg"), strict=True):
        assert golden[name].any()
        np.testing.assert_array_equal(kind, golden[name])
    assert count_pairs(golden["label"]) == tuple(int(kind.sum()) for kind in kinds)


def head_and_features(golden: Arrays) -> tuple[AffinityHead, Tensor]:
    head = AffinityHead(12, 16, groups=4)
    head.load_state_dict(
        {
            "reduce.weight": tensor(golden["w_feat_conv"])[..., None, None],
            "norm.weight": tensor(golden["gn_w"]),
            "norm.bias": tensor(golden["gn_b"]),
            "mix.weight": tensor(golden["w_affinity_conv"])[..., None, None],
        }
    )
    return head, tensor(golden["feat"]).requires_grad_()


def golden_affinities(head: AffinityHead, features: Tensor) -> Tensor:
    grid = functional.interpolate(features, (16, 16), mode="bilinear", align_corners=False)
    return affinities(head(grid))


def test_affinities_losses_and_gradients() -> None:
    golden = load("loss.npz")
    head, features = head_and_features(golden)
    aff = golden_affinities(head, features)
    loss = affinity_loss(aff, tensor(golden["label"]))
    loss.total.backward()  # type: ignore[no-untyped-call]
    np.testing.assert_allclose(aff.detach(), golden["aff"], rtol=0, atol=1e-6)
    for part in ("fg", "bg", "neg"):
        assert getattr(loss, part).item() == pytest.approx(golden[f"ath_{part}"], abs=1e-6)
    assert loss.total.item() == pytest.approx(golden["ath_loss"], abs=1e-6)
    np.testing.assert_array_equal(loss.counts, golden["counts_bg_fg_neg"])
    assert features.grad is not None
    assert head.mix.weight.grad is not None
    # Gradients reach 7e-3 and 1.2e-2, so 1e-8 is 1e-6 of their size.
    np.testing.assert_allclose(features.grad, golden["ath_grad_feat"], rtol=0, atol=1e-8)
    mix_grad = head.mix.weight.grad[..., 0, 0]
    np.testing.assert_allclose(mix_grad, golden["ath_grad_affinity_conv"], rtol=0, atol=1e-8)


def test_paper_scale_psa_eps_and_empty_kinds() -> None:
    golden = load("loss.npz")
    aff, label = tensor(golden["aff"]), tensor(golden["label"])
    paper = affinity_loss(aff, label, scale=1)
    assert paper.total.item() == pytest.approx(golden["paper_weighted_total_ath_eps"], abs=1e-6)
    psa = affinity_loss(aff, label, eps=1e-5)
    assert psa.total.item() == pytest.approx(golden["psa_loss"], abs=1e-6)
    assert psa.neg.item() == pytest.approx(golden["psa_neg"], abs=1e-6)
    empty = affinity_loss(aff, torch.zeros_like(label))
    assert empty.total.item() == pytest.approx(golden["allbg_loss"], abs=1e-6)
    assert (empty.fg.item(), empty.neg.item()) == (0, 0)


def test_matrices() -> None:
    golden = load("random_walk.npz")
    aff = tensor(golden["aff"])
    np.testing.assert_allclose(
        affinity_matrix(aff, 14, 14).to_dense(), golden["W"], rtol=0, atol=1e-10
    )
    # The released code normalises columns and multiplies from the other side: its T is our T'.
    ours = transition(aff, 14, 14, beta=16).to_dense().T
    np.testing.assert_allclose(ours, golden["T1_b16"], rtol=0, atol=1e-10)


@pytest.mark.parametrize(("name", "alpha", "beta", "squarings"), WALKS)
def test_refined_cues_and_predictions(name: str, alpha: int, beta: int, squarings: int) -> None:
    golden = load("random_walk.npz")
    steps = 2**squarings
    matrix = transition(tensor(golden["aff"]), 14, 14, beta=beta)
    refined = walk(matrix, grid_cues(golden, alpha), steps)[steps]
    expected = golden[f"{name}_refined"].reshape(3, 14, 14)
    np.testing.assert_allclose(refined, expected, rtol=0, atol=1e-10)
    full = functional.interpolate(refined[None], (95, 121), mode="bilinear", align_corners=False)[0]
    values = np.concatenate([[0], golden["class_index"].astype(int) + 1])
    predicted = values[full.argmax(dim=0).numpy()]
    np.testing.assert_array_equal(predicted, golden[f"{name}_pred"])


def test_literal_eight_steps() -> None:
    golden = load("random_walk.npz")
    cues = tensor(golden["grid_cues_a4"]).reshape(3, 14, 14)
    np.testing.assert_allclose(cues, grid_cues(golden, 4), rtol=0, atol=1e-12)
    refined = walk(transition(tensor(golden["aff"]), 14, 14, beta=16), cues, 8)[8]
    expected = golden["refined_literal_T8"].reshape(3, 14, 14)
    np.testing.assert_allclose(refined, expected, rtol=0, atol=1e-10)


def test_isolated_cells() -> None:
    golden = load("random_walk.npz")
    entries = transition(tensor(golden["aff"]), 14, 14, beta=16).crow_indices().diff()
    np.testing.assert_array_equal(np.flatnonzero(entries == 1), golden["isolated_nodes"])
