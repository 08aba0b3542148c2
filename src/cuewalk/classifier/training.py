"""Multi-label fine-tuning of the classifier on image-level labels (paper 5.4).

The released code trains with SGD, momentum 0.9 and a learning rate that falls linearly from epoch
to epoch; the paper's text names neither. Both are the defaults of the VOC config.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cuewalk.classifier.images import Photographs
from cuewalk.distributed.group import Group
from cuewalk.distributed.layers import synchronise
from cuewalk.epochs import Batches, How, Step, descend, run_epochs
from cuewalk.errors import InputError
from cuewalk.products import OneDnnLinear
from cuewalk.vision import VisionTransformer


@dataclass(frozen=True)
class TrainSettings:
    """How to fine-tune; the fields are the keys of config section `classifier.training`."""

    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    stem_learning_rate: float | None
    frozen_levels: int
    momentum: float
    weight_decay: float
    schedule: str
    warmup_epochs: float
    batch_norm: str


@dataclass(frozen=True)
class Epoch:
    """One line of history.csv: epoch from 1, learning rate at its start, mean training loss."""

    epoch: int
    learning_rate: float
    train_loss: float


def train(
    model: VisionTransformer,
    photographs: Photographs,
    targets: Tensor,
    settings: TrainSettings,
    seed: int,
    how: How,
) -> Iterator[Epoch]:
    """Fine-tune in place with the multilabel soft margin loss, one `Epoch` at a time.

    Args:
        photographs: augmented training photographs, normalised; they have a seed of their own.
        targets: (n, classes) float, 1 where a class is present.
        seed: of the order and, by torch's global generators, of drop path, anew for each epoch.

    Raises:
        InputError: the loss is no longer finite, or several processes cannot train the model.
    """
    model.to(how.device)
    if not settings.epochs:
        return
    freeze_levels(model, settings.frozen_levels)
    synchronise(model, how.group)
    optimizer = make_optimizer(model, settings)
    base = [group["lr"] for group in optimizer.param_groups]
    batches = Batches(photographs, settings.batch_size, how)
    targets = targets.to(how.device)

    def train_epoch(epoch: int) -> Epoch:
        _set_mode(model, settings)
        losses = []
        for number, step in enumerate(batches.epoch("classifier", seed, epoch, settings.epochs)):
            _set_rates(optimizer, base, rate_factor(settings, epoch + number / len(batches)))
            loss = _step(model, optimizer, step, targets, epoch, how.group)
            losses.append(loss * len(step.batch))
        rate = base[0] * rate_factor(settings, epoch)
        return Epoch(epoch + 1, rate, sum(losses) / len(photographs))

    yield from run_epochs(model, optimizer, settings.epochs, train_epoch, Epoch, how)


def _set_rates(optimizer: torch.optim.Optimizer, base: Sequence[float], factor: float) -> None:
    for group, rate in zip(optimizer.param_groups, base, strict=True):
        group["lr"] = rate * factor


def _step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: Step,
    targets: Tensor,
    epoch: int,
    group: Group,
) -> float:
    """One step of the optimiser; returns the mean loss of the batch before it."""
    images, indices = step.part
    with OneDnnLinear():
        logits = model(images)
    own = F.multilabel_soft_margin_loss(logits, targets[indices], reduction="sum")
    own = own / len(step.batch)
    loss = group.sum(own).item()
    if not math.isfinite(loss):
        raise InputError(
            f"classifier.training.learning_rate: the loss became {loss} in epoch {epoch + 1}; "
            "choose a smaller rate."
        )
    descend(optimizer, own, group)
    return loss


def freeze_levels(model: VisionTransformer, levels: int) -> None:
    """Stop the first feature levels of a composed hybrid's stem from learning.

    They are the costliest to train, at full resolution, and the most general. timm registers a
    CNN's modules in the order they run, so all modules up to the last of a level belong to it.

    Raises:
        InputError: the classifier has no stem with that many levels.
    """
    if not levels:
        return
    stem = getattr(model.patch_embed, "backbone", None)
    info = getattr(stem, "feature_info", None)
    if stem is None or info is None or levels > len(info.module_name()):
        raise InputError(
            f"classifier.training.frozen_levels: {levels} levels cannot be frozen, the classifier "
            "has no composed stem of so many; set 0."
        )
    # timm flattens dots to underscores in some feature extractors.
    last = f"{info.module_name(levels - 1)}.".replace(".", "_")
    names = [f"{name}.".replace(".", "_") for name, _ in stem.named_modules()]
    end = max(place for place, name in enumerate(names) if name.startswith(last))
    for module in list(stem.modules())[: end + 1]:
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(False)


def make_optimizer(model: VisionTransformer, settings: TrainSettings) -> torch.optim.Optimizer:
    """SGD or AdamW over all that learns; a hybrid's stem may have a learning rate of its own."""
    stem = getattr(model.patch_embed, "backbone", None)
    own = {id(p) for p in stem.parameters()} if stem is not None else set()
    if settings.stem_learning_rate == 0 and stem is not None:
        stem.requires_grad_(False)
    learning = [p for p in model.parameters() if p.requires_grad]
    rest = [p for p in learning if id(p) not in own]
    of_stem = [p for p in learning if id(p) in own]
    stem_rate = settings.stem_learning_rate
    groups = [{"params": rest, "lr": settings.learning_rate}]
    if of_stem:
        rate = settings.learning_rate if stem_rate is None else stem_rate
        groups.append({"params": of_stem, "lr": rate})
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            groups, momentum=settings.momentum, weight_decay=settings.weight_decay
        )
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay)


def rate_factor(settings: TrainSettings, epoch: float) -> float:
    """Share of the full learning rate at a moment, `epoch` counting from 0 with fractions.

    `linear` is the released code's: constant within an epoch, (1 - e / epochs) in epoch e.
    `cosine` falls smoothly to zero. Warm-up rises linearly from zero before either.
    """
    warm = min(1.0, (epoch + 1e-3) / settings.warmup_epochs) if settings.warmup_epochs else 1.0
    if settings.schedule == "linear":
        return warm * (1 - math.floor(epoch) / settings.epochs)
    return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, epoch / settings.epochs)))


def _set_mode(model: nn.Module, settings: TrainSettings) -> None:
    """Training mode; batch norms that are frozen, or of a frozen level, stay in evaluation mode."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train(settings.batch_norm == "trained" and module.weight.requires_grad)


def as_row(epoch: Epoch) -> dict[str, float]:
    """One line of history.csv."""
    return asdict(epoch)
