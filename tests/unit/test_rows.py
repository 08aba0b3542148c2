"""Which photographs a job handles, and in which batches."""

from pathlib import Path

import numpy as np

from cuewalk.artifacts.store import NO_CLASS
from cuewalk.datasets.listing import Listed
from cuewalk.datasets.record import Record, write_index
from cuewalk.stages.rows import (
    batches,
    class_indices,
    class_slots,
    equal_batches,
    present,
    read_classes,
    read_mask_ids,
    records_by_id,
    shard_records,
    with_role,
)
from cuewalk.stages.runner import Job

SPLITS = [("train",), ("select",), ("evaluate",), ("train", "select"), ("train", "evaluate")]


def record(id: str, splits: tuple[str, ...] = ("train",), labels: tuple[str, ...] = ()) -> Record:
    return Record(id, f"JPEGImages/{id}.jpg", splits, labels, 20, 30, "0" * 64)


RECORDS = [record(f"2007_{i:06d}", SPLITS[i % 5]) for i in range(60)]


def test_records_of_several_indexes_are_in_one_order(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("b.csv", "a.csv")]
    for number, path in enumerate(paths):
        write_index(path, RECORDS[number::2])
    job = Job({}, {}, tmp_path, {"index": paths}, {}, "", 1)
    found = records_by_id(job)
    assert list(found.values()) == RECORDS
    assert list(found) == [r.id for r in RECORDS]


def test_a_shards_photographs_out_of_an_index_of_several(tmp_path: Path) -> None:
    learning = [r for r in RECORDS if r.splits != ("evaluate",)]
    write_index(tmp_path / "train.csv", learning)
    dataset = {"shards": {"train": 3, "evaluate": 2}}
    found = []
    for number in range(3):
        shard = f"train-{number:03d}"
        inputs = {"index": [tmp_path / "train.csv"]}
        job = Job({}, {}, tmp_path, inputs, {}, shard, 1, dataset=dataset)
        own = shard_records(job)
        listed = [Listed(r.id, r.splits, ()).shard(dataset["shards"]) for r in own]
        assert set(listed) == {shard}
        found += own
    assert sorted(found, key=lambda r: r.id) == learning


def test_classes_may_be_called_anything_and_have_no_ids(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text('class,mask_id\nNA,3\n"potted plant, small",16\n1,\n', encoding="utf-8")
    assert read_classes(path) == ("NA", "potted plant, small", "1")
    assert read_mask_ids(path) == (3, 16)


def test_roles_classes_and_slots() -> None:
    assert [r.id for r in with_role(RECORDS[:5], "train")] == [RECORDS[i].id for i in (0, 3, 4)]
    shown = record("a", labels=("sheep", "cat"))
    assert class_indices(shown, ["cat", "dog", "sheep"]) == [0, 2]
    assert class_indices(record("b"), ["cat"]) == []
    assert present(np.array([0, 2, NO_CLASS, NO_CLASS], np.int32)) == [0, 2]


def test_batches_cut_a_sequence_in_order() -> None:
    assert batches(range(7), 3) == [[0, 1, 2], [3, 4, 5], [6]]
    assert batches([4, 2], 2) == [[4, 2]]
    assert batches([], 3) == []


def test_equal_batches_hold_every_row_once_beside_its_like() -> None:
    labels = [[1], [0, 2], [3], [], [1, 2], [4]]
    found = list(equal_batches(labels, 2))
    assert found == [[3], [0, 2], [5], [1, 4]]
    assert all(len({len(labels[row]) for row in rows}) == 1 for rows in found)
    assert class_slots(labels) == 2
    assert class_slots([]) == 1
