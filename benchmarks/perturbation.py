"""Claim: the nine levels of a perturbation test cost less together than one by one.

ViT-B/16 at 224 pixels, random weights, float32, one image and one map, one direction: ordering the
pixels, blackening, and the network's answers. The plain way blackens and asks level by level.
"""

from functools import partial

import timm
import torch
from paired import Limits, Part, Row, at_least, compare, main
from torch import Tensor, nn

from cuewalk.classifier.images import normalise
from cuewalk.evaluate.perturbation import answers, pixel_counts, removal_order


@torch.no_grad()
def together(model: nn.Module, image: Tensor, plane: Tensor) -> Tensor:
    """Ours: logits (9, classes)."""
    return answers(model, image, removal_order(plane[None], positive=True), batch=9)[0]


@torch.no_grad()
def one_by_one(model: nn.Module, image: Tensor, plane: Tensor) -> Tensor:
    """The plain way: logits (9, classes)."""
    order = plane.flatten().argsort(descending=True, stable=True)
    found = []
    for count in pixel_counts(plane.numel()):
        blackened = image.flatten(1).clone()
        blackened[:, order[:count]] = 0
        found.append(model(normalise(blackened.view_as(image))[None]))
    return torch.cat(found)


@torch.no_grad()
def bare(model: nn.Module, images: Tensor) -> Tensor:
    """One forward pass of nine images."""
    return model(images)


def rows(quick: bool = False) -> list[Row]:
    """The claim as measured."""
    torch.manual_seed(0)
    name, side = ("vit_tiny_patch16_224", 64) if quick else ("vit_base_patch16_224", 224)
    model = timm.create_model(name, img_size=side).eval()
    inputs = (model, torch.rand(3, side, side), torch.rand(side, side))
    ours, plain = partial(together, *inputs), partial(one_by_one, *inputs)
    torch.testing.assert_close(ours(), plain(), rtol=0, atol=1e-3)
    batch = partial(bare, model, torch.randn(9, 3, side, side))
    parts = [
        Part("perturbation, nine levels: single forwards / ours", ours, at_least(1.3)),
        Part("nine single forwards / a bare forward of nine", batch, Limits(least=True)),
    ]
    return compare(plain, parts, rounds=1 if quick else 7)


if __name__ == "__main__":
    main(rows, __doc__)
