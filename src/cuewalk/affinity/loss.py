"""Affinity of cell pairs and the loss that teaches it (paper, section 4.3).

The paper writes W_ij = exp(-||f_i - f_j||); the norm is the mean absolute difference over channels,
as in the released code. Its loss prints log(W) for negative pairs where log(1 - W) is meant, and
weights the kinds 1 : 1 : 2; the released code does so too and divides by 4.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from cuewalk.affinity.pairs import offsets, pair_kinds, source, target

_CACHE = 1 << 20  # bytes of features: with differences and gradients, a core's second cache


class AffinityLoss(NamedTuple):
    """Loss of a batch.

    Attributes:
        total: scale * (fg + bg + 2 neg), scalar.
        fg: mean of -log W over foreground pairs, scalar; 0 if there are none.
        bg: the same over background pairs.
        neg: mean of -log(1 - W) over negative pairs, scalar; 0 if there are none.
        counts: pairs of each kind in the batch as (bg, fg, neg), int64 (3,).
    """

    total: Tensor
    fg: Tensor
    bg: Tensor
    neg: Tensor
    counts: Tensor


class _PairAffinity(torch.autograd.Function):
    """One offset at a time, keeping only the features: differences of all 34 would fill gigabytes.

    dW/df_i = -W sign(f_i - f_j) / C and the opposite for f_j; the signs are found again on the way
    back. Few channels at a time, in one piece of memory for all offsets, so that a CPU's caches
    hold them.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, radius: int) -> Tensor:
        some = offsets(radius)
        distance = torch.zeros_like(source(features, radius)[:, :1]).repeat(1, len(some), 1, 1)
        for part in torch.split(features, _channels_at_once(features), dim=1):
            here = source(part, radius)
            difference = torch.empty_like(here, memory_format=torch.contiguous_format)
            for k, (dy, dx) in enumerate(some):
                torch.sub(here, target(part, dy, dx, radius), out=difference)
                distance[:, k] += difference.abs_().sum(dim=1)
        affinity = distance.div_(-features.shape[1]).exp_().flatten(2)
        ctx.radius = radius
        ctx.save_for_backward(features, affinity)
        return affinity

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        features, affinity = ctx.saved_tensors
        size = source(features, ctx.radius).shape[-2:]
        slope = (grad * affinity).div_(-features.shape[1]).unflatten(2, size).unsqueeze(2)
        result = torch.zeros_like(features)
        channels = _channels_at_once(features)
        parts = zip(*(torch.split(t, channels, dim=1) for t in (features, result)), strict=True)
        for part, found in parts:
            here = source(part, ctx.radius)
            push = torch.empty_like(here, memory_format=torch.contiguous_format)
            for k, (dy, dx) in enumerate(offsets(ctx.radius)):
                torch.sub(here, target(part, dy, dx, ctx.radius), out=push)
                push.sign_().mul_(slope[:, k])
                source(found, ctx.radius).add_(push)
                target(found, dy, dx, ctx.radius).sub_(push)
        return result, None


def _channels_at_once(features: Tensor) -> int:
    """Channels of a batch (B, C, H, W) that fit a CPU's caches; other devices take all at once."""
    if features.device.type != "cpu":
        return features.shape[1]
    return max(1, _CACHE // max(1, features[:, :1].nbytes))  # an empty share of a batch has none


def affinities(features: Tensor, radius: int = 5) -> Tensor:
    """Affinity of every pair, W = exp(-mean_c |f_i - f_j|) (paper, section 4.3).

    Args:
        features: float tensor (B, C, H, W).
        radius: see `cuewalk.affinity.pairs.offsets`.

    Returns:
        Affinities (B, offsets, P) in (0, 1], pairs in the order of `pairs.pair_nodes`.

    Raises:
        InputError: if the grid is too small to hold a single pair.
    """
    result: Tensor = _PairAffinity.apply(features, radius)
    return result


def affinity_loss(
    aff: Tensor,
    labels: Tensor,
    *,
    scale: float = 0.25,
    eps: float = 1e-6,
    radius: int = 5,
    add_up: Callable[[Tensor], Tensor] = lambda counts: counts,
) -> AffinityLoss:
    """Loss of affinities against confident labels (paper, section 4.3).

    Args:
        aff: affinities (B, offsets, P) in (0, 1].
        labels: uint8 tensor (B, H, W): 0 background, 255 neutral, else a class.
        scale: factor of the total: 0.25 is the released code, 1 the paper's formula.
        eps: keeps the logarithms finite and empty kinds at 0.
        radius: see `cuewalk.affinity.pairs.offsets`.
        add_up: adds counts up over the processes that share the batch. Each kind has a count of its
            own, so that a mean of the processes' losses would not be the loss of the batch.

    Returns:
        The total and its parts, each kind averaged over the whole batch; in several processes, the
        summands of this one's pairs, and the counts of all.

    Raises:
        InputError: if the grid is too small to hold a single pair.
    """
    kinds = pair_kinds(labels, radius)
    same, differ = -torch.log(aff + eps), -torch.log(1 - aff + eps)
    counts = add_up(torch.stack([kind.sum() for kind in kinds]))
    bg, fg, neg = (
        (cost * kind).sum() / (count + eps)
        for cost, kind, count in zip((same, same, differ), kinds, counts, strict=True)
    )
    return AffinityLoss(scale * (fg + bg + 2 * neg), fg, bg, neg, counts)
