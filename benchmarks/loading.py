"""Claim: a network that learns does not wait for its photographs.

The classifier's training, one epoch, ViT-S/16 at 224 pixels, on JPEG photographs of 500 x 375 with
all random changes, loaded by the job itself or by a process ahead of it, against the same training
on ready tensors. Time of day, so only on two quiet cores is it the claim's figure. Beside it, how
many photographs one core loads a second for the paper's 448 pixels: a GPU that takes more of them
wants as many times one of `compute.workers`.
"""

import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import timm
import torch
from crf import made
from paired import Limits, Part, Row, at_most, compare, main, timed
from PIL import Image
from torch import nn
from torch.utils.data import TensorDataset

from cuewalk.classifier.images import Augment, Photographs
from cuewalk.classifier.training import TrainSettings, train
from cuewalk.datasets.record import Record
from cuewalk.epochs import How
from cuewalk.stages.networks import image_loader

CHANGES = Augment(crop=(0.5, 1.0), erase=0.5)
SETTINGS = TrainSettings(1, 8, "sgd", 1e-4, None, 0, 0.9, 0.0, "linear", 0, "frozen")


def ready(photographs: Photographs) -> TensorDataset:
    """The same, loaded and changed already."""
    images = torch.stack([photographs[index][0] for index in range(len(photographs))])
    return TensorDataset(images, torch.arange(len(images)))


def epoch(model: nn.Module, photographs: Photographs | TensorDataset, workers: int) -> None:
    """Train for one epoch."""
    targets = torch.zeros(len(photographs), 2)
    how = How(torch.device("cpu"), workers)
    list(train(model, photographs, targets, SETTINGS, 0, how))


def written(folder: Path, count: int, side: int) -> Photographs:
    """Files, as the classifier's stage loads them."""
    image, _ = made()
    Image.fromarray(image).save(folder / "flower.jpg")
    record = Record("flower", "flower.jpg", ("train",), ("flower",), *image.shape[:2], "")
    records = [replace(record, id=f"flower_{number}") for number in range(count)]
    return Photographs(image_loader(folder, records), count, side, CHANGES)


def rate(photographs: Photographs, count: int) -> Row:
    """Photographs a second on one core."""
    torch.set_num_threads(1)
    seconds = timed(lambda: [photographs[index] for index in range(count)], time.process_time)
    detail = f"{1000 * seconds / count:.1f} ms each, 500 x 375 to 448 x 448"
    return Limits().row("photographs that one core loads per second", count / seconds, detail)


def rows(quick: bool = False) -> list[Row]:
    """The claims as measured."""
    torch.manual_seed(0)
    name, side, count = ("vit_small_patch16_224", 224, 48)
    if quick:
        name, side, count = ("vit_tiny_patch16_224", 64, 8)
    model = timm.create_model(name, img_size=side, num_classes=2)
    with tempfile.TemporaryDirectory() as folder:
        photographs = written(Path(folder), count, side)
        floor = partial(epoch, model, ready(photographs), 0)
        parts = [
            Part(
                f"training on files, {text} / on tensors",
                partial(epoch, model, photographs, workers),
                at_most(1.1, 1.05),
            )
            for workers, text in ((0, "loaded by itself"), (1, "loaded ahead"))
        ]
        found = compare(floor, parts, rounds=1 if quick else 3, clock=time.perf_counter)
        return [*found, rate(written(Path(folder), count, 64 if quick else 448), count)]


if __name__ == "__main__":
    main(rows, __doc__)
