"""Chance: the floor of tables 2 and 3, a map that knows neither the image nor the class."""

import zlib

import torch
from torch import Tensor, nn

from cuewalk.explain.support import check_supported
from cuewalk.vision import VisionTransformer


def random(model: nn.Module, images: Tensor, classes: Tensor, *, seed: int = 0) -> Tensor:
    """Uniform noise on the token grid, the same for an image and class in whatever batch.

    Args:
        model: A timm VisionTransformer that `check_supported` accepts; only its grid matters.
        images: (B, 3, H, W). Their bytes, with the class and the seed, choose the noise.
        classes: (K, B) int64.
        seed: Another seed, other noise.

    Returns:
        (K, B, gh, gw) in [0, 1), of the images' dtype and on their device.

    Raises:
        InputError: The model is not supported.
    """
    check_supported(model)
    assert isinstance(model, VisionTransformer)
    grid = model.patch_embed.grid_size
    if model.dynamic_img_size:
        grid = model.patch_embed.dynamic_feat_size(tuple(images.shape[-2:]))
    keys = [zlib.crc32(image.cpu().numpy().tobytes(), seed) for image in images]
    maps = [
        torch.rand(grid, generator=torch.Generator().manual_seed(zlib.crc32(b"%d" % label, key)))
        for row in classes.tolist()
        for label, key in zip(row, keys, strict=True)
    ]
    return torch.stack(maps).reshape(*classes.shape, *grid).to(images)
