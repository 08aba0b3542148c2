"""The index and truth files: round trips, bytes, atomic writes, shards."""

from pathlib import Path

import pytest

from cuewalk.datasets.record import (
    Record,
    Truth,
    in_sample,
    limited,
    read_index,
    read_truth,
    shard_of,
    write_index,
    write_truth,
)
from cuewalk.errors import InputError

RECORDS = (
    Record("a", "JPEGImages/a.jpg", ("train", "val"), ("potted, plant", "dog"), 24, 32, "0" * 64),
    Record("b", "JPEGImages/b.jpg", ("val",), ("dog",), 480, 640, "f" * 64),
    Record("ü", "JPEGImages/ü.jpg", ("train",), (), 1, 2, "1" * 64),
)
TRUTHS = (Truth("a", "SegmentationClass/a.png", "2" * 64), Truth("b", "x/b.png", "3" * 64))


def test_index_round_trip(tmp_path: Path) -> None:
    write_index(tmp_path / "index.csv", RECORDS)
    assert read_index(tmp_path / "index.csv") == RECORDS


def test_index_columns_and_rows(tmp_path: Path) -> None:
    write_index(tmp_path / "index.csv", RECORDS[1:2])
    assert (tmp_path / "index.csv").read_bytes() == (
        b"id,path,split,labels,height,width,sha256\n"
        b"b,JPEGImages/b.jpg,val,dog,480,640," + b"f" * 64 + b"\n"
    )


def test_truth_round_trip(tmp_path: Path) -> None:
    write_truth(tmp_path / "truth.csv", reversed(TRUTHS))
    assert read_truth(tmp_path / "truth.csv") == TRUTHS


def test_order_of_records_does_not_change_the_bytes(tmp_path: Path) -> None:
    write_index(tmp_path / "one.csv", RECORDS)
    write_index(tmp_path / "two.csv", reversed(RECORDS))
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


@pytest.mark.parametrize("content", ["", "id,path\na,b\n", "id,path,sha256\na,b\n", "\0"])
def test_wrong_columns(tmp_path: Path, content: str) -> None:
    (tmp_path / "truth.csv").write_text(content)
    with pytest.raises(InputError, match=r"truth\.csv: not a CSV file with the columns id,path"):
        read_truth(tmp_path / "truth.csv")


def test_height_that_is_no_number(tmp_path: Path) -> None:
    write_index(tmp_path / "index.csv", RECORDS)
    text = (tmp_path / "index.csv").read_text(encoding="utf-8")
    (tmp_path / "index.csv").write_text(text.replace(",480,", ",tall,"), encoding="utf-8")
    with pytest.raises(InputError, match=r"index\.csv: not a CSV file"):
        read_index(tmp_path / "index.csv")


def test_missing_index(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"index\.csv: cannot be read; run the dataset stage"):
        read_index(tmp_path / "index.csv")


def test_shards_are_stable() -> None:
    # Results on disk depend on these: they may never change, on no machine and in no version.
    assert shard_of("123456789", 2**32) == 0xCBF43926  # the published check value of CRC-32
    assert [shard_of(id, 16) for id in ("2007_000032", "shape_000000", "ü")] == [11, 9, 5]


def test_shards_are_about_equal() -> None:
    ids = [f"2007_{number:06}" for number in range(4000)]
    counts = [sum(shard_of(id, 4) == shard for id in ids) for shard in range(4)]
    assert min(counts) > 900


NAMES = [f"{name}_{number}" for name in ("cat", "dog", "sheep") for number in range(100)]


def test_limited_keeps_the_smallest_crc() -> None:
    # CRC-32 of a, b, c and d: e8b7be43, 71beeff9, 06b9df6f, 98dd4acc.
    assert limited("dcba", 2) == ["b", "c"]
    assert limited("dcba", 3) == ["b", "c", "d"]


def test_limited_without_a_limit_sorts() -> None:
    assert limited("cab", None) == limited("cab", 5) == ["a", "b", "c"]


def test_a_smaller_limit_gives_a_subset_in_any_order_of_ids() -> None:
    whole = limited(NAMES, 60)
    assert len(whole) == 60
    assert limited(reversed(NAMES), 60) == whole
    for limit in (1, 7, 59):
        assert len(limited(NAMES, limit)) == limit
        assert set(limited(NAMES, limit)) <= set(whole)


def test_limited_takes_from_all_classes() -> None:
    kept = limited(NAMES, 60)
    assert all(10 < sum(id.startswith(name) for id in kept) < 30 for name in ("cat", "dog", "s"))


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_below_one(limit: int) -> None:
    with pytest.raises(InputError, match=rf"limit {limit}: .*give 1 or more"):
        limited(NAMES, limit)


def test_a_sample_is_fair_nested_and_cuts_across_shards() -> None:
    ids = [f"2007_{number:06d}" for number in range(4000)]
    half = {id for id in ids if in_sample(id, 0.5)}
    assert 1850 < len(half) < 2150
    assert {id for id in ids if in_sample(id, 0.2)} < half
    assert {id for id in ids if in_sample(id, 1)} == set(ids)
    assert not any(in_sample(id, 0) for id in ids)
    for shards in (2, 4, 10):
        for shard in range(shards):
            own = [id for id in ids if shard_of(id, shards) == shard]
            assert 0.4 < len(half.intersection(own)) / len(own) < 0.6
