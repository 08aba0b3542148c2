"""What a training keeps between two epochs, so that a killed one goes on instead of starting anew.

The file lies beside the outputs of its stage and is none of them: the workflow deletes a killed
job's outputs, and it must leave this one. A first line names the training and holds the content's
digest, since torch reads a file with a flipped bit without complaint.
"""

import hashlib
import io
import json
import logging
import pickle
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cuewalk.artifacts.atomic import atomic_file

log = logging.getLogger("cuewalk")

NAME = ".checkpoint"
FIRST_LINE = 1000
"""More bytes than a sound first line has."""


class Checkpoint:
    """The state of one training in a file; what `train(..., resume=...)` asks for.

    Args:
        output: an output of the stage; the checkpoint lies in its folder.
        key: which training it is, as `training_key` says; the state of another is never used.

    Attributes:
        rounds: epochs that processes before this one trained; 0 until `load` found some.
        seconds: that they took.
    """

    def __init__(self, output: Path, key: str) -> None:
        self.path, self.key = checkpoint_path(output), key
        self.rounds, self.seconds = 0, 0.0
        self._started = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The state last saved, on the CPU; None if there is none, or none that can be used."""
        try:
            with self.path.open("rb") as file:
                first = json.loads(file.readline(FIRST_LINE))
                if first["key"] != self.key:
                    log.info("the checkpoint is of another training: starting anew")
                    return None
                content = file.read()
            if first["sha256"] != hashlib.sha256(content).hexdigest():
                raise ValueError("its digest does not fit")
            state: dict[str, Any] = torch.load(
                io.BytesIO(content), map_location="cpu", weights_only=True
            )
            rounds, seconds = len(state["epochs"]), float(first["seconds"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, EOFError, RuntimeError) as error:
            log.warning("the checkpoint is damaged (%s): starting anew", error)
            return None
        except pickle.UnpicklingError:
            # Torch says so in many lines.
            log.warning("the checkpoint holds more than numbers and text: starting anew")
            return None
        self.rounds, self.seconds = rounds, seconds
        log.info("going on from the checkpoint of a training that was cut off")
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the file, whole or not at all.

        A disk that is full costs the checkpoint, not the training.

        Args:
            state: tensors, numbers and strings in dicts and lists; no other objects. `epochs` has
                an entry for each that was trained.
        """
        content = io.BytesIO()
        torch.save(dict(state), content)
        digest = hashlib.sha256(content.getbuffer()).hexdigest()
        seconds = round(self.seconds + time.monotonic() - self._started, 3)
        first = {"key": self.key, "seconds": seconds, "sha256": digest}
        try:
            with atomic_file(self.path) as temporary, temporary.open("wb") as file:
                file.write(json.dumps(first).encode() + b"\n")
                file.write(content.getbuffer())
        except OSError as error:
            log.warning("no checkpoint written: %s", error)


def checkpoint_path(output: Path) -> Path:
    """Where the checkpoint of the training that makes this output lies."""
    return output.with_name(NAME)


def delete_checkpoint(output: Path) -> None:
    """Remove it, and what a kill in the middle of writing it left behind; both may be missing."""
    path = checkpoint_path(output)
    for old in (path, *path.parent.glob(f".{path.name}.*.tmp")):
        old.unlink(missing_ok=True)


def training_key(cfg: Mapping[str, Any], code: str, data: str, start: Mapping[str, Tensor]) -> str:
    """Digest of all that decides a training.

    Args:
        cfg: settings, as JSON can say them.
        code: digest of the code.
        data: digest of the photographs.
        start: of any shape, by name: the network's first weights, which may come from a file that
            the settings only name, and the labels, which another stage may have made.
    """
    about = {"cfg": cfg, "code": code, "data": data}
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, tensor in sorted(start.items()):
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
