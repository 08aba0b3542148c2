"""How long Snakemake takes to plan the paper's VOC run, and larger ones, on stand-ins.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --photographs 12031 50000 118287

Prints the processor's seconds and the largest memory of a dry run, the first (which reads every
file once) and the second (which does not), and of the reading of the rules by a job on another
machine, which runs one of them; for shards of 256 photographs, at most 1,000 of each part. Then
the seconds of the bare import of Snakemake, that no plan can be faster than. A stand-in for a
photograph is a file of some bytes: what it takes to read real ones comes on top of the first.
"""

import argparse
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

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
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = used.ru_utime + used.ru_stime
        said.seek(0)
        text = said.read()
    if process.returncode:
        sys.exit(text)
    return Plan(seconds, used.ru_maxrss / 1000, int(re.findall(r"^total +(\d+)", text, re.M)[0]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=int, nargs="+", default=[VOC])
    print("photographs  shards  jobs  first s  second s  MB  job s  MB  digests MB", flush=True)
    for photographs in parser.parse_args().photographs:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            shards = write_stand_ins(work / "voc", photographs)
            first, second = dry_run(work, shards), dry_run(work, shards)
            job = dry_run(work, shards, *JOB)
            memory = (work / "results" / ".digests.json").stat().st_size / 1e6
        print(
            f"{photographs:11,}  {sum(shards.values()):6}  {first.jobs:4}  {first.seconds:7.1f}"
            f"  {second.seconds:8.1f}  {second.megabytes:.0f}"
            f"  {job.seconds:.1f}  {job.megabytes:.0f}  {memory:.1f}",
            flush=True,
        )
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import snakemake.cli"], check=True)
    print(f"import of snakemake {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
