"""What the processes of a group do in `test_distributed.py`, and what one process does alone.

Each function takes a job and a group. What it finds is saved in the folder `job.root`, under the
size of the group and the rank.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from tiny import CPU, SIDE, TARGETS, classifier, noise, settings
from torch import Tensor, nn

from cuewalk.affinity.loss import affinities, affinity_loss
from cuewalk.affinity.net import AffinityNet
from cuewalk.affinity.training import AffinitySettings, LabelledPhotographs, train_affinity
from cuewalk.artifacts.checkpoint import Checkpoint
from cuewalk.classifier.images import Augment, Photographs
from cuewalk.classifier.training import train
from cuewalk.distributed.group import Group
from cuewalk.distributed.layers import synchronise
from cuewalk.epochs import How, Resume
from cuewalk.stages.runner import Job

RADIUS, GRID = 3, 8
Found = dict[str, Any]


class Doubled:
    """Photographs in float64, which the network then is, too."""

    def __init__(self, photographs: Any) -> None:
        self.photographs = photographs

    @property
    def epoch(self) -> int:
        return self.photographs.epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self.photographs.epoch = epoch

    def __len__(self) -> int:
        return len(self.photographs)

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        image, other = self.photographs[index]
        return image.double(), other


def of_training(network: nn.Module, lines: Iterator[Any]) -> Found:
    """Weights, statistics and history."""
    history = [list(vars(line).values()) for line in lines]
    return {"weights": network.state_dict(), "history": history}


def fit(
    group: Group,
    resume: Resume | None = None,
    *,
    epochs: int | None = None,
    double: bool = True,
    workers: int = 0,
    **changes: Any,
) -> Found:
    """Train the classifier: 8 photographs in batches of 3, the last one smaller, for two epochs.

    Args:
        epochs: stop after so many.
    """
    model = classifier(transformer={"drop_path": 0.3})
    photographs = Photographs(
        noise(8, 40, 56).__getitem__, 8, SIDE, Augment(crop=(0.5, 1.0), erase=0.2), seed=3
    )
    how = How(CPU, workers, resume=resume, group=group)
    if double:
        source: Any = Doubled(photographs)
        lines = train(model.double(), source, TARGETS.double(), settings(**changes), 3, how)
    else:
        lines = train(model, photographs, TARGETS, settings(**changes), 3, how)
    if epochs:
        lines = islice(lines, epochs)
    return of_training(model, lines)


def labels(count: int = 6) -> np.ndarray:
    """Grids whose photographs hold very different numbers of pairs of each kind."""
    rng = np.random.default_rng(1)
    grids = rng.choice(np.array([0, 1, 2, 255], np.uint8), (count, GRID, GRID))
    for row in range(count):
        grids[row, : row + 1] = (0, 1)[row % 2]
    return grids


def affinity_net() -> AffinityNet:
    torch.manual_seed(0)
    backbone = timm.create_model("test_resnet", features_only=True, pretrained=False)
    return AffinityNet(backbone, 32, (8,), GRID)


def fit_affinity(group: Group) -> Found:
    """Train AffinityNet with its backbone: 6 photographs in batches of 4, for two epochs."""
    net = affinity_net().double()
    jitter = (0.3, 0.3, 0.3, 0.1)
    photographs: Any = Doubled(
        LabelledPhotographs(noise(6, 40, 56).__getitem__, labels(), SIDE, jitter, seed=3)
    )
    asked = AffinitySettings(2, 4, 0.1, 0.9, 1e-4, 0.25, RADIUS)
    return of_training(net, train_affinity(net, photographs, asked, 3, How(CPU, group=group)))


def pair_losses(group: Group) -> Found:
    """Loss and gradient of one batch, as they are added up, and as a mean of losses would be."""
    features = torch.from_numpy(np.random.default_rng(2).normal(size=(5, 4, GRID, GRID)))
    own = group.share(5)
    grids = torch.from_numpy(labels(5))[own]
    found = {}
    for name, add_up in {"ours": group.sum, "plain": lambda counts: counts}.items():
        leaf = features.clone().requires_grad_()
        loss = affinity_loss(affinities(leaf[own], RADIUS), grids, radius=RADIUS, add_up=add_up)
        loss.total.backward()
        assert leaf.grad is not None
        scale = 1 if name == "ours" else 1 / group.size
        parts = torch.stack([loss.total, loss.fg, loss.bg, loss.neg])
        found[name] = {
            "loss": group.sum(parts) * scale,
            "gradient": group.sum(leaf.grad) * scale,
            "counts": loss.counts,
        }
    return found


def batch_norm(group: Group, count: int, momentum: float | None) -> Found:
    """Results, gradients and statistics of two steps on `count` photographs."""
    rng = np.random.default_rng(count)
    layer = nn.Sequential(nn.BatchNorm2d(3, momentum=momentum)).double()
    with torch.no_grad():
        layer[0].weight.copy_(torch.tensor([0.5, -1, 2]))
        layer[0].bias.copy_(torch.tensor([0.1, 0.2, 0.3]))
    synchronise(layer, group)
    found: Found = {}
    for step in range(2):
        # Far from zero: a difference of squares would show.
        x = torch.from_numpy(rng.normal(1e3, 2, (count, 3, 4, 5)))
        slope = torch.from_numpy(rng.normal(size=x.shape))
        own = x[group.share(count)].clone().requires_grad_()
        layer.zero_grad()
        y = layer(own)
        (y.square() * slope[group.share(count)]).sum().backward()
        group.sum_gradients(layer.parameters())
        found |= {f"y {step}": y.detach(), f"dx {step}": own.grad}
        found |= {f"{name} {step}": p.grad.clone() for name, p in layer.named_parameters()}
    x = torch.from_numpy(rng.normal(1e3, 2, (2, 3, 4, 5)))
    return found | {**layer.state_dict(), "evaluated": layer.eval()(x).detach()}


class Unasked:
    """For processes that are not the first one."""

    def load(self) -> dict[str, Any] | None:
        raise AssertionError("asked for a state")

    def save(self, state: Mapping[str, Any]) -> None:
        raise AssertionError("given a state")


def resumed(group: Group, folder: Path) -> Found:
    """A training cut off after its first epoch, then another one that goes on."""
    resume: Any = Checkpoint(folder / "model", "key") if group.first else Unasked()
    fit(group, resume, epochs=1)
    return fit(group, resume)


def everything(job: Job, group: Group) -> int:
    """All of the above, in one start of processes, which takes longer than what they do."""
    torch.set_num_threads(1)
    checkpoint = job.root / f"cut-{group.size}"
    cases: dict[str, Callable[[], Found]] = {
        "adamw": lambda: fit(group),
        "workers": lambda: fit(group, workers=1),
        "sgd": lambda: fit(group, optimizer="sgd", schedule="cosine", stem_learning_rate=1e-3),
        "frozen": lambda: fit(group, batch_norm="frozen", frozen_levels=1),
        "float32": lambda: fit(group, optimizer="sgd", double=False),
        "affinity": lambda: fit_affinity(group),
        "pairs": lambda: pair_losses(group),
        "resumed": lambda: resumed(group, checkpoint),
        "resumed from one": lambda: resumed_from_one(job, group),
        **{
            f"batch norm {count} {momentum}": lambda c=count, m=momentum: batch_norm(group, c, m)
            for count in (7, 2)
            for momentum in (0.1, None)
        },
    }
    found = {name: case() for name, case in cases.items()}
    torch.save(found, job.root / f"{group.size}-{group.rank}.pt")
    return group.size


def resumed_from_one(job: Job, group: Group) -> Found:
    """What one process began, whose checkpoint lies in `job.root / one`."""
    resume: Any = Checkpoint(job.root / "one" / "model", "key") if group.first else Unasked()
    return fit(group, resume, optimizer="sgd")
