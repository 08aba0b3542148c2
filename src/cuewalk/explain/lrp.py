"""Baselines "partial LRP" and "LRP" of tables 2 and 3: layer-wise relevance without gradients.

They follow the same way down as relevance, with two other rules: a Linear layer hands all of r to
its positive and again to its negative inputs, and a sum is shared without rescaling.
"""

import torch
from torch import Tensor, nn

from cuewalk.explain import propagate, rules
from cuewalk.explain.support import patch_convolution
from cuewalk.explain.trace import record


def partial_lrp(model: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    """Relevance of the last block's attention map alone: the class token's row, head mean.

    Args:
        model: A timm VisionTransformer that `check_supported` accepts.
        images: (B, 3, H, W), normalised, of the model's dtype and on its device.
        classes: (K, B) int64.

    Returns:
        (K, B, gh, gw), at least 0.

    Raises:
        InputError: The model is not supported, or a class is out of range.
    """
    trace = record(model, images, first=None)
    r = propagate.from_head(trace, classes, rules.LRP)
    attention = propagate.to_attention(trace.blocks[-1], r, rules.LRP).attention
    return trace.to_grid(attention[..., 0, :].clamp(min=0).mean(-2))


def lrp(model: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    """Relevance followed through all blocks down to the pixels, summed over colours.

    Args:
        model: As in `partial_lrp`, with a plain patch convolution.
        images: (B, 3, H, W), normalised, of the model's dtype and on its device.
        classes: (K, B) int64.

    Returns:
        (K, B, H, W), signed. Every Linear layer about doubles the scale: only ratios mean anything.

    Raises:
        InputError: The model is not supported or has another stem, or a class is out of range.
    """
    trace = record(model, images)
    convolution = patch_convolution(model)
    r = propagate.from_head(trace, classes, rules.LRP)
    for block in reversed(trace.blocks):
        r = propagate.to_tokens(block, propagate.to_attention(block, r, rules.LRP), rules.LRP)
    # The position embedding's share, and the prefix tokens', end here.
    total = trace.embedded[:, trace.prefix :]
    r = trace.patches * (r[..., trace.prefix :, :] * rules.reciprocal(total))
    return _to_pixels(convolution, images, torch.unflatten(r.mT, -1, trace.grid))


def _to_pixels(convolution: nn.Conv2d, images: Tensor, r: Tensor) -> Tensor:
    """The z-B rule: pixels x, bounded by the image's extremes, share by x w - low w+ - high w-.

    Args:
        convolution: The patch embedding.
        images: (B, 3, H, W).
        r: (K, B, D, gh, gw).

    Returns:
        (K, B, H, W).
    """
    weight, stride = convolution.weight.detach(), convolution.stride
    low = images.amin((1, 2, 3), keepdim=True).expand_as(images)
    high = images.amax((1, 2, 3), keepdim=True).expand_as(images)
    # Each bound goes with the weights for which it is the smallest contribution possible.
    terms = [(images, weight), (low, -weight.clamp(min=0)), (high, -weight.clamp(max=0))]
    z = sum(torch.conv2d(x, w, stride=stride) for x, w in terms) + rules.EPS
    share = (r / z).flatten(0, 1)
    # Rows and columns that fill no patch of their own are seen by none.
    rest = [side % step for side, step in zip(images.shape[-2:], stride, strict=True)]
    slopes = [torch.conv_transpose2d(share, w, None, stride, 0, rest) for _, w in terms]
    pixels = [
        x * torch.unflatten(slope, 0, r.shape[:2])
        for (x, _), slope in zip(terms, slopes, strict=True)
    ]
    return torch.stack(pixels).sum((0, 3))
