"""What the two tables of the explainers share: their rows by method and class mode, their speed."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cuewalk.artifacts.store import Store, read_store
from cuewalk.stages.rows import present
from cuewalk.stages.runner import Job

MODES = ("predicted", "target")


@dataclass(frozen=True)
class Slot:
    """An explained class of a photograph: row and slot of a store's arrays."""

    store: Store
    row: int
    slot: int
    label: int

    @property
    def id(self) -> str:
        """The photograph."""
        return self.store.ids[self.row]

    def value(self, name: str) -> np.ndarray:
        """The slot's part of an array."""
        return np.asarray(self.store.arrays[name][self.row, self.slot])


def slots(stores: Sequence[Store], mode: str) -> Iterator[Slot]:
    """The predicted class of every photograph, or the classes of its label, sorted by id."""
    found = []
    for store in stores:
        for row in range(len(store.ids)):
            classes = present(store.arrays["class_id"][row])
            kept = [0] if mode == "predicted" else range(1, len(classes))
            found += [Slot(store, row, slot, classes[slot]) for slot in kept]
    yield from sorted(found, key=lambda s: (s.id, s.slot))


def stores(job: Job, name: str, method: str) -> list[Store]:
    """The shards of a method's artefact `name`, a zarr store of that name in each folder."""
    paths = [path for path in job.inputs[name] if path.parent.name == method]
    return [read_store(path / f"{name}.zarr.zip") for path in paths]


def images_per_second(job: Job, method: str) -> float:
    """How fast a method explained, over all its shards, from their receipts."""
    paths = [path for path in job.inputs["receipts"] if path.parent.name == method]
    receipts = [json.loads(path.read_text()) for path in paths]
    seconds = sum(receipt["seconds"] for receipt in receipts)
    return float(sum(receipt["images"] for receipt in receipts) / max(seconds, 1e-9))


def owners(found: Sequence[Slot]) -> np.ndarray:
    """A number for each slot's photograph (n,), 0 for the first."""
    return np.unique([slot.id for slot in found], return_inverse=True)[1]
