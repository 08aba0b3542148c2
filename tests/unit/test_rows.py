"""Shards: each photograph in exactly one, which no other photograph moves it from."""

from pathlib import Path

import numpy as np
import pytest

from cuewalk.artifacts.store import NO_CLASS
from cuewalk.datasets.listing import part_of
from cuewalk.datasets.record import Record, write_index
from cuewalk.stages.rows import (
    batches,
    class_indices,
    class_slots,
    equal_batches,
    present,
    shard_records,
    with_role,
)
from cuewalk.stages.runner import Job

SPLITS = [("train",), ("select",), ("evaluate",), ("train", "select"), ("train", "evaluate")]
SHARDS = {"train": 3, "evaluate": 2}
ALL = [f"{part}-{number:03d}" for part, count in SHARDS.items() for number in range(count)]


def record(id: str, splits: tuple[str, ...] = ("train",), labels: tuple[str, ...] = ()) -> Record:
    return Record(id, f"JPEGImages/{id}.jpg", splits, labels, 20, 30, "0" * 64)


RECORDS = [record(f"2007_{i:06d}", SPLITS[i % 5]) for i in range(60)]


def in_shards(
    records: list[Record], path: Path, shards: dict[str, int] = SHARDS
) -> dict[str, list[Record]]:
    """The photographs of every shard, each read as its job would."""
    write_index(path, records)
    names = [f"{part}-{number:03d}" for part, count in shards.items() for number in range(count)]
    return {
        name: shard_records(
            Job({"shards": shards}, {}, path.parent, {"index": [path]}, {}, name, 1)
        )
        for name in names
    }


def test_every_photograph_is_in_exactly_one_shard(tmp_path: Path) -> None:
    found = in_shards(RECORDS, tmp_path / "index.csv")
    assert list(found) == ALL
    assert sorted((r for rows in found.values() for r in rows), key=lambda r: r.id) == RECORDS
    assert all(found.values())


def test_photographs_of_a_shard_are_sorted_by_id(tmp_path: Path) -> None:
    found = in_shards(RECORDS[::-1], tmp_path / "index.csv")
    assert found == in_shards(RECORDS, tmp_path / "index.csv")
    for rows in found.values():
        assert [r.id for r in rows] == sorted(r.id for r in rows)


def test_what_is_learnt_or_selected_on_lies_in_the_train_shards(tmp_path: Path) -> None:
    for name, rows in in_shards(RECORDS, tmp_path / "index.csv").items():
        for row in rows:
            learning = row.splits != ("evaluate",)
            assert name.startswith("train-" if learning else "evaluate-")
            assert part_of(row.splits) == name.split("-")[0]


@pytest.mark.parametrize("splits", SPLITS)
def test_photograph_that_is_added_moves_no_other(splits: tuple[str, ...], tmp_path: Path) -> None:
    before = in_shards(RECORDS, tmp_path / "index.csv")
    # Ids before, between and after those there are.
    added = [record(id, splits) for id in ("0", "2007_000031_b", "a", "zebra")]
    after = in_shards([*added, *RECORDS], tmp_path / "index.csv")
    for name, rows in before.items():
        assert [r for r in after[name] if r not in added] == rows
    assert sum(map(len, after.values())) == len(RECORDS) + len(added)


def test_photograph_that_is_removed_moves_no_other(tmp_path: Path) -> None:
    before = in_shards(RECORDS, tmp_path / "index.csv")
    after = in_shards(RECORDS[7:], tmp_path / "index.csv")
    kept = {name: [r for r in rows if r in RECORDS[7:]] for name, rows in before.items()}
    assert after == kept


def test_more_shards_of_one_part_leave_the_other_as_it_is(tmp_path: Path) -> None:
    before = in_shards(RECORDS, tmp_path / "index.csv")
    after = in_shards(RECORDS, tmp_path / "index.csv", {"train": 5, "evaluate": 2})
    for name in ("evaluate-000", "evaluate-001"):
        assert after[name] == before[name]


def test_shard_may_be_empty(tmp_path: Path) -> None:
    found = in_shards([record("a")], tmp_path / "index.csv")
    assert sum(map(len, found.values())) == 1
    assert found["evaluate-000"] == []


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
