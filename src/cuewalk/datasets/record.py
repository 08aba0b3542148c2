"""What every data set yields, and the two CSV files that keep it.

The index tells which photographs there are and which classes they show: all that training may
know (paper section 4.2, image-level labels). Ground-truth masks stand in a file of their own, so
that only evaluation ever opens it.
"""

import csv
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cuewalk.artifacts.atomic import atomic_file
from cuewalk.errors import InputError

T = TypeVar("T")

INDEX_COLUMNS = ("id", "path", "split", "labels", "height", "width", "sha256")
TRUTH_COLUMNS = ("id", "path", "sha256")

BACKGROUND = "background"
"""Name of label id 0 in the tables, which no class may have."""

Progress = Callable[[Iterable[str]], Iterable[str]]
# No separator and no leading dot: a name can never lead out of the data set's folder.
NAME = re.compile(r"\w[\w.+-]*")


@dataclass(frozen=True)
class Record:
    """One photograph.

    Attributes:
        id: Unique name within the data set.
        path: Photograph, POSIX style, relative to the data set's root; `file.mat::17` is number
            17 of the photographs in a MATLAB file.
        splits: Every split that lists the photograph.
        labels: Names of the classes it shows, in class order; empty where the data tell none.
        height: Pixels.
        width: Pixels.
        sha256: Hexadecimal digest of the photograph's bytes, or of its pixels in a MATLAB file.
    """

    id: str
    path: str
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    height: int
    width: int
    sha256: str


@dataclass(frozen=True)
class Truth:
    """The ground-truth mask of one photograph: id, path and digest as in `Record`."""

    id: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Dataset:
    """Photographs that have been checked.

    Attributes:
        records: Photographs, sorted by id.
        left_out: Number of listed photographs that show none of the wanted classes.
    """

    records: tuple[Record, ...]
    left_out: int = 0


def shard_of(id: str, shards: int) -> int:
    """Shard in [0, shards) that owns a photograph; adding photographs moves no other."""
    return zlib.crc32(id.encode()) % shards


def in_sample(id: str, share: float) -> bool:
    """Whether a photograph is in a fair sample that holds about this share of all.

    It depends on the id alone, so a photograph more moves no other, and a smaller share gives a
    subset of a larger.

    Args:
        id: Its name.
        share: From 0, none, to 1, all.
    """
    # Another start value than that of `shard_of`, lest a sample be whole shards.
    return zlib.crc32(id.encode(), 1) < share * 2**32


def limited(ids: Iterable[str], limit: int | None) -> list[str]:
    """A fair sample for a quick look: the ids of smallest CRC-32, sorted by id.

    The first ids by name might all be of one class. A smaller limit gives a subset of a larger.

    Args:
        ids: Distinct ids in any order.
        limit: How many to keep, at least 1; None keeps all.

    Raises:
        InputError: The limit is below 1.
    """
    if limit is None:
        return sorted(ids)
    if limit < 1:
        raise InputError(f"limit {limit}: no photograph is left; give 1 or more, or none at all.")
    return sorted(sorted(ids, key=lambda id: (zlib.crc32(id.encode()), id))[:limit])


def write_index(path: Path, records: Iterable[Record]) -> None:
    """Writes records as CSV, sorted by id: equal records give equal bytes."""
    rows = [
        (r.id, r.path, ";".join(r.splits), ";".join(r.labels), r.height, r.width, r.sha256)
        for r in sorted(records, key=lambda r: r.id)
    ]
    _write(path, INDEX_COLUMNS, rows)


def read_index(path: Path) -> tuple[Record, ...]:
    """Reads what `write_index` wrote.

    Raises:
        InputError: The file is missing or isn't an index.
    """
    return _read(path, INDEX_COLUMNS, _record)


def write_truth(path: Path, truths: Iterable[Truth]) -> None:
    """Writes truths as CSV, sorted by id: equal truths give equal bytes."""
    rows = [(t.id, t.path, t.sha256) for t in sorted(truths, key=lambda t: t.id)]
    _write(path, TRUTH_COLUMNS, rows)


def read_truth(path: Path) -> tuple[Truth, ...]:
    """Reads what `write_truth` wrote.

    Raises:
        InputError: The file is missing or isn't a list of masks.
    """
    return _read(path, TRUTH_COLUMNS, Truth)


def _record(*cells: str) -> Record:
    id, path, splits, labels, height, width, sha256 = cells
    return Record(id, path, _several(splits), _several(labels), int(height), int(width), sha256)


def _several(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(";")) if cell else ()


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _read(path: Path, columns: Sequence[str], parse: Callable[..., T]) -> tuple[T, ...]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        if header != list(columns):
            raise ValueError(header)
        return tuple(parse(*row) for row in rows)
    except OSError as error:
        raise InputError(f"{path}: cannot be read; run the dataset stage first.") from error
    except (ValueError, TypeError, csv.Error) as error:
        raise InputError(
            f"{path}: not a CSV file with the columns {','.join(columns)}; "
            "delete it and run the dataset stage again."
        ) from error
