"""Run all benchmarks, each in a process of its own, and write results/benchmarks.csv.

    python benchmarks/all.py --write     # all, and the table of docs/performance.md too
    python benchmarks/all.py crf walk    # some, only printed

On machines with more cores all runs on two. A must that is missed is told, but is no failure; the
exit status is 1 if a benchmark crashed, whose row is then empty.
"""

import argparse
import csv
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from paired import COLUMNS, Row, as_text, show, timed, write_rows

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
NAMES = sorted({path.stem for path in HERE.glob("*.py")} - {"all", "paired", "rates", "scaling"})
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
CORES = 2


def measured(name: str, quick: bool, folder: Path) -> list[Row]:
    """Rows of one benchmark; an empty one that tells of its crash."""
    path = folder / f"{name}.csv"
    options = ["--quick"] if quick else []
    # The library beside us, wherever else one is installed.
    around = {**os.environ, "PYTHONPATH": str(PROJECT / "src")}
    command = [sys.executable, str(HERE / f"{name}.py"), "--csv", str(path), *options]
    ran = subprocess.run(command, env=around, stdout=subprocess.DEVNULL, check=False)
    if ran.returncode:
        return [Row(name, None, "", "", None, f"crashed with status {ran.returncode}")]
    return read_rows(path)


def read_rows(path: Path) -> list[Row]:
    """Rows as `paired.write_rows` wrote them."""
    with path.open(newline="") as file:
        return [
            Row(
                claim=cells["claim"],
                ratio=float(cells["ratio"]) if cells["ratio"] else None,
                must=cells["must"],
                aim=cells["aim"],
                holds={"": None, "yes": True, "no": False}[cells["holds"]],
                detail=cells["detail"],
            )
            for cells in csv.DictReader(file)
        ]


def about(load: float) -> str:
    """Machine, commit and time in a sentence."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "?")
    commit = _git("rev-parse", "--short", "HEAD") or "unknown"
    changed = " with changes" if _git("status", "--porcelain", "--untracked-files=no") else ""
    return (
        f"{model}, {CORES} cores, Python {platform.python_version()}, commit {commit}{changed}, "
        f"{datetime.now(UTC):%Y-%m-%d}; load average before the first {load:.1f} (0 is quiet)."
    )


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PROJECT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def with_table(text: str, rows: Sequence[Row], sentence: str) -> str:
    """The text with the table between its two marker comments made anew.

    Raises:
        ValueError: the markers are not there.
    """
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    for row in rows:
        cells = ["**no**" if row.holds is False and c == "no" else c for c in as_text(row)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([head + BEGIN, sentence, "", *lines, END + tail])


def main() -> int:
    """Run what is asked for; 1 if a benchmark crashed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="reduced sizes, only printed")
    parser.add_argument("--write", action="store_true", help="also renew docs/performance.md")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    load, rows = os.getloadavg()[0], []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.names or NAMES:
            took = timed(lambda name=name: rows.extend(measured(name, options.quick, Path(folder))))
            print(f"{name}: {took:.0f} s", flush=True)
    show(rows)
    if not options.names and not options.quick:
        path = PROJECT / "results" / "benchmarks.csv"
        path.parent.mkdir(exist_ok=True)
        write_rows(path, rows)
        if options.write:
            page = PROJECT / "docs" / "performance.md"
            page.write_text(with_table(page.read_text(), rows, about(load)))
    missed = [row.claim for row in rows if row.holds is False]
    print(f"{len(missed)} musts missed{': ' if missed else ''}{'; '.join(missed)}")
    return int(any(row.detail.startswith("crashed") for row in rows))


if __name__ == "__main__":
    sys.exit(main())
