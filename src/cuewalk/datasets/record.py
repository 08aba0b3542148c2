"""What every data set yields, and the two CSV files that keep it.

The index tells which photographs there are and which classes they show: all that training may
know (paper section 4.2, image-level labels). Ground-truth masks stand in a file of their own, so
that only evaluation ever opens it.
"""

import csv
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


@dataclass(frozen=True)
class Record:
    """One photograph.

    Attributes:
        id: Unique name within the data set.
        path: Photograph, POSIX style, relative to the data set's root.
        splits: Every split that lists the photograph.
        labels: Names of the classes it shows, in class order.
        height: Pixels.
        width: Pixels.
        sha256: Hexadecimal digest of the photograph's bytes.
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
    """The ground-truth mask of one photograph: id, path relative to the root, digest."""

    id: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Dataset:
    """A data set that has been checked.

    Attributes:
        root: Folder that all paths are relative to.
        classes: Wanted classes; the label id of a class is its position + 1.
        records: Photographs, sorted by id.
        truths: Their masks where asked for, sorted by id.
        left_out: Number of listed photographs that show none of the wanted classes.
    """

    root: Path
    classes: tuple[str, ...]
    records: tuple[Record, ...]
    truths: tuple[Truth, ...]
    left_out: int


def shard_of(id: str, shards: int) -> int:
    """Shard in [0, shards) that owns a photograph; adding photographs moves no other."""
    return zlib.crc32(id.encode()) % shards


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
