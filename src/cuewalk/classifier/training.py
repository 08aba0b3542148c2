"""Multi-label fine-tuning of the classifier on image-level labels (paper 5.4).

The released code trains with SGD, momentum 0.9 and a learning rate that falls linearly from epoch
to epoch; the paper's text names neither. Both are the defaults of the VOC config.

An epoch is a function of the weights, the optimiser's state, the seed and the epoch's number alone.
So a training that was stopped between two epochs ends as one that never was.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from cuewalk.classifier.images import Photographs
from cuewalk.errors import InputError

Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]


class Resume(Protocol):
    """Keeps the state of a training from epoch to epoch, beyond the end of the process."""

    def load(self) -> dict[str, Any] | None:
        """What was saved last, its tensors on the CPU; None to start anew."""

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep a state: tensors, numbers and strings in dicts and lists, free to change after."""


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
    *,
    seed: int,
    device: torch.device,
    workers: int = 0,
    progress: Progress = lambda items, total, text: items,
    resume: Resume | None = None,
) -> Iterator[Epoch]:
    """Fine-tune in place with the multilabel soft margin loss, one `Epoch` at a time.

    Torch's global generators are seeded at the start of each epoch.

    Args:
        photographs: augmented training photographs, normalised.
        targets: (n, classes) float, 1 where a class is present.
        seed: of the order of photographs and of drop path; the photographs' changes are seeded in
            `photographs`.
        progress: wraps the iterable of steps (items, photographs in all, text).
        resume: asked for a state before the first epoch, whose epochs are then yielded without
            being trained, and given the state after each.

    Raises:
        InputError: the loss is no longer finite.
    """
    model.to(device)
    if not settings.epochs:
        return
    freeze_levels(model, settings.frozen_levels)
    optimizer = make_optimizer(model, settings)
    base = [group["lr"] for group in optimizer.param_groups]
    order = torch.Generator()
    loader = DataLoader(
        photographs, settings.batch_size, shuffle=True, generator=order, num_workers=workers
    )
    done = [Epoch(**row) for row in restore(resume, model, optimizer)]
    yield from done
    for epoch in range(len(done), settings.epochs):
        photographs.epoch = epoch
        seed_epoch(order, seed, epoch)
        _set_mode(model, settings)
        text = f"classifier epoch {epoch + 1}/{settings.epochs}"
        losses: list[float] = []
        for step, (images, indices) in enumerate(progress(loader, len(photographs), text)):
            factor = rate_factor(settings, epoch + step / len(loader))
            for group, rate in zip(optimizer.param_groups, base, strict=True):
                group["lr"] = rate * factor
            loss = _step(model, optimizer, images.to(device), targets[indices].to(device), epoch)
            losses.append(loss * len(images))
        rate = base[0] * rate_factor(settings, epoch)
        done.append(Epoch(epoch + 1, rate, sum(losses) / len(photographs)))
        keep(resume, model, optimizer, [asdict(line) for line in done])
        yield done[-1]


def _step(
    model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, targets: Tensor, epoch: int
) -> float:
    """One step of the optimiser; returns the mean loss of the batch before it."""
    loss = F.multilabel_soft_margin_loss(model(images), targets)
    if not torch.isfinite(loss):
        raise InputError(
            f"classifier.training.learning_rate: the loss became {loss.item()} in epoch "
            f"{epoch + 1}; choose a smaller rate."
        )
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item()


def seed_epoch(order: torch.Generator, seed: int, epoch: int) -> None:
    """Seed all that an epoch draws: the order of photographs, and torch's global generators.

    Args:
        order: of the photographs.
        seed: 0 or above, as `epoch`.
    """
    of_order, of_model = np.random.SeedSequence((seed, epoch)).generate_state(2).tolist()
    order.manual_seed(of_order)
    torch.manual_seed(of_model)


def restore(
    resume: Resume | None, model: nn.Module, optimizer: torch.optim.Optimizer
) -> list[dict[str, Any]]:
    """Put network and optimiser where `keep` found them; rows of the epochs done, [] if none."""
    state = resume.load() if resume else None
    if state is None:
        return []
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    rows: list[dict[str, Any]] = state["epochs"]
    return rows


def keep(
    resume: Resume | None,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    epochs: Sequence[Mapping[str, Any]],
) -> None:
    """Save network and optimiser, if anyone wants them, with the rows of the epochs done."""
    if resume:
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        resume.save({**state, "epochs": [dict(row) for row in epochs]})


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
