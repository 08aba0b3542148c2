"""The way of relevance down through the head and one transformer block (paper, section 4.2).

A block is taken in two steps, because its attention map's relevance is what the method collects,
and at the lowest block nothing below that map is needed. With class-token pooling the relevance
enters the last block on one token alone; so the steps through it work on that token.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from cuewalk.explain import rules
from cuewalk.explain.rules import Rules
from cuewalk.explain.trace import BlockTrace, Trace


class Shares(NamedTuple):
    """A block's relevance, split where its attention map meets its values.

    The three sum to what entered the block, as far as the rules conserve: n tokens carried it.
    """

    skip: Tensor  # (K, B, n, D) past the attention
    attention: Tensor  # (K, B, h, n, N) on the attention map
    value: Tensor  # (K, B, h, N, d) on the values


def from_head(trace: Trace, classes: Tensor, ruleset: Rules) -> Tensor:
    """Relevance of the class token above the last block: 1 on the class, shared by the head.

    Args:
        trace: A recorded forward pass of B images.
        classes: (K, B) int64.
        ruleset: The rules to follow.

    Returns:
        (K, B, 1, D).
    """
    trace.check_classes(classes)
    chosen = F.one_hot(classes, trace.logits.shape[1]).to(trace.logits)
    # Picking the class token out is a clone with a single use; the final norm passes r on.
    return rules.clone(trace.head.x, ruleset.linear(trace.head, chosen))[:, :, None]


def to_attention(block: BlockTrace, r: Tensor, ruleset: Rules) -> Shares:
    """From a block's output, relevance (K, B, n, D), down to its attention map and values."""
    carrying = r.shape[-2]
    tokens = block.tokens[:, :carrying]
    between = tokens + block.attended

    skip, branch = ruleset.add(between, block.transformed, r)
    branch = ruleset.linear(block.fc1, ruleset.linear(block.fc2, branch))
    r = rules.clone(between, skip, branch)

    skip, branch = ruleset.add(tokens, block.attended, r)
    branch = ruleset.linear(block.proj, branch)
    per_head = torch.unflatten(branch, -1, (-1, block.v.shape[-1])).transpose(-3, -2)
    attention, mixed = (t[..., :carrying, :] for t in (block.attention, block.mixed))
    attention, value = rules.matmul(attention, block.v, mixed, per_head)
    return Shares(skip, attention, value)


def to_tokens(block: BlockTrace, shares: Shares, ruleset: Rules) -> Tensor:
    """From a block's attention map and values down to its input, relevance (K, B, N, D)."""
    tokens, carrying = block.tokens.shape[-2], shares.skip.shape[-2]
    q, k = block.q[..., :carrying, :], block.k.mT
    query, key = rules.matmul(q, k, q @ k, shares.attention)

    def padded(t: Tensor) -> Tensor:
        return F.pad(t, (0, 0, 0, tokens - carrying))

    # The channels of qkv in timm's order: queries, keys, values, each head by head.
    parts = [padded(query), key.mT, shares.value]
    qkv = torch.cat([part.transpose(-3, -2).flatten(-2) for part in parts], dim=-1)
    branch = ruleset.linear(block.qkv, qkv)
    return rules.clone(block.tokens, padded(shares.skip), branch)
