"""Judgements as people and programs read them: one table, or JSON."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cuewalk.audit.judge import Judgement, Verdict
from cuewalk.audit.mend import afterwards, as_typed, command
from cuewalk.audit.trace import Trace

COLOURS = {
    Verdict.OK: "green",
    Verdict.MISSING: "red",
    Verdict.MODIFIED: "red",
    Verdict.STALE: "yellow",
    Verdict.ORPHAN: "cyan",
}

SHOWN = 40
"""Rows of one table of differences."""

Judged = Mapping[Path, Sequence[Judgement]]
"""Folder of a run -> judgements of everything in it."""


def as_json(judged: Judged) -> dict[str, Any]:
    """All judgements, with the commands that mend them."""
    return {
        "ok": all_ok(judged),
        "runs": [
            {
                "run": as_typed(folder),
                "artefacts": [
                    {
                        "artefact": one.name,
                        "stage": one.stage,
                        "shard": one.shard,
                        "verdict": str(one.verdict),
                        "reason": one.reason,
                        "command": command(folder, one),
                    }
                    for one in judgements
                ],
                "then": afterwards(folder, judgements),
            }
            for folder, judgements in judged.items()
        ],
    }


def all_ok(judged: Judged) -> bool:
    """Whether there is nothing to mend."""
    return all(one.verdict is Verdict.OK for some in judged.values() for one in some)


def print_table(judged: Judged, console: Console) -> None:
    """One table: what is ok counted by stage, everything else by name; then what mends it."""
    table = Table(title="Audit", title_justify="left")
    for name in ("run", "verdict", "artefact", "reason"):
        table.add_column(name, overflow="fold")
    for folder, judgements in judged.items():
        bad = [one for one in judgements if one.verdict is not Verdict.OK]
        good = Counter(one.stage for one in judgements if one.verdict is Verdict.OK)
        for stage, count in good.items():
            table.add_row(*_cells(folder, Verdict.OK, stage, f"{count} verified"))
        for one in bad:
            table.add_row(*_cells(folder, one.verdict, one.name, one.reason))
    console.print(table)
    for folder, judgements in judged.items():
        lines = [c for one in judgements if (c := command(folder, one))]
        lines += [c for c in [afterwards(folder, judgements)] if c]
        if lines:
            console.print(f"To mend {escape(as_typed(folder))}:", highlight=False)
        for line in lines:
            # Not wrapped, so that it can be copied.
            console.print(f"    {escape(line)}", soft_wrap=True, highlight=False)


def print_traces(id: str, traces: Sequence[Trace], console: Console) -> None:
    """What a run keeps of one photograph, artefact by artefact."""
    table = Table(title=escape(id), title_justify="left")
    for name in ("stage", "artefact", "digest", "values"):
        table.add_column(name, overflow="fold")
    for trace in traces:
        changed = "gone or unreadable" if not trace.now else f"changed, now {trace.now}"
        digest = (
            f"[green]{trace.digest}[/green]"
            if trace.same
            else f"{trace.digest} [red]{changed}[/red]"
        )
        values = "\n".join(f"{name}: {value}" for name, value in trace.values.items())
        table.add_row(trace.stage, escape(trace.path), digest, escape(values))
    console.print(table)


def print_differences(found: Any, names: Sequence[str], console: Console) -> None:
    """What two runs differ in, a table for each kind of thing.

    Args:
        found: a `compare.Comparison`.
        names: of the two runs.
        console: where to print.
    """
    if found.same:
        console.print("No difference in settings, code, libraries, photographs and figures.")
    for kind, rows in vars(found).items():
        if not rows:
            continue
        table = Table(title=kind, title_justify="left")
        for name in (kind, *names):
            table.add_column(escape(name), overflow="fold")
        for name, a, b in rows[:SHOWN]:
            table.add_row(escape(name), *(escape(_in_short(value)) for value in (a, b)))
        console.print(table)
        if len(rows) > SHOWN:
            console.print(f"and {len(rows) - SHOWN} more; --json tells all")


def _in_short(value: Any) -> str:
    """A digest in its first digits; what is not there as nothing."""
    text = "" if value is None else str(value)
    return text[:12] if re.fullmatch(r"[0-9a-f]{64}", text) else text


def _cells(folder: Path, verdict: Verdict, name: str, text: str) -> list[str]:
    colour = COLOURS[verdict]
    return [escape(folder.name), f"[{colour}]{verdict}[/{colour}]", escape(name), escape(text)]
