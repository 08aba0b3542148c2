"""What the benchmarks share: timing against a floor, claims as rows, and the table of them.

A claim says that some work costs at most so many times a plain piece of work, its floor. Both run
in turn in one process, and each run of ours is divided by the mean of the floor's runs just before
and just after it: what slows the machine for a while slows both. Times are the process's CPU time,
threads summed, so that other processes' turns do not count.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import TypedDict

from rich.console import Console
from rich.table import Table

Work = Callable[[], object]


class Row(TypedDict):
    """One claim and what was measured; `must`, `aim` and `holds` are None where nothing is due."""

    claim: str
    ratio: float
    must: float | None
    aim: float | None
    holds: bool | None
    detail: str


@dataclass(frozen=True)
class Part:
    """Work to be compared with the floor.

    Attributes:
        claim: Its name.
        work: Runs it once.
        units: How many units (images times classes) one run does; costs are per unit.
        must: Highest ratio that is acceptable.
        aim: Highest ratio that is hoped for.
    """

    claim: str
    work: Work
    units: int = 1
    must: float | None = None
    aim: float | None = None


@dataclass(frozen=True)
class Measured:
    """A part's times in CPU seconds per unit and its ratios to the floor, one of each per round."""

    part: Part
    seconds: list[float]
    ratios: list[float]

    def row(self) -> Row:
        """The claim with the median of its ratios."""
        ratio, part = median(self.ratios), self.part
        return Row(
            claim=part.claim,
            ratio=round(ratio, 3),
            must=part.must,
            aim=part.aim,
            holds=None if part.must is None else ratio <= part.must,
            detail=f"{median(self.seconds):.3f} s, ratios {self.span()}",
        )

    def span(self) -> str:
        """Lowest and highest ratio."""
        return f"{min(self.ratios):.2f}-{max(self.ratios):.2f}"


def compare(floor: Work, parts: Sequence[Part], rounds: int) -> list[Measured]:
    """Run the floor and all parts in turn, `rounds` times after one round to warm up.

    Args:
        floor: The plain work that ratios refer to, one unit of it.
        parts: What is compared with it.
        rounds: How often each part is measured, at least 1.

    Returns:
        One result per part, in their order.
    """
    floor()
    for part in parts:
        part.work()
    results = [Measured(part, [], []) for part in parts]
    for _ in range(rounds):
        before = cpu_seconds(floor)
        for result in results:
            seconds = cpu_seconds(result.part.work) / result.part.units
            after = cpu_seconds(floor)
            result.seconds.append(seconds)
            result.ratios.append(seconds / mean((before, after)))
            before = after
    return results


def cpu_seconds(work: Work) -> float:
    """CPU time of one run, threads summed."""
    start = time.process_time()
    work()
    return time.process_time() - start


def show(title: str, results: Iterable[Measured]) -> None:
    """Print what was measured as a table, one line per part."""
    table = Table(title=title)
    table.add_column("part")
    for column in ("seconds", "ratio", "lowest-highest", "must", "aim", "holds"):
        table.add_column(column, justify="right")
    for result in results:
        row = result.row()
        limits = ("" if limit is None else f"{limit:.2f}" for limit in (row["must"], row["aim"]))
        verdict = {None: "", True: "yes", False: "NO"}[row["holds"]]
        seconds = f"{median(result.seconds):.3f}"
        table.add_row(row["claim"], seconds, f"{row['ratio']:.2f}", result.span(), *limits, verdict)
    Console().print(table)
