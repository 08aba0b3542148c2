"""Which models can be explained: class-token timm Vision Transformers of the plain or hybrid kind.

The relevance rules (paper, section 4.2) are written for the blocks of the original Vision
Transformer. A model whose blocks compute something else would get a map, but a wrong one, so it
is refused here, by name, before any work is done.
"""

from collections.abc import Iterator

from torch import nn

from cuewalk.errors import InputError
from cuewalk.vision import Attention, Block, Mlp, PatchEmbed, VisionTransformer


def check_supported(model: nn.Module) -> None:
    """Refuse a model that the rules of relevance do not cover.

    Covered are unmodified timm `VisionTransformer`s with a class token and a linear head, whatever
    embeds their patches (a convolution, or a CNN through `HybridEmbed`), with or without register
    tokens, LayerScale, query and key norms, and on square or rectangular grids.

    Args:
        model: The classifier to be explained.

    Raises:
        InputError: Names the first part of the model that cannot be explained.
    """
    if type(model) is not VisionTransformer:
        raise InputError(
            f"Cannot explain a {type(model).__name__}: relevance is defined for timm's "
            "VisionTransformer only, so choose a model of that class."
        )
    for problem in _problems(model):
        raise InputError(
            f"Cannot explain this VisionTransformer: {problem}; choose a model with a class "
            "token, a linear head and plain pre-norm blocks."
        )


def patch_convolution(model: nn.Module) -> nn.Conv2d:
    """The one layer between pixels and patches, which full LRP has to pass.

    Raises:
        InputError: There is more between them: a CNN, or padding.
    """
    stem = model.patch_embed
    if not isinstance(stem, PatchEmbed) or stem.dynamic_img_pad:
        raise InputError(
            f"lrp has no rule for this model's stem, a {type(stem).__name__} with a CNN or padding:"
            " choose a plain Vision Transformer, or the method partial_lrp."
        )
    return stem.proj


def _problems(model: VisionTransformer) -> Iterator[str]:
    """Yield what stands in the way, one clause each, from the head down."""
    if not isinstance(model.head, nn.Linear):
        yield "it has no linear head (num_classes is 0)"
    if model.global_pool != "token":
        yield f"it pools by {model.global_pool or 'nothing'!r}, not by its class token"
    for index, block in enumerate(model.blocks):
        where = f"block {index} "
        if type(block) is not Block:
            yield where + f"is a {type(block).__name__}"
            return
        if type(block.attn) is not Attention:
            yield where + f"attends with {type(block.attn).__name__}"
        elif block.attn.gate is not None:
            yield where + "gates its attention"
        if type(block.mlp) is not Mlp:
            yield where + f"has the MLP {type(block.mlp).__name__}"
