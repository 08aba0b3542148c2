"""What two runs differ in: settings, code, libraries, photographs, and the figures they give."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from cuewalk.artifacts.table import read_table
from cuewalk.audit.folder import Artefact, Run
from cuewalk.audit.reasons import differences, settings

KEYS = {
    "masks": ("source", "chosen"),
    "background": ("source", "split", "beta", "steps", "background"),
    "labels": ("split",),
    "precision": ("class",),
    "faithfulness": ("method", "classes", "direction"),
    "perturbation": ("method", "classes", "direction", "masked"),
    "cue_segmentation": ("method", "classes"),
}
"""Columns that tell the rows of a table of figures apart; else all that hold text."""
SPEED = "images_per_second"
"""Differs between any two runs."""

Row = tuple[str, Any, Any]
"""What differs, its value in the first run and in the second; None where there is none."""


@dataclass
class Comparison:
    """What differs between two runs.

    Attributes:
        artefacts: that only one of them has.
        settings, code, libraries, data: of the stages that both have.
        figures: of the tables that both have.
    """

    artefacts: list[Row] = field(default_factory=list)
    settings: list[Row] = field(default_factory=list)
    code: list[Row] = field(default_factory=list)
    libraries: list[Row] = field(default_factory=list)
    data: list[Row] = field(default_factory=list)
    figures: list[Row] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not any(vars(self).values())


def compare(a: Run, b: Run) -> Comparison:
    """Compare what the receipts and the tables of two runs say; nothing is read to verify it."""
    both = _stages(a) & _stages(b)

    def differing(part: Callable[[Artefact], Mapping[str, Any]]) -> list[Row]:
        return list(differences(_gather(a, both, part), _gather(b, both, part)))

    return Comparison(
        artefacts=_only_in_one(a, b),
        settings=differing(settings),
        code=differing(lambda one: {**_part(one, "modules"), **_part(one, "templates")}),
        libraries=differing(lambda one: _part(one, "libraries")),
        data=[row for row in differing(_data) if None not in row],
        figures=list(_figures(a, b)),
    )


def _stages(run: Run) -> set[str]:
    return {artefact.stage for artefact in run.artefacts.values()}


def _only_in_one(a: Run, b: Run) -> list[Row]:
    ours, theirs = ({one.name: "there" for one in run.artefacts.values()} for run in (a, b))
    return list(differences(ours, theirs))


def _part(artefact: Artefact, name: str) -> dict[str, Any]:
    return dict((artefact.content or {}).get(name, {}))


def _data(artefact: Artefact) -> dict[str, str]:
    """The artefact's name -> digest of the photographs behind it, if it reads any."""
    digest = (artefact.content or {}).get("data", "none")
    return {} if digest == "none" else {artefact.name: digest}


def _gather(
    run: Run, stages: set[str], part: Callable[[Artefact], Mapping[str, Any]]
) -> dict[str, Any]:
    """Of all receipts of some stages together; where two disagree, of the newest."""
    some = [artefact for artefact in run.artefacts.values() if artefact.stage in stages]
    found: dict[str, Any] = {}
    for artefact in sorted(some, key=lambda one: str((one.content or {}).get("finished", ""))):
        found |= part(artefact)
    return found


def _figures(a: Run, b: Run) -> Iterator[Row]:
    """Cells that differ; of rows that only one of the runs has, that they are there."""
    ours, theirs = _tables(a), _tables(b)
    for name in (name for name in ours if name in theirs):
        first, second = _rows(name, ours[name]), _rows(name, theirs[name])
        for key in dict.fromkeys([*first, *second]):
            if key in first and key in second:
                yield from differences(first[key], second[key], f"{name}: {key}")
            else:
                there = ["a row" if key in some else None for some in (first, second)]
                yield f"{name}: {key}", there[0], there[1]


def _tables(run: Run) -> dict[str, pd.DataFrame]:
    """The run's tables of figures by name, the known ones first."""
    found = {path.stem: path for path in sorted((run.folder / "metrics").glob("*.csv"))}
    return {name: read_table(found[name]) for name in (*KEYS, *found) if name in found}


def _rows(name: str, table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """What tells a row apart -> its figures by column; empty cells left out."""
    text = [column for column in table if not pd.api.types.is_numeric_dtype(table[column])]
    keys = [key for key in KEYS.get(name, text) if key in table]
    return {
        ", ".join(_short(row[key]) for key in keys if pd.notna(row[key])): {
            str(column): value
            for column, value in row.items()
            if column not in (*keys, SPEED) and pd.notna(value)
        }
        for row in table.to_dict("records")
    }


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
