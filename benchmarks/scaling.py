"""How long Snakemake takes to plan the paper's VOC run, and larger ones, on stand-ins.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --photographs 12031 50000 118287
    python benchmarks/scaling.py --index 12031 118287 1281167

Prints the processor's seconds and the largest memory of a dry run, the first (which reads every
file once) and the second (which does not), and of the reading of the rules by a job on another
machine, which runs one of them; for shards of 256 photographs, at most 1,000 of each part. Then
the seconds of the bare import of Snakemake, that no plan can be faster than. A stand-in for a
photograph is a file of some bytes: what it takes to read real ones comes on top of the first.

With --index: what it takes to read an index of so many rows, as each job that learns does.
"""

import argparse
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cuewalk.datasets.record import Record, write_index

PROJECT = Path(__file__).resolve().parents[1]
VOC = 12031
EVALUATED, SELECTED = 1449 / VOC, 1464 / VOC
PER_SHARD, MOST_SHARDS = 256, 1000
JOB = ("--mode", "remote", "--target-jobs", "cues:shard=train-000", "--allowed-rules", "cues")
"""What Snakemake tells a job on another machine."""


class Plan(NamedTuple):
    """A dry run: seconds, megabytes, jobs."""

    seconds: float
    megabytes: float
    jobs: int


class Cost(NamedTuple):
    """Of a process: processor seconds, its largest memory in megabytes, what it printed."""

    seconds: float
    megabytes: float
    text: str


def cost(command: list[str]) -> Cost:
    """Run a command to its end; leave with what it printed if it fails."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    if process.returncode:
        sys.exit(text)
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1000, text)


def write_stand_ins(root: Path, photographs: int) -> dict[str, int]:
    """Lists in VOC's proportions, and a small file of its own for everything that they name.

    Returns:
        Shards of each part.
    """
    ids = [f"2007_{number:07d}" for number in range(photographs)]
    evaluated = round(photographs * EVALUATED)
    learnt, judged = ids[:-evaluated], ids[-evaluated:]
    lists = root / "ImageSets" / "Segmentation"
    for folder in (lists, root / "JPEGImages", root / "Annotations", root / "SegmentationClassAug"):
        folder.mkdir(parents=True)
    select = learnt[: round(photographs * SELECTED)]
    for name, some in {"trainaug": learnt, "train": select, "val": judged}.items():
        (lists / f"{name}.txt").write_text("\n".join(some) + "\n")
    for id in ids:
        (root / "JPEGImages" / f"{id}.jpg").write_text(id)
        (root / "Annotations" / f"{id}.xml").write_text(id)
    for id in {*select, *judged}:
        (root / "SegmentationClassAug" / f"{id}.png").write_text(id)
    return {
        "train": min(MOST_SHARDS, math.ceil(len(learnt) / PER_SHARD)),
        "evaluate": min(MOST_SHARDS, math.ceil(evaluated / PER_SHARD)),
    }


def dry_run(work: Path, shards: dict[str, int], *more: str) -> Plan:
    """Plan a run of the stand-ins in a folder."""
    command = [
        *(sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "host", "--cores", "1"),
        *("--snakefile", str(PROJECT / "Snakefile"), "--directory", str(work)),
        *("--configfile", str(PROJECT / "configs" / "voc12.yaml"), "--config"),
        "dataset={root: voc}",
        f"shards={{train: {shards['train']}, evaluate: {shards['evaluate']}}}",
        *more,
    ]
    spent = cost(command)
    jobs = int(re.findall(r"^total +(\d+)", spent.text, re.M)[0])
    return Plan(spent.seconds, spent.megabytes, jobs)


READ = """
import sys, time, resource
from pathlib import Path
from cuewalk.datasets.record import read_index
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
before, started = peak(), time.process_time()
found = read_index(Path(sys.argv[1]))
print(f"{len(found):11,}  {time.process_time() - started:7.1f}  {peak() - before:9.0f}")
"""


def print_index(photographs: Sequence[int]) -> None:
    """Print what reading an index of VOC's kind of rows takes, beyond its imports."""
    print("photographs  seconds  memory MB  index MB")
    for count in photographs:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "train.csv")
            write_index(
                path,
                (
                    Record(f"2007_{n:07d}", f"JPEGImages/2007_{n:07d}.jpg", ("train",),
                           ("cat", "person"), 375, 500, f"{n:064x}")
                    for n in range(count)
                ),
            )  # fmt: skip
            said = cost([sys.executable, "-c", READ, str(path)]).text.rstrip()
            print(f"{said}  {path.stat().st_size / 1e6:8.1f}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=int, nargs="+", default=[VOC])
    parser.add_argument("--index", type=int, nargs="+", metavar="PHOTOGRAPHS")
    arguments = parser.parse_args()
    if arguments.index:
        print_index(arguments.index)
    else:
        print_plans(arguments.photographs)


def print_plans(photographs: Sequence[int]) -> None:
    """Print what planning takes."""
    print("photographs  shards  jobs  first s  second s  MB  job s  MB  digests MB", flush=True)
    for count in photographs:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            shards = write_stand_ins(work / "voc", count)
            first, second = dry_run(work, shards), dry_run(work, shards)
            job = dry_run(work, shards, *JOB)
            memory = (work / "results" / ".digests.json").stat().st_size / 1e6
        print(
            f"{count:11,}  {sum(shards.values()):6}  {first.jobs:4}  {first.seconds:7.1f}"
            f"  {second.seconds:8.1f}  {second.megabytes:.0f}"
            f"  {job.seconds:.1f}  {job.megabytes:.0f}  {memory:.1f}",
            flush=True,
        )
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import snakemake.cli"], check=True)
    print(f"import of snakemake {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
