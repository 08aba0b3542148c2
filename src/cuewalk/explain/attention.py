"""Baselines of tables 2 and 3 that read attention maps: rollout, raw attention and GradCAM.

All take a row of the class token over the patches. Rollout and raw attention do not look at the
class; they return the same map for each. No map is normalised here: see `cuewalk.cues`.
"""

import torch
from torch import Tensor, nn

from cuewalk.explain.trace import record


def rollout(model: nn.Module, images: Tensor, classes: Tensor, *, start_layer: int = 0) -> Tensor:
    """Attention rollout: the product of all blocks' (A + I), rows scaled to sum to 1.

    Args:
        model: A timm VisionTransformer that `check_supported` accepts.
        images: (B, 3, H, W), normalised, of the model's dtype and on its device.
        classes: (K, B) int64; only K matters.
        start_layer: Lowest block of the product. The paper's tables 2 and 3 use 1.

    Returns:
        (K, B, gh, gw), at least 0.

    Raises:
        InputError: The model is not supported, or a class or the start layer is out of range.
    """
    trace = record(model, images, start_layer)
    trace.check_classes(classes)
    tokens = trace.embedded.shape[1]
    identity = torch.eye(tokens).to(trace.embedded)
    row = identity[:1].expand(len(images), 1, tokens)
    for block in reversed(trace.blocks):
        mixing = block.attention.mean(1) + identity
        row = row @ (mixing / mixing.sum(-1, keepdim=True))
    return trace.to_grid(row[:, 0].expand(len(classes), -1, -1))


def raw_attention(model: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    """What the class token attends to in the last block, averaged over heads.

    Args, returns and raises as in `rollout`.
    """
    trace = record(model, images, first=None)
    trace.check_classes(classes)
    row = trace.blocks[-1].attention.mean(1)[:, 0]
    return trace.to_grid(row.expand(len(classes), -1, -1))


def gradcam(model: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    """GradCAM on the last block's attention: heads weighted by their mean gradient over patches.

    Often no patch is left above the clamp. The authors' code then divides 0 by 0 and returns NaN;
    such a map is all zeros here.

    Args, returns and raises as in `rollout`; the class matters.
    """
    trace = record(model, images, first=None)
    gradient = trace.gradients(classes)[-1][..., 0, :]
    weight = gradient[..., trace.prefix :].mean(-1, keepdim=True)
    row = (weight * trace.blocks[-1].attention[..., 0, :]).mean(-2)
    return trace.to_grid(row.clamp(min=0))
