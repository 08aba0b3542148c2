"""Classifiers and photographs small enough to train within a test, and a short training."""

from typing import Any

import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from cuewalk.classifier.backbone import build_model
from cuewalk.classifier.images import Augment, Photographs
from cuewalk.classifier.training import Epoch, TrainSettings, train
from cuewalk.epochs import How

# On networks this small, threads do little but wait for one another.
torch.set_num_threads(1)

SIDE = 32
"""Of the photographs and of the classifiers' input, pixels."""

STEM: dict[str, Any] = {
    "name": "resnet10t",
    "level": 2,
    "weights": "none",
    "options": {"channels": [8, 16, 32, 64], "stem_width": 8},
}
TRANSFORMER: dict[str, Any] = {
    "blocks": 2,
    "width": 32,
    "heads": 2,
    "mlp_ratio": 2.0,
    "drop_path": 0.0,
}

AUGMENT = Augment(crop=(0.5, 1.0), erase=0.2)
TARGETS = torch.from_numpy(np.random.default_rng(1).integers(0, 2, (8, 3)).astype(np.float32))
CPU = torch.device("cpu")


def spec(**changes: Any) -> dict[str, Any]:
    """Config section `classifier.model`; `stem` and `transformer` name only what they change."""
    stem = STEM | changes.pop("stem", {})
    transformer = TRANSFORMER | changes.pop("transformer", {})
    whole = {"name": "composed", "weights": "none", "image_size": SIDE}
    return whole | {"stem": stem, "transformer": transformer} | changes


def classifier(classes: int = 3, seed: int = 0, **changes: Any) -> VisionTransformer:
    """A composed hybrid whose random start the seed decides."""
    torch.manual_seed(seed)
    return build_model(spec(**changes), classes)


def noise(count: int = 8, height: int = SIDE, width: int = SIDE, seed: int = 0) -> np.ndarray:
    """Photographs of noise, uint8 (count, height, width, 3)."""
    shape = (count, height, width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def snapshot(module: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of all weights and statistics."""
    return {name: value.clone() for name, value in module.state_dict().items()}


def changed(before: dict[str, torch.Tensor], module: nn.Module) -> set[str]:
    """Names of the weights and statistics that are no longer bit for bit what they were."""
    after = module.state_dict()
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


def settings(**changes: Any) -> TrainSettings:
    """Two epochs of AdamW, or what the changes make of them."""
    defaults: dict[str, Any] = {
        "epochs": 2,
        "batch_size": 3,
        "optimizer": "adamw",
        "learning_rate": 1e-2,
        "stem_learning_rate": None,
        "frozen_levels": 0,
        "momentum": 0.9,
        "weight_decay": 0.1,
        "schedule": "linear",
        "warmup_epochs": 0.0,
        "batch_norm": "trained",
    }
    return TrainSettings(**(defaults | changes))


def photographs(augment: Augment | None = AUGMENT) -> Photographs:
    """Eight photographs of noise."""
    return Photographs(noise().__getitem__, 8, SIDE, augment)


def fit(
    model: VisionTransformer,
    *,
    seed: int = 0,
    workers: int = 0,
    augment: Augment | None = AUGMENT,
    **changes: Any,
) -> list[Epoch]:
    """Train on them with random labels."""
    # The start of drop path is the caller's, as that of the weights.
    torch.manual_seed(0)
    how = How(CPU, workers)
    return list(train(model, photographs(augment), TARGETS, settings(**changes), seed, how))
