"""What the benchmarks share: paired timing, peak memory, claims as rows, and their command line.

A claim compares ours with a plain piece of work, the floor. Both run in turn in one process, and
each run of ours is divided by the mean of the floor's runs just before and just after it: what
slows the machine for a while slows both. Times are the process's CPU time, threads summed, so that
other processes' turns do not count; where several processes are the point, time of day.

Every benchmark has `rows(quick) -> list[Row]`; quick is a size that only shows that it runs.
"""

import argparse
import csv
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import mean, median

from rich.console import Console
from rich.table import Table

Work = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One claim and what was measured.

    Attributes:
        claim: what is compared with what.
        ratio: the figure that the limits refer to.
        must: its limit in words, as "at most 2" or "at least 6"; "" if there is none.
        aim: the same for what is hoped for.
        holds: whether the must is met; None if there is none, or nothing could be measured.
        detail: in words, how the figure came about.
    """

    claim: str
    ratio: float | None
    must: str
    aim: str
    holds: bool | None
    detail: str


COLUMNS = tuple(field.name for field in fields(Row))


@dataclass(frozen=True)
class Limits:
    """What a ratio must reach and is hoped to reach: upper limits, or lower ones with `least`."""

    must: float | None = None
    aim: float | None = None
    least: bool = False

    def row(self, claim: str, ratio: float, detail: str) -> Row:
        """The claim as measured."""
        holds = None
        if self.must is not None:
            holds = ratio >= self.must if self.least else ratio <= self.must
        must, aim = self._words(self.must), self._words(self.aim)
        return Row(claim, float(f"{ratio:.3g}"), must, aim, holds, detail)

    def skipped(self, claim: str, reason: str) -> Row:
        """The claim where nothing could be measured."""
        return Row(claim, None, self._words(self.must), self._words(self.aim), None, reason)

    def _words(self, limit: float | None) -> str:
        return "" if limit is None else f"at {'least' if self.least else 'most'} {limit:g}"


def at_most(must: float | None, aim: float | None = None) -> Limits:
    """Limits of a cost: ours divided by the floor."""
    return Limits(must, aim)


def at_least(must: float | None, aim: float | None = None) -> Limits:
    """Limits of a gain: the plain way divided by ours."""
    return Limits(must, aim, least=True)


@dataclass(frozen=True)
class Part:
    """Work to be compared with the floor.

    Attributes:
        claim: Its name.
        work: Runs it once.
        limits: Of its cost in floors; with `least`, of how many times it is faster than the floor.
        units: How many units (say images times classes) one run does; costs are per unit.
    """

    claim: str
    work: Work
    limits: Limits = Limits()
    units: int = 1


@dataclass(frozen=True)
class Measured:
    """A part's times in seconds per unit and its ratios to the floor, one of each per round."""

    part: Part
    seconds: list[float]
    ratios: list[float]

    def row(self) -> Row:
        """The claim with the median of its ratios."""
        span = f"{min(self.ratios):.3g} to {max(self.ratios):.3g}"
        detail = f"{median(self.seconds):.3g} s; {len(self.ratios)} rounds, {span}"
        return self.part.limits.row(self.part.claim, median(self.ratios), detail)


def compare(
    floor: Work, parts: Sequence[Part], rounds: int, clock: Callable[[], float] = time.process_time
) -> list[Row]:
    """Run the floor and all parts in turn, `rounds` times after one round to warm up.

    Args:
        floor: The plain work that ratios refer to, one unit of it.
        parts: What is compared with it.
        rounds: How often each part is measured, at least 1.
        clock: Seconds that have passed, of the kind that counts.

    Returns:
        One row per part, in their order.
    """
    floor()
    for part in parts:
        part.work()
    results = [Measured(part, [], []) for part in parts]
    for _ in range(rounds):
        before = timed(floor, clock)
        for result in results:
            seconds = timed(result.part.work, clock) / result.part.units
            after = timed(floor, clock)
            cost = seconds / mean((before, after))
            result.seconds.append(seconds)
            result.ratios.append(1 / cost if result.part.limits.least else cost)
            before = after
    return [result.row() for result in results]


def timed(work: Work, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of one run."""
    start = clock()
    work()
    return clock() - start


def peak_growth(prepare: Callable[..., Work], *arguments: object, apart: bool = True) -> float:
    """Most memory (RSS) that work takes beyond what was held before it, MB; Linux only.

    Args:
        prepare: A module's function that makes inputs, warms up libraries and returns the work.
        arguments: Of `prepare`.
        apart: In a fresh process, where no memory is left over that could be used again.
    """
    if not apart:
        return _peak_growth(prepare, *arguments)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_peak_growth, prepare, *arguments).result()


def _peak_growth(prepare: Callable[..., Work], *arguments: object) -> float:
    work = prepare(*arguments)
    Path("/proc/self/clear_refs").write_text("5")  # forgets the highest so far
    before = memory("VmRSS")
    work()
    return memory("VmHWM") - before


def memory(key: str) -> float:
    """What this process holds (VmRSS) or held at most (VmHWM), MB; Linux only."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{key}:")[1].split()[0]) / 1000


def main(rows: Callable[[bool], list[Row]], text: str | None) -> None:
    """Command line of one benchmark: measure, print the table, write it if asked to."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="reduced size: shows that it runs")
    parser.add_argument("--csv", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    found = rows(options.quick)
    show(found)
    if options.csv:
        write_rows(options.csv, found)


def show(rows: Iterable[Row]) -> None:
    """Print rows as a table."""
    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*as_text(row))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as CSV with the columns of `Row`."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(as_text(row) for row in rows)


def as_text(row: Row) -> list[str]:
    """The cells of a row; yes, no or nothing for `holds`."""
    verdict = {None: "", True: "yes", False: "no"}[row.holds]
    ratio = "" if row.ratio is None else f"{row.ratio:g}"
    return [str(cell) for cell in {**asdict(row), "ratio": ratio, "holds": verdict}.values()]
