"""Labels of one's own photographs: a CSV file in one of two forms, told apart by its header.

    id,label         a row per photograph and label
    id,cat,dog       a column per class, 1 where the photograph shows it, else 0

In both, a column `split` may name the list that a photograph is in. Columns are parted by `,`, `;`
or tab.
"""

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cuewalk.datasets.record import BACKGROUND, NAME
from cuewalk.errors import InputError

ID, LABEL, SPLIT = "id", "label", "split"
ALL = "all"
"""Name of the list of all labelled photographs, which no `split` can have."""
MOST_CLASSES = 254
"""As many label ids as there are between background, 0, and void, 255."""


@dataclass
class Table:
    """What a CSV file tells.

    Attributes:
        classes: by name, or in the order of their columns.
        labels: classes of each photograph, as its `id` is written, in class order.
        splits: name of the list of each photograph that has one, likewise.
        problems: a sentence for each thing that is wrong.
    """

    classes: tuple[str, ...] = ()
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


Row = tuple[int, dict[str, str]]
"""Number of a row's last line, and its cells by column."""


def read_table(path: Path) -> Table:
    """Labels by `id`, and all that is wrong with the file; photographs are not looked at.

    Raises:
        InputError: The file is missing, or no table of labels at all.
    """
    header, rows = _read(path)
    table = Table()
    if LABEL in header:
        _by_row(path, rows, table)
    else:
        _by_column(path, header, rows, table)
    _splits(path, rows, table)
    if not any(table.labels.values()) and not table.problems:
        table.problems.append(f"{path}: no photograph has a label; write at least one.")
    return table


def class_problem(source: Path, name: str) -> str | None:
    """A sentence if the index or the tables could not hold a class of this name."""
    if name == BACKGROUND:
        return (
            f"{source}: {name!r} is what masks call label id 0; give the class another name, or "
            "leave it out if it means that nothing is shown."
        )
    if ";" in name:
        return (
            f"{source}: {name!r} is no name for a class, as it holds ';'; give a photograph of "
            "several classes a row for each."
        )
    if not name.strip() or not name.isprintable():
        return f"{source}: {name!r} is no name for a class; use printable signs."
    return None


def composed(text: str) -> str:
    """Text without space around it, accents joined to their letters: file systems part them."""
    return unicodedata.normalize("NFC", text.strip())


def _read(path: Path) -> tuple[list[str], list[Row]]:
    """Header and rows, without empty lines and columns that are empty throughout."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; correct the path of the labels.")
    try:
        text = path.read_text(encoding="utf-8-sig")
        first = text.splitlines()[0] if text.strip() else ""
        delimiter = max(",;\t", key=first.count)
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        found = [(lines.line_num, [composed(cell) for cell in line]) for line in lines]
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: not UTF-8; save it again as CSV in UTF-8.") from error
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV file ({error}); save it again as CSV.") from error
    kept = [(number, cells) for number, cells in found if any(cells)]
    if not kept:
        raise InputError(f"{path}: the file is empty; write a header id,label and a row per label.")
    header = _header(path, kept[0][1])
    return header, [(n, _cells(path, n, header, cells)) for n, cells in kept[1:]]


def _header(path: Path, cells: Sequence[str]) -> list[str]:
    while cells and not cells[-1]:
        cells = cells[:-1]  # a delimiter at the end of every line
    names = [c.lower() if c.lower() in (ID, LABEL, SPLIT) else c for c in cells]
    if ID not in names:
        raise InputError(
            f"{path}: the first line, {','.join(cells)!r}, names no column id; begin with the "
            "header id,label, or id and a column per class."
        )
    for name, count in Counter(names).items():
        if count > 1 or not name:
            raise InputError(
                f"{path}: {count} columns are called {name!r}; give each a name of its own."
            )
    if LABEL in names and (unknown := set(names) - {ID, LABEL, SPLIT}):
        raise InputError(
            f"{path}: unknown column {min(unknown)!r} beside id and label; remove it, or leave "
            "label out and give every class a column."
        )
    if not set(names) - {ID, SPLIT}:
        raise InputError(f"{path}: no column but id tells a label; add label, or one per class.")
    return names


def _cells(path: Path, number: int, header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if len(cells) < len(header) or any(cells[len(header) :]):
        raise InputError(
            f"{path}, line {number}: {len(cells)} cells under {len(header)} columns; correct it "
            "(quote a name that holds the delimiter)."
        )
    return dict(zip(header, cells, strict=False))


def _by_row(path: Path, rows: Sequence[Row], table: Table) -> None:
    shown: dict[str, set[str]] = {}
    for number, cells in _with_id(path, rows, table):
        name = cells[LABEL]
        own = shown.setdefault(cells[ID], set())
        if name in own:
            table.problems.append(
                f"{path}, line {number}: {cells[ID]!r} has the label {name!r} already; keep it "
                "once."
            )
        elif name and (problem := class_problem(Path(f"{path}, line {number}"), name)):
            table.problems.append(problem)
        elif name:  # without, the photograph is known to show nothing
            own.add(name)
    table.classes = _classes(path, sorted(set().union(*shown.values())), table)
    table.labels = {id: tuple(sorted(names)) for id, names in shown.items()}


def _by_column(path: Path, header: Sequence[str], rows: Sequence[Row], table: Table) -> None:
    names = [name for name in header if name not in (ID, SPLIT)]
    table.problems += [p for name in names if (p := class_problem(path, name))]
    table.classes = _classes(path, names, table)
    _check_values(path, names, rows, table)
    for number, cells in _with_id(path, rows, table):
        if cells[ID] in table.labels:
            table.problems.append(
                f"{path}, line {number}: {cells[ID]!r} stands there already; keep it once."
            )
            continue
        table.labels[cells[ID]] = tuple(name for name in names if cells[name] == "1")


def _check_values(path: Path, names: Sequence[str], rows: Sequence[Row], table: Table) -> None:
    for name in names:
        wrong = [(number, cells[name]) for number, cells in rows if cells[name] not in ("0", "1")]
        if wrong:
            more = f" (and {len(wrong) - 1} more below it)" if wrong[1:] else ""
            table.problems.append(
                f"{path}, line {wrong[0][0]}: {wrong[0][1]!r} under {name!r}{more} is neither 0 "
                "nor 1; correct it, or remove the column if it is no class."
            )


def _classes(path: Path, names: Sequence[str], table: Table) -> tuple[str, ...]:
    if len(names) > MOST_CLASSES:
        table.problems.append(
            f"{path}: {len(names)} classes; a mask tells {MOST_CLASSES} apart, so leave some out."
        )
    return tuple(names)


def _with_id(path: Path, rows: Sequence[Row], table: Table) -> Iterator[Row]:
    for number, cells in rows:
        if cells[ID]:
            yield number, cells
        else:
            table.problems.append(f"{path}, line {number}: no id; name the photograph.")


def _splits(path: Path, rows: Sequence[Row], table: Table) -> None:
    for number, cells in rows:
        name = cells.get(SPLIT, "")
        before = table.splits.setdefault(cells[ID], name)
        if before != name:
            table.problems.append(
                f"{path}, line {number}: {cells[ID]!r} is in split {before!r} already, and here in "
                f"{name!r}; give it one."
            )
        if name and (name == ALL or not (name.isascii() and NAME.fullmatch(name))):
            table.problems.append(
                f"{path}, line {number}: split {name!r} is no name of a list; use letters, digits, "
                f"'_', '-' and '.', and not '{ALL}'."
            )
    table.splits = {id: name for id, name in table.splits.items() if name}
