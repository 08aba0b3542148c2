"""Claim: the built-in run takes little longer than its stages' own work.

Read from the receipts of a finished results/demo: every job's end, seconds of work and threads. The
run lasts from its first job's start to its last one's end, on as many cores as were ever at work at
once. The figure is the cores' time divided by the stages' (seconds times threads): what is above 1
is Snakemake, the start of processes, receipts, and cores that waited for a stage to end. The first
job's own start and Snakemake's plan before it leave no trace in the receipts.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from paired import Row, at_most, main

from cuewalk.artifacts.receipts import DamagedError, read_receipt

CLAIM = "built-in run: cores' time / its stages' own work"
DEMO = Path(__file__).resolve().parents[1] / "results" / "demo"
LIMITS = at_most(1.25, 1.1)
PAUSE = 60.0
"""Seconds without any job at work that tell of two sittings."""


@dataclass(frozen=True)
class Done:
    """A job's work: from and to (seconds since 1970), and its threads."""

    start: float
    end: float
    threads: int


def jobs(run: Path) -> list[Done]:
    """Every job of a run that did its own work."""
    found = []
    for path in sorted(run.rglob("*.json")):
        try:
            receipt = read_receipt(path)
        except (DamagedError, OSError):
            continue
        if receipt["reused_from"] is None:
            end = datetime.fromisoformat(receipt["finished"]).timestamp()
            found.append(Done(end - receipt["seconds"], end, receipt["threads"]))
    return sorted(found, key=lambda job: job.start)


def ratio(done: list[Done]) -> tuple[float, str]:
    """The figure and its detail; of jobs in order of their start."""
    wall = max(job.end for job in done) - done[0].start
    work = sum((job.end - job.start) * job.threads for job in done)
    cores = max(sum(j.threads for j in done if j.start <= job.start < j.end) for job in done)
    detail = f"{len(done)} jobs, {wall:.0f} s on {cores} cores, work {work:.0f} core seconds"
    return wall * cores / work, detail


def longest_pause(done: list[Done]) -> float:
    """Seconds for which no job was at work; of jobs in order of their start."""
    ends = [max(job.end for job in done[: i + 1]) for i in range(len(done))]
    return max((job.start - end for job, end in zip(done[1:], ends, strict=False)), default=0)


def rows(quick: bool = False) -> list[Row]:
    """The claim as measured, or why it was not."""
    done = jobs(DEMO)
    if not (DEMO / "report.html").is_file() or len(done) < 2:
        return [LIMITS.skipped(CLAIM, "no finished run in results/demo; make demo first")]
    if (pause := longest_pause(done)) > PAUSE:
        return [LIMITS.skipped(CLAIM, f"made in several sittings: {pause:.0f} s without work")]
    return [LIMITS.row(CLAIM, *ratio(done))]


if __name__ == "__main__":
    main(rows, __doc__)
