"""What the stages that run a network share: device, saved models, photographs by record."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from cuewalk.artifacts.atomic import atomic_file
from cuewalk.classifier.backbone import build_model
from cuewalk.classifier.images import Loader, pil_squash, to_tensor
from cuewalk.datasets.images import load_image
from cuewalk.datasets.record import Record
from cuewalk.devices import take_gpu
from cuewalk.errors import InputError
from cuewalk.loading import Batched
from cuewalk.stages.runner import Job, log, progress
from cuewalk.vision import VisionTransformer


def prepare(job: Job, *, alone: bool = True) -> torch.device:
    """Set threads and pick the device that config section `compute` names; of GPUs, a free one.

    Args:
        job: that runs a network.
        alone: whether in one process. One of several has its GPU already, by its number: none may
            wait here while others wait for it.

    Raises:
        InputError: there is no such device.
    """
    torch.set_num_threads(job.threads)
    name = job.compute["device"]
    chooses = alone and name in {"auto", "cuda"} and torch.version.cuda
    if chooses and (gpu := take_gpu()):
        log.info("GPU %s", gpu)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("compute.device: this machine shows torch no CUDA GPU; use cpu or auto.")
    return torch.device(name)


def network_batches(
    job: Job, records: Sequence[Record], steps: Iterable[Sequence[int]], size: int, text: str
) -> Iterator[tuple[Sequence[int], torch.Tensor]]:
    """Photographs as a network sees them, not yet normalised, under the eyes of `progress`.

    Args:
        job: that runs a network; `compute.workers` processes load ahead of it.
        records: to load.
        steps: rows of `records` for each batch.
        size: side of the square that the network takes, pixels.
        text: what the progress is of.

    Yields:
        The rows of a batch and its photographs (n, 3, size, size) in [0, 1], on the CPU.
    """
    rows = [list(step) for step in steps]
    inputs = _Inputs(image_loader(job.root, records), len(records), size)
    batches = Batched(inputs, rows, job.compute["workers"])
    together = zip(rows, batches, strict=True)
    yield from progress(together, len(records), text, weight=lambda step: len(step[0]))


class _Inputs:
    """Photographs as a network sees them, each (3, size, size) in [0, 1]."""

    def __init__(self, load: Loader, count: int, size: int) -> None:
        self.load, self.count, self.size = load, count, size

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, row: int) -> torch.Tensor:
        return to_tensor(pil_squash(self.load(row), self.size))


def image_loader(root: Path, records: Sequence[Record]) -> Loader:
    """Index -> photograph uint8 (H, W, 3)."""

    def load(index: int) -> np.ndarray:
        return load_image(root, records[index])

    return load


def save_model(model: nn.Module, path: Path, about: Mapping[str, Any]) -> None:
    """Write a model's weights with what it takes to build it again, as safetensors."""
    state = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    with atomic_file(path) as temporary:
        save_file(state, temporary, metadata={"about": json.dumps(about, sort_keys=True)})
        temporary.chmod(0o644)  # safetensors leaves it to its owner alone


def read_about(path: Path) -> dict[str, Any]:
    """What `save_model` was told about a model."""
    with safe_open(path, framework="pt") as file:
        about: dict[str, Any] = json.loads(file.metadata()["about"])
    return about


def load_classifier(path: Path) -> tuple[VisionTransformer, dict[str, Any]]:
    """The fine-tuned classifier in evaluation mode, and what it was built from."""
    about = read_about(path)
    model = build_model(about["model"], len(about["classes"]), weights=False)
    model.load_state_dict(load_file(path))
    # A stem's convolutions are faster with the channels last; values keep their places.
    return model.eval().to(memory_format=torch.channels_last), about
