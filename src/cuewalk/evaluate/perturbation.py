"""Which pixels the perturbation tests blacken, and the blackened images (paper 5.2, table 2).

A map ranks the pixels of the network's input. The positive test removes the most relevant first,
the negative test the least relevant first; the faster (slower) the accuracy falls, the better the
map. The fractions, black as the replacement, and that pixels are blackened before the image is
normalised are the released code's; the paper names none of them.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from cuewalk.classifier.images import normalise
from cuewalk.evaluate.curves import LEVELS
from cuewalk.evaluate.explanation import evaluated_map
from cuewalk.explain.chance import random
from cuewalk.explain.trace import class_token_alone
from cuewalk.products import OneDnnLinear
from cuewalk.vision import VisionTransformer

FRACTIONS = LEVELS[1:]
"""Shares of the pixels that are removed: 0.1 to 0.9."""


def pixel_counts(pixels: int) -> list[int]:
    """How many of an image's pixels each of `FRACTIONS` removes, rounded down."""
    return [int(pixels * fraction) for fraction in FRACTIONS]


def ranked_maps(
    model: nn.Module,
    image: Tensor,
    grids: np.ndarray,
    constant: np.ndarray,
    classes: Sequence[int],
    seed: int,
) -> np.ndarray:
    """The map that ranks the pixels for each explained class, float32 (S, H, W).

    A constant map ranks none of them, so it scores what method `random` would.

    Args:
        model: the network that was explained.
        image: (3, H, W) in [0, 1].
        grids: (S, h, w), a method's raw maps.
        constant: (S,) bool, which of them tell no place from another.
        classes: S class indices.
        seed: of the chance maps.
    """
    size = (image.shape[-2], image.shape[-1])
    planes = evaluated_map(grids, size)
    if constant.any():
        asked = torch.tensor(classes, device=image.device)[:, None]
        chance = random(model, normalise(image)[None], asked, seed=seed)[:, 0].float()
        planes[constant] = evaluated_map(chance.cpu().numpy(), size)[constant]
    return planes


def removal_order(maps: Tensor, positive: bool) -> Tensor:
    """Rank the pixels of each map.

    Equal values are taken in pixel order, row by row, in both directions. Bilinear maps have many:
    half a token along the border is constant. A constant map would remove the same pixels in both
    directions, as the released code's NaN maps do: find those with `explanation.is_constant`.

    Args:
        maps: (M, H, W), any real values.
        positive: True removes the largest value first, False the smallest.

    Returns:
        int64 (M, H * W): indices of pixels, row by row, the first removed first.
    """
    return maps.flatten(1).argsort(dim=1, descending=positive, stable=True)


def perturbed(images: Tensor, orders: Tensor) -> Tensor:
    """Blacken the first pixels of each order, for each of `FRACTIONS`.

    Each level starts from the whole image. The result takes nine times the memory of the images:
    5.4 MB for one of 224 x 224 in float32, so give one map at a time where memory is short.

    Args:
        images: (M, 3, H, W) in [0, 1], before normalisation.
        orders: (M, H * W) int64, from `removal_order`.

    Returns:
        (M, 9, 3, H, W) in [0, 1], of the dtype and on the device of ``images``.

    Raises:
        ValueError: the orders do not fit the images.
    """
    height, width = images.shape[-2:]
    if orders.shape != (len(images), height * width):
        raise ValueError(
            f"orders {tuple(orders.shape)} do not fit images {tuple(images.shape)}: "
            "one index per image and pixel"
        )
    places = torch.arange(height * width, device=orders.device).expand_as(orders)
    rank = torch.empty_like(orders).scatter_(1, orders, places)
    counts = torch.tensor(pixel_counts(height * width), device=orders.device)
    kept = rank[:, None] >= counts[:, None]
    return torch.where(kept.view(len(images), -1, 1, height, width), images[:, None], 0)


@torch.no_grad()
def answers(model: VisionTransformer, image: Tensor, orders: Tensor, batch: int) -> Tensor:
    """What a network says of an image with pixels removed.

    Args:
        model: the network, one that `explain.support.check_supported` accepts, in eval mode.
        image: (3, H, W) in [0, 1].
        orders: (M, H * W) int64, from `removal_order`.
        batch: blackened images at once, about; at least the nine of one order.

    Returns:
        Logits (M, 9, classes), on the device of ``image``.
    """
    parts = []
    with class_token_alone(model), OneDnnLinear():
        for some in torch.split(orders, max(1, batch // len(FRACTIONS))):
            images = perturbed(image.expand(len(some), -1, -1, -1), some)
            parts.append(model(normalise(images.flatten(0, 1))).unflatten(0, images.shape[:2]))
    return torch.cat(parts)
