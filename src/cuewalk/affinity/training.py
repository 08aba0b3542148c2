"""Training of AffinityNet on the confident labels (paper 4.3 and 5.4).

SGD with momentum 0.9 and a learning rate that falls linearly from epoch to epoch, as in the
released code; the last epoch's weights are used, since choosing among epochs would need labels of
the evaluation photographs.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from cuewalk.affinity.loss import affinities, affinity_loss
from cuewalk.affinity.net import AffinityNet
from cuewalk.classifier.images import Loader, normalise, pil_squash, to_tensor
from cuewalk.distributed.group import Group
from cuewalk.distributed.layers import synchronise
from cuewalk.epochs import Batches, How, Step, descend, run_epochs
from cuewalk.errors import InputError
from cuewalk.vision import v2


@dataclass(frozen=True)
class AffinitySettings:
    """How to train; the fields are keys of config section `affinitynet`."""

    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    weight_decay: float
    loss_scale: float
    radius: int


@dataclass(frozen=True)
class AffinityEpoch:
    """One line of history.csv: mean over the epoch's batches of the total loss and its parts."""

    epoch: int
    learning_rate: float
    loss: float
    foreground: float
    background: float
    negative: float


class LabelledPhotographs(Dataset[tuple[Tensor, Tensor]]):
    """Photographs with their label grids, coloured and mirrored at random.

    Each item is a pure function of (seed, epoch, index). Mirroring is joint; labels commute with
    it.

    Args:
        load: index -> uint8 (H, W, 3).
        labels: uint8 (n, g, g): 0 background, 255 neutral, other values classes.
        size: side of the square that the network takes, pixels.
        jitter: strengths of brightness, contrast, saturation and hue.
    """

    def __init__(
        self, load: Loader, labels: np.ndarray, size: int, jitter: tuple[float, ...], seed: int
    ) -> None:
        self.load, self.labels, self.size, self.seed = load, labels, size, seed
        self.jitter = v2.ColorJitter(*jitter) if any(jitter) else v2.Identity()
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = to_tensor(pil_squash(self.load(index), self.size))
        label = torch.from_numpy(self.labels[index])
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(hash((self.seed, self.epoch, index)) & 0x7FFF_FFFF)
            image = normalise(self.jitter(image))
            return (image.flip(-1), label.flip(-1)) if torch.rand(()) < 0.5 else (image, label)


def train_affinity(
    net: AffinityNet,
    photographs: LabelledPhotographs,
    settings: AffinitySettings,
    seed: int,
    how: How,
) -> Iterator[AffinityEpoch]:
    """Train in place, one `AffinityEpoch` at a time.

    Torch's global generators are seeded at the start of each epoch.

    Raises:
        InputError: the loss is no longer finite, or several processes cannot train the network.
    """
    net.to(how.device)
    synchronise(net, how.group)
    optimizer = torch.optim.SGD(
        [p for p in net.parameters() if p.requires_grad],
        settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )
    batches = Batches(photographs, settings.batch_size, how)

    def train_epoch(epoch: int) -> AffinityEpoch:
        rate = settings.learning_rate * (1 - epoch / settings.epochs)
        for group in optimizer.param_groups:
            group["lr"] = rate
        net.train()
        losses = [
            _step(net, optimizer, step, settings, epoch, how.group)
            for step in batches.epoch("affinitynet", seed, epoch, settings.epochs)
        ]
        return AffinityEpoch(epoch + 1, rate, *np.mean(losses, axis=0).tolist())

    yield from run_epochs(net, optimizer, settings.epochs, train_epoch, AffinityEpoch, how)


def _step(
    net: AffinityNet,
    optimizer: torch.optim.Optimizer,
    step: Step,
    settings: AffinitySettings,
    epoch: int,
    group: Group,
) -> list[float]:
    """One step of the optimiser; returns the batch's total loss before it, and its parts."""
    images, labels = step.part
    aff = affinities(net(images), settings.radius)
    own = affinity_loss(
        aff, labels, scale=settings.loss_scale, radius=settings.radius, add_up=group.sum
    )
    parts: list[float] = group.sum(torch.stack([own.total, own.fg, own.bg, own.neg])).tolist()
    if not math.isfinite(parts[0]):
        raise InputError(
            f"affinitynet.learning_rate: the loss became {parts[0]} in epoch {epoch + 1}; "
            "choose a smaller rate."
        )
    descend(optimizer, own.total, group)
    return parts
