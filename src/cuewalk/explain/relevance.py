"""Relevance of a Vision Transformer's class scores for its patches (paper, section 4.2).

Layer rules carry the score of a class down to every block's attention map A_b. There relevance is
weighted by the score's gradient, cleared of negative parts and averaged over heads, and the blocks
are rolled out: E_b = mean_h max(dy_c/dA_b * r_b, 0), C = (I + E_L-1) ... (I + E_s). The cue is the
class token's row of C. The text of the paper stops at the rules; the weighting, the clamp, the
identity and the start layer s are those of the authors' code.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from cuewalk.explain import propagate, rules
from cuewalk.explain.trace import Trace, record


def relevance(model: nn.Module, images: Tensor, classes: Tensor, *, start_layer: int = 0) -> Tensor:
    """Cue of each class for each image, as a grid of tokens.

    Args:
        model: A timm VisionTransformer that `check_supported` accepts; it is left unchanged.
        images: (B, 3, H, W), normalised as the model expects, of its dtype and on its device.
            Float64 gives the same cue everywhere; float32 cues differ between machines, because
            the rules divide by sums that pass through 0.
        classes: (K, B) int64, K classes for each of the B images.
        start_layer: Lowest block to roll out. The paper's tables 2 and 3 use 1, its cues 0.

    Returns:
        (K, B, gh, gw), at least 0, not normalised.

    Raises:
        InputError: The model is not supported, or a class or the start layer is out of range.
    """
    trace = record(model, images, start_layer)
    gradients = trace.gradients(classes)
    row = torch.zeros(*classes.shape, 1, trace.embedded.shape[1]).to(trace.embedded)
    row[..., 0] = 1
    # Gradients come first in zip, so that nothing is computed below the lowest attention map.
    below = attention_relevance(trace, classes)
    for gradient, attention in zip(reversed(gradients), below, strict=False):
        weighted = (gradient[..., : attention.shape[-2], :] * attention).clamp_(min=0).mean(-3)
        # Only the class token's row of C is wanted: a vector times each block's I + E_b.
        row = row + row[..., : attention.shape[-2]] @ weighted
    return trace.to_grid(row.squeeze(-2))


def attention_relevance(trace: Trace, classes: Tensor) -> Iterator[Tensor]:
    """Relevance r_b of every recorded block's attention map, from the last block down.

    Args:
        trace: A recorded forward pass of B images.
        classes: (K, B) int64.

    Yields:
        (K, B, h, n, N): n = 1 in the last block, where only the class token carries relevance,
        and N in the others.
    """
    r = propagate.from_head(trace, classes, rules.RELEVANCE)
    for block in reversed(trace.blocks):
        shares = propagate.to_attention(block, r, rules.RELEVANCE)
        yield shares.attention
        r = propagate.to_tokens(block, shares, rules.RELEVANCE)
