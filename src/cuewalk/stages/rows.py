"""Which photographs a job handles, and how it reads them."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from cuewalk.artifacts.store import NO_CLASS
from cuewalk.datasets.record import Record, Truth, read_index, read_truth, shard_of
from cuewalk.datasets.truth import load_truth
from cuewalk.stages.runner import Job


def read_classes(path: Path) -> tuple[str, ...]:
    """Names of the run's classes, in label order, from classes.csv."""
    return tuple(row["class"] for row in _read(path))


def read_mask_ids(path: Path) -> tuple[int, ...]:
    """Label id in the masks of each of the run's classes, from classes.csv; see `Dataset`."""
    return tuple(int(row["mask_id"]) for row in _read(path) if row["mask_id"])


def _read(path: Path) -> list[dict[str, str]]:
    # Not with pandas: most stages need no more of it, and loading it is a quarter of their start.
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def with_role(records: Iterable[Record], role: str) -> list[Record]:
    """The photographs that a split of the config names: train, select or evaluate."""
    return [record for record in records if role in record.splits]


def records_by_id(job: Job) -> dict[str, Record]:
    """Every photograph of the job's index, or indexes, by its id, in order of the ids."""
    records = [record for path in job.inputs["index"] for record in read_index(path)]
    return {record.id: record for record in sorted(records, key=lambda record: record.id)}


def shard_records(job: Job) -> list[Record]:
    """The photographs of the job's shard, whose index may hold those of others too."""
    part, number = job.shard.rsplit("-", 1)
    shards = job.dataset["shards"][part]
    return [r for r in records_by_id(job).values() if shard_of(r.id, shards) == int(number)]


def class_indices(record: Record, classes: Sequence[str]) -> list[int]:
    """Positions in `classes` of the photograph's labels, ascending."""
    return sorted(classes.index(label) for label in record.labels)


def class_slots(labels: Sequence[Sequence[int]]) -> int:
    """Width of an array that has a slot for every class of every photograph."""
    return max((len(row) for row in labels), default=1)


def equal_batches(labels: Sequence[Sequence[int]], size: int) -> Iterator[list[int]]:
    """Batches of rows with equally many classes, so that no slot is computed in vain."""
    for count in sorted({len(row) for row in labels}):
        yield from batches([i for i, row in enumerate(labels) if len(row) == count], size)


def batches(indices: Sequence[int], size: int) -> list[list[int]]:
    """Cut a sequence into runs of at most `size`."""
    return [list(indices[start : start + size]) for start in range(0, len(indices), size)]


def present(class_id: np.ndarray) -> list[int]:
    """Class indices of one row of a store, without the unused slots."""
    return [int(c) for c in class_id if c != NO_CLASS]


class TruthReader(Mapping[str, np.ndarray]):
    """Ground truth masks by photograph; only the confusion and report stages make one."""

    def __init__(self, job: Job) -> None:
        self.root = job.root
        self.wanted = read_classes(job.input("classes"))
        self.mask_ids = read_mask_ids(job.input("classes"))
        truths = [truth for path in job.inputs["truth"] for truth in read_truth(path)]
        self.truths: dict[str, Truth] = {truth.id: truth for truth in truths}

    def __iter__(self) -> Iterator[str]:
        return iter(self.truths)

    def __len__(self) -> int:
        return len(self.truths)

    def __contains__(self, photograph: object) -> bool:
        return photograph in self.truths

    def __getitem__(self, photograph: str) -> np.ndarray:
        """Label ids uint8 (H, W): 0 background, class index + 1, 255 void or another class.

        Masks that know no classes: 1 where the object is.
        """
        return load_truth(self.root, self.truths[photograph], self.mask_ids)
