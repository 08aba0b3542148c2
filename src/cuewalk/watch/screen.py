"""How the state of a run looks: on a terminal, once or again and again, and as JSON."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cuewalk.watch.status import JobNow, Phase, RunNow, RunPhase, run_status

COLOURS = {
    RunPhase.RUNNING: "cyan",
    RunPhase.FINISHED: "green",
    RunPhase.FAILED: "red",
    RunPhase.INTERRUPTED: "red",
    RunPhase.INCOMPLETE: "yellow",
}
BAR = 20
"""Characters of the bar of a running job."""


def show_status(results: Path, console: Console, *, machine: bool, watch: float | None) -> int:
    """Print the state of a run, or of all runs.

    Args:
        results: folder of the run, or of all runs.
        console: where.
        machine: whether as JSON.
        watch: seconds from one look to the next, None to look once.

    Returns:
        0 if all are running or finished, else 1.

    Raises:
        InputError: a plan cannot be read.
    """

    def look() -> list[RunNow]:
        return [run_status(folder) for folder in folders(results)]

    if machine:
        runs: Sequence[RunNow] = look()
        click.echo(json.dumps(as_json(runs), indent=1))
    elif watch is not None:
        runs = keep_watching(console, watch, look)
    else:
        runs = look()
        console.print(Group(*map(screen, runs)))
    well = (RunPhase.RUNNING, RunPhase.FINISHED)
    return 0 if all(run.phase in well for run in runs) else 1


def as_json(runs: Sequence[RunNow]) -> list[dict[str, Any]]:
    """All that is known, for programs."""
    return [asdict(run) for run in runs]


def screen(run: RunNow) -> RenderableType:
    """A run as a head line, a table of its stages, and what runs or went wrong."""
    parts: list[RenderableType] = [_head(run)]
    if run.stages:
        parts.append(_stages(run))
    if any(job.phase is Phase.RUNNING for job in run.jobs):
        parts.append(_running(run))
    parts += [_trouble(job) for job in run.jobs if job.phase is not Phase.RUNNING]
    return Group(*parts, Text(_advice(run)))


def keep_watching(
    console: Console, seconds: float, look: Callable[[], Sequence[RunNow]]
) -> Sequence[RunNow]:
    """Show runs again and again until none is running.

    Args:
        console: where.
        seconds: from one look to the next.
        look: tells of the runs.

    Returns:
        What was seen last.
    """
    with _live(console) as show:
        while True:
            runs = look()
            show(Group(*map(screen, runs)))
            if not any(run.phase is RunPhase.RUNNING for run in runs):
                return runs
            time.sleep(seconds)


def duration(seconds: float) -> str:
    """As people say it: 8 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@contextmanager
def _live(console: Console) -> Iterator[Callable[[RenderableType], None]]:
    """Draw over what was drawn before on a terminal; below it elsewhere."""
    if not console.is_terminal:
        yield console.print
        return
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        yield lambda what: live.update(what, refresh=True)


def _head(run: RunNow) -> Text:
    text = Text(f"{run.folder}: ")
    text.append(run.phase, COLOURS.get(run.phase, ""))
    if run.phase is RunPhase.NOT_STARTED:
        return text
    text.append(f"; {run.count('done')} jobs done")
    if run.phase is RunPhase.UNPLANNED:
        return text.append(", by their receipts")
    text.append(f", {run.count('running')} running, {run.count('left')} left")
    if run.phase is RunPhase.RUNNING and (run.seconds_left or not run.unknown):
        least = "at least " if run.unknown else "about "
        text.append(f"; {least}{duration(run.seconds_left or 0.0)} left")
    if not run.host:
        return text
    place = f"{run.host} (process {run.pid})"
    if run.phase is RunPhase.RUNNING:
        text.append(f"\nfor {duration(run.seconds)} on {place}")
        waits = "; a job is starting or waits for its turn" if not run.count("running") else ""
        return text.append(waits)
    return text.append(f"\nran for {duration(run.seconds)} on {place}, {duration(run.silent)} ago")


def _stages(run: RunNow) -> Table:
    table = Table()
    names = ("stage", "done", "running", "left", "images", "images/s", "time left")
    for name in names:
        table.add_column(name, justify="left" if name == "stage" else "right")
    for s in run.stages:
        ahead = bool(s.running or s.left)
        left = "" if not ahead else "?" if s.seconds_left is None else duration(s.seconds_left)
        counts = [str(n) if n else "" for n in (s.done, s.running, s.left, s.images)]
        rate = "" if s.rate is None or not s.images else f"{s.rate:.1f}"
        table.add_row(Text(s.stage), *counts, rate, left)
    return table


def _running(run: RunNow) -> Table:
    grid = Table.grid(padding=(0, 1))
    for job in (job for job in run.jobs if job.phase is Phase.RUNNING):
        figures = ""
        if job.total:
            figures = f"{job.images} of {job.total}, {job.rate:.1f} images/s"
        if job.seconds_left is not None:
            figures += f", {duration(job.seconds_left)} left"
        bar = ProgressBar(max(job.total, 1), job.images, BAR)
        grid.add_row(Text(job.name), bar, Text(figures), Text(job.text))
    return grid


def _trouble(job: JobNow) -> Text:
    text = Text()
    text.append(f"{job.phase} ", "red")
    if job.phase is Phase.DIED:
        where = f"process {job.pid} on {job.host}"
        return text.append(f"{job.name}: no sign of life from its {where}; its log is {job.log}")
    return text.append(f"{job.name}: {job.text.rstrip('.')}; its log is {job.log}")


def _advice(run: RunNow) -> str:
    log = f" Snakemake's own log is {run.log}." if run.log else ""
    return {
        RunPhase.NOT_STARTED: "Start it with snakemake; --config run=NAME names it.",
        RunPhase.RUNNING: "",
        RunPhase.FINISHED: "",
        RunPhase.FAILED: "Mend what the sentence says and start the same command again: what is "
        "done stays." + log,
        RunPhase.INTERRUPTED: "Start the same command again: what is done stays. If Snakemake says "
        "that the folder is locked, see docs/resume.md." + log,
        RunPhase.INCOMPLETE: "Some of what it made is gone; start the same command again.",
        RunPhase.UNPLANNED: "It has no plan, so nothing is known of what is left.",
    }[run.phase]


def folders(results: Path) -> list[Path]:
    """The run's folder, or those of all runs in a results folder."""
    if not results.is_dir() or (results / "logs").is_dir():
        return [results]
    return sorted(p.parent for p in results.glob("*/logs")) or [results]
