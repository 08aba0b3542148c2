"""Claim: a relevance map costs little more than the gradient that it needs.

ViT-B/16 at 224 pixels, random weights, float32. The floor is one forward pass and the gradient of
one logit with respect to the first block's input, parameters frozen, as torch computes them. Costs
are per image and class. Ours multiplies matrices through oneDNN; what the floor would take that way
is shown too.
"""

from functools import partial

import timm
import torch
from paired import Part, Row, at_most, compare, main
from torch import Tensor, nn

from cuewalk.explain.attention import gradcam, raw_attention, rollout
from cuewalk.explain.lrp import lrp, partial_lrp
from cuewalk.explain.relevance import relevance
from cuewalk.products import OneDnnLinear

CLASSES = torch.tensor([[3], [100], [200]])


def gradient(model: nn.Module, images: Tensor) -> Tensor:
    """The floor: gradient (B, N, D) of one class's logit with respect to the first block's input.

    Args:
        model: A timm VisionTransformer with frozen parameters; attention is fused or not, as it is.
        images: (B, 3, H, W), normalised.
    """
    leaves: list[Tensor] = []

    def start(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        leaves.append(args[0].detach().requires_grad_())
        return (leaves[0], *args[1:])

    hook = model.get_submodule("blocks.0").register_forward_pre_hook(start)
    try:
        logits = model(images)
    finally:
        hook.remove()
    return torch.autograd.grad(logits[:, 3].sum(), leaves)[0]


def quick_gradient(model: nn.Module, images: Tensor) -> Tensor:
    """The floor through oneDNN."""
    with OneDnnLinear():
        return gradient(model, images)


def parts(model: nn.Module, images: Tensor) -> list[Part]:
    """Everything that is compared with the floor, on up to 4 images (4, 3, H, W)."""
    one, label = images[:1], CLASSES[:1]
    ours = partial(relevance, model, start_layer=1)
    maps = {"rollout": rollout, "raw_attention": raw_attention, "gradcam": gradcam}
    several = partial(ours, images, label.expand(1, 4))
    return [
        Part("relevance, 1 class", partial(ours, one, label), at_most(2.0, 1.6)),
        Part("relevance, 3 classes", partial(ours, one, CLASSES), at_most(1.4, 1.2), 3),
        Part("relevance, 4 images", several, at_most(1.6, 1.3), 4),
        *(
            Part(name, partial(method, model, one, label), at_most(1.15))
            for name, method in maps.items()
        ),
        Part("partial_lrp", partial(partial_lrp, model, one, label)),
        Part("lrp", partial(lrp, model, one, label)),
        Part("the floor itself, 4 images", partial(gradient, model, images), units=4),
        Part("the floor itself, through oneDNN", partial(quick_gradient, model, one)),
    ]


def rows(quick: bool = False) -> list[Row]:
    """The claims as measured."""
    torch.manual_seed(0)
    name, side = ("vit_tiny_patch16_224", 64) if quick else ("vit_base_patch16_224", 224)
    model = timm.create_model(name, img_size=side).eval().requires_grad_(False)
    images = torch.randn(4, 3, side, side)
    floor = partial(gradient, model, images[:1])
    return compare(floor, parts(model, images), rounds=1 if quick else 5)


if __name__ == "__main__":
    main(rows, __doc__)
