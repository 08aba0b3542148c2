"""Real processes are killed all over a run; started again, it ends as one that nobody disturbed.

`make faults` runs every point, `make test` four of them.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil
import pytest
from runs import ENVIRONMENT, Run

pytestmark = pytest.mark.timeout(1800)  # the first test waits for the undisturbed run


@dataclass(frozen=True)
class Point:
    """Where a process is killed.

    Attributes:
        victim: `snakemake`; `stage`, while it computes; or `write`, the stage while it writes.
        stage: which is running then.
        made: the artefact that it makes, under the run's folder.
    """

    victim: str
    stage: str
    made: str

    def __str__(self) -> str:
        return f"{self.victim} {self.made}"


OFTEN = [
    Point("write", "cues", "cues/train-001"),
    Point("stage", "affinitynet", "affinitynet/model.safetensors"),
    Point("snakemake", "walk", "walk/evaluate-000"),
    Point("write", "report", "report.html"),
]
SELDOM = [
    Point("write", "shapes", "photographs"),
    Point("stage", "dataset", "dataset/train.csv"),
    Point("snakemake", "truth", "truth/evaluate-000.csv"),
    Point("stage", "classifier", "classifier/model.safetensors"),
    Point("snakemake", "classifier", "classifier/model.safetensors"),
    Point("stage", "predictions", "predictions/evaluate-000"),
    Point("stage", "cues", "cues/evaluate-000"),
    Point("write", "crf", "crf/train-000"),
    Point("snakemake", "crf", "crf/evaluate-000"),
    Point("write", "labels", "labels/train-000"),
    Point("write", "walk", "walk/train-000"),
    Point("write", "masks", "masks/evaluate-000"),
    Point("write", "confusion_cue", "confusion/cue/evaluate-000"),
    Point("write", "explanations", "explanations/relevance/evaluate-000"),
    Point("stage", "perturbation", "perturbation/rollout/evaluate-000"),
    Point("snakemake", "metrics", "metrics/masks.csv"),
]


@pytest.mark.parametrize("point", OFTEN, ids=str)
def test_some_points(tiny, tmp_path, point):
    check(tiny, tmp_path, point)


@pytest.mark.faults
@pytest.mark.parametrize("point", SELDOM, ids=str)
def test_all_points(tiny, tmp_path, point):
    check(tiny, tmp_path, point)


def check(tiny: Run, folder: Path, point: Point) -> None:
    run = Run(folder / "work", tiny.overlay)
    shutil.copytree(tiny.work, run.work)
    made = run.folder / point.made
    for seconds in (0.3, 0.1, 0.03, 0.01, 0):  # a stage may be over before it is struck
        remove(made)
        if strike(run, point, seconds):
            break
    else:
        pytest.fail(f"{point}: never met")
    assert not made.exists() or point.victim == "snakemake"

    if point.victim == "snakemake":  # as docs/resume.md has it
        run.snakemake_or_fail("--unlock")
    run.snakemake_or_fail()
    assert run.planned() == {}
    assert not run.temporary_files()
    assert products(run) == products(tiny)


def strike(run: Run, point: Point, seconds: float) -> bool:
    """Start the run, kill the victim at its point, wait for all processes to end; True if met.

    A stage that computes is given some seconds to do so.
    """
    log = next(iter(logs(run, point)))
    log.unlink()
    with subprocess.Popen(
        [sys.executable, *run.arguments()],
        cwd=run.work,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as snakemake:
        met = False
        while snakemake.poll() is None and not met:
            # The stage has opened its log; or its artefact has a temporary name.
            met = bool(temporaries(run, point)) if point.victim == "write" else log.exists()
            time.sleep(0 if log.exists() else 0.01)
        if met:
            time.sleep(seconds if point.victim == "stage" else 0)
            family = psutil.Process(snakemake.pid).children(recursive=True)
            stage = [p for p in family if f"cuewalk.stages.{point.stage}" in python_arguments(p)]
            victims = [snakemake.pid] if point.victim == "snakemake" else [p.pid for p in stage]
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            psutil.wait_procs(family)
        snakemake.wait()
    return met and snakemake.returncode != 0


def python_arguments(process: psutil.Process) -> list[str]:
    """Of a Python process; the shells around it, which survive it, have none."""
    try:
        arguments = process.cmdline()
    except psutil.NoSuchProcess:
        return []
    return arguments if arguments and "python" in Path(arguments[0]).name else []


def logs(run: Run, point: Point) -> list[Path]:
    """Log of the job that makes the artefact."""
    shard = Path(point.made).name
    of_shard = {
        "explanations": f"{point.stage}/relevance/{shard}.log",
        "perturbation": f"{point.stage}/rollout/{shard}.log",
    }.get(point.stage, f"{point.stage}/{Path(shard).stem}.log")
    found = [run.folder / "logs" / name for name in (of_shard, f"{point.stage}.log")]
    return [path for path in found if path.exists()]


def temporaries(run: Run, point: Point) -> list[Path]:
    """The artefact's temporary names."""
    made = run.folder / point.made
    return list(made.parent.glob(f".{made.name}.*.tmp"))


def remove(made: Path) -> None:
    if made.is_dir():
        shutil.rmtree(made)
    else:
        made.unlink(missing_ok=True)


def products(run: Run) -> dict[str, object]:
    """Content of everything that the run made, but for what tells when and how fast."""
    found: dict[str, object] = {}
    for path in sorted(run.folder.rglob("*")):
        name = str(path.relative_to(run.folder))
        receipt = path.suffix == ".json"
        if path.is_dir() or receipt or name.startswith("logs/") or "snakemake" in path.name:
            continue
        if name == "report.html":
            found[name] = re.findall(r"<img [^>]*>", path.read_text())  # the page tells times too
        elif re.search(r"metrics/(faithfulness|cue_segmentation)\.csv", name):
            found[name] = pd.read_csv(path).drop(columns="images_per_second").to_csv()
        else:
            found[name] = path.read_bytes()
    return found
