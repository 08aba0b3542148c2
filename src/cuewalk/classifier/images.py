"""Photographs as the networks see them: squashed to a square, normalised, augmented (paper 5.4)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from cuewalk.vision import v2

Loader = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class Augment:
    """Random changes during training.

    Attributes:
        flip: probability of a horizontal flip.
        jitter: strengths of brightness, contrast, saturation and hue.
        crop: smallest and largest share of the area that a random crop keeps; (1, 1) crops nothing.
        erase: probability of blanking one random rectangle with the mean colour.
    """

    flip: float = 0.5
    jitter: tuple[float, float, float, float] = (0.3, 0.3, 0.3, 0.1)
    crop: tuple[float, float] = (1.0, 1.0)
    erase: float = 0.0

    def __call__(self, image: Tensor, size: int) -> Tensor:
        """Augment and squash one image (3, H, W) in [0, 1] to (3, size, size)."""
        if self.crop != (1.0, 1.0):
            image = v2.RandomResizedCrop(size, scale=self.crop, antialias=True)(image)
        image = squash(image, size)
        if torch.rand(()) < self.flip:
            image = v2.functional.horizontal_flip(image)
        if any(self.jitter):
            brightness, contrast, saturation, hue = self.jitter
            image = v2.ColorJitter(brightness, contrast, saturation, hue)(image)
        if self.erase:
            image = v2.RandomErasing(self.erase, scale=(0.02, 0.2), value=0.5)(image)
        return image


def squash(image: Tensor, size: int) -> Tensor:
    """Resize (3, H, W) to (3, size, size); like the released code it drops the aspect ratio."""
    if tuple(image.shape[-2:]) == (size, size):
        return image
    resized: Tensor = v2.functional.resize(image, [size, size], antialias=True)
    return resized


def to_tensor(image: np.ndarray) -> Tensor:
    """uint8 (H, W, 3) to float32 (3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float().div_(255)


def normalise(images: Tensor, mean: float = 0.5, std: float = 0.5) -> Tensor:
    """[0, 1] to the range the networks were trained on; 0.5 and 0.5 for each channel (5.4)."""
    return (images - mean) / std


class Photographs(Dataset[tuple[Tensor, int]]):
    """Photographs for training or inference, each item a pure function of (seed, epoch, index).

    Args:
        load: index -> uint8 (H, W, 3).
        count: number of photographs.
        size: side of the square that the network takes, pixels.
        augment: random changes, or None for the deterministic transform.
        seed: of the random changes; they do not depend on workers, batch size or order.
    """

    def __init__(
        self, load: Loader, count: int, size: int, augment: Augment | None = None, seed: int = 0
    ) -> None:
        self.load, self.count, self.size = load, count, size
        self.augment, self.seed, self.epoch = augment, seed, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self.load(index)
        if self.augment is None:
            return normalise(to_tensor(pil_squash(image, self.size))), index
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(hash((self.seed, self.epoch, index)) & 0x7FFF_FFFF)
            return normalise(self.augment(to_tensor(image), self.size)), index


def pil_squash(image: np.ndarray, size: int) -> np.ndarray:
    """Antialiased bilinear resize of uint8 (H, W, 3) to (size, size, 3), as PIL does it."""
    if image.shape[:2] == (size, size):
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
