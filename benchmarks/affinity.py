"""Claim: the affinity layer forward and backward is faster than gathering all pairs, and small.

Two images, 512 channels, 56 x 56 cells, float32. The plain way gathers the features of both cells
of every pair, as the released code does, and leaves the way back to autograd.
"""

from collections.abc import Callable
from functools import partial

import torch
from paired import Part, Row, Work, at_least, compare, main, peak_growth
from torch import Tensor

from cuewalk.affinity.loss import affinities
from cuewalk.affinity.pairs import pair_nodes

Layer = Callable[[Tensor], Tensor]


def gathered(features: Tensor) -> Tensor:
    """The plain way: affinities (B, offsets, P) of features (B, C, H, W)."""
    sources, targets = (torch.from_numpy(nodes) for nodes in pair_nodes(*features.shape[2:]))
    flat = features.flatten(2)
    here = flat.index_select(2, sources).unsqueeze(2)
    there = flat.index_select(2, targets.flatten()).unflatten(2, targets.shape)
    return torch.exp(-torch.mean(torch.abs(there - here), dim=1))


def forward_backward(layer: Layer, features: Tensor) -> tuple[Tensor, Tensor]:
    """Affinities, and the gradient (B, C, H, W) of their weighted sum."""
    affinity = layer(features)
    weights = torch.linspace(-1, 1, affinity.numel()).view_as(affinity)
    return affinity.detach(), torch.autograd.grad(affinity, features, weights)[0]


def prepared(layer: Layer, channels: int, cells: int) -> Work:
    """One run, after a small one that loads what torch loads."""
    torch.manual_seed(0)
    forward_backward(layer, torch.randn(2, 4, 16, 16, requires_grad=True))
    features = torch.randn(2, channels, cells, cells, requires_grad=True)
    return partial(forward_backward, layer, features)


def rows(quick: bool = False) -> list[Row]:
    """The claims as measured."""
    torch.set_num_threads(1)
    size = (16, 16) if quick else (512, 56)
    ours, plain = prepared(affinities, *size), prepared(gathered, *size)
    for one, other in zip(ours(), plain(), strict=True):  # type: ignore[call-overload]
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)
    part = Part("affinity layer, time: gather of all pairs / ours", ours, at_least(6, 10))
    time = compare(plain, [part], rounds=1 if quick else 5)
    small, large = (
        peak_growth(prepared, layer, *size, apart=not quick) for layer in (affinities, gathered)
    )
    memory = at_least(10, 30).row(
        "affinity layer, memory: gather of all pairs / ours",
        large / max(small, 1e-3),
        f"{large:.0f} MB, ours {small:.0f} MB, of the process",
    )
    return [*time, memory]


if __name__ == "__main__":
    main(rows, __doc__)
