"""Which photographs a job handles, and how it reads them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cuewalk.artifacts.store import NO_CLASS
from cuewalk.datasets.record import Record, Truth, read_index, read_truth, shard_of
from cuewalk.datasets.voc import class_names, load_truth
from cuewalk.stages.runner import Job

LEARNING = frozenset({"train", "select"})
"""Roles whose photographs lie in the `train` shards; the others lie in the `evaluate` shards."""


def read_classes(path: Path) -> tuple[str, ...]:
    """Names of the run's classes, in label order, from classes.csv."""
    return tuple(pd.read_csv(path, keep_default_na=False)["class"])


def with_role(records: Sequence[Record], role: str) -> list[Record]:
    """The photographs that a split of the config names: train, select or evaluate."""
    return [record for record in records if role in record.splits]


def shard_records(job: Job) -> list[Record]:
    """The photographs of the job's shard, sorted by id."""
    part, number = job.shard.rsplit("-", 1)
    shards = job.cfg["shards"][part]
    return [
        record
        for record in read_index(job.input("index"))
        if part_of(record) == part and shard_of(record.id, shards) == int(number)
    ]


def part_of(record: Record) -> str:
    """`train` or `evaluate`: the family of shards that a photograph belongs to."""
    return "train" if LEARNING & set(record.splits) else "evaluate"


def records_by_id(job: Job) -> dict[str, Record]:
    """Every photograph of the run by its id."""
    return {record.id: record for record in read_index(job.input("index"))}


def class_indices(record: Record, classes: Sequence[str]) -> list[int]:
    """Positions in `classes` of the photograph's labels, ascending."""
    return sorted(classes.index(label) for label in record.labels)


def present(class_id: np.ndarray) -> list[int]:
    """Class indices of one row of a store, without the unused slots."""
    return [int(c) for c in class_id if c != NO_CLASS]


class TruthReader:
    """Ground truth masks by photograph; only the confusion and report stages make one."""

    def __init__(self, job: Job) -> None:
        self.root = job.root
        self.full = class_names(self.root)
        self.wanted = read_classes(job.input("classes"))
        self.truths: dict[str, Truth] = {t.id: t for t in read_truth(job.input("truth"))}

    def __contains__(self, photograph: str) -> bool:
        return photograph in self.truths

    def __getitem__(self, photograph: str) -> np.ndarray:
        """Label ids uint8 (H, W): 0 background, class index + 1, 255 void or another class."""
        return load_truth(self.root, self.truths[photograph], self.full, self.wanted)
