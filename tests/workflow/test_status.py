"""`cuewalk status` of real runs: going on, killed, gone on with, finished, failed on bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import psutil
import pytest
from runs import ENVIRONMENT, TINY, Run
from test_bad_input import truncate_photograph
from trees import write_list, write_voc

from cuewalk.artifacts.receipts import read_receipt
from cuewalk.config import merge_config
from cuewalk.watch.status import Phase, RunNow, RunPhase, run_status

EPOCHS = 600
MODEL = "results/watched/classifier/model.safetensors"


@pytest.fixture
def run(tmp_path):
    """Of a few photographs, whose training takes long enough to be looked at."""
    write_voc(tmp_path / "voc")
    write_list(tmp_path / "voc", "val", ["d"])
    dataset = {"kind": "voc", "root": "voc", "classes": ["dog", "cat"], "select": None}
    settings = {key: value for key, value in TINY.items() if key != "dataset"}
    changes = {
        "run": "watched",
        "dataset": dataset,
        "shards": {"train": 1, "evaluate": 1},
        "classifier": {"training": {"epochs": EPOCHS, "batch_size": 1}},
    }
    return Run(tmp_path, merge_config(settings, changes))


def start(run: Run) -> subprocess.Popen[bytes]:
    command = [sys.executable, *run.arguments(), "--", MODEL]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=run.work, env=ENVIRONMENT, stdout=quiet, stderr=quiet)


def when_training(run: Run, snakemake: subprocess.Popen[bytes]) -> RunNow:
    """What the status is once the classifier has begun with its photographs."""
    while snakemake.poll() is None:
        now = run_status(run.folder)
        if any(job.phase is Phase.RUNNING and job.images for job in now.jobs):
            return now
        time.sleep(0.1)
    pytest.fail("the training was never seen")


def command(run: Run, *options: str) -> list[str]:
    return [sys.executable, "-m", "cuewalk.audit", "status", str(run.folder), *options]


def say(run: Run, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(run, *options), capture_output=True, text=True, check=False)


def counts(now: RunNow) -> dict[str, tuple[int, int, int]]:
    return {stage.stage: (stage.done, stage.running, stage.left) for stage in now.stages}


def test_going_on_killed_gone_on_with_and_finished(run):
    assert run_status(run.folder).phase is RunPhase.NOT_STARTED
    with start(run) as snakemake:
        now = when_training(run, snakemake)
        assert now.phase is RunPhase.RUNNING
        assert now.pid == snakemake.pid
        assert counts(now) == {"classes": (1, 0, 0), "dataset": (1, 0, 0), "classifier": (0, 1, 0)}
        (job,) = now.jobs
        assert 0 < job.images <= job.total == 2 * EPOCHS
        assert job.seconds_left is not None
        assert say(run).returncode == 0
        # Snakemake alone: its job goes on, and is not called dead.
        snakemake.send_signal(signal.SIGKILL)
        snakemake.wait()
        now = run_status(run.folder)
        assert now.phase is RunPhase.INTERRUPTED
        assert [j.phase for j in now.jobs] == [Phase.RUNNING]
        os.kill(job.pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(job.pid)] if psutil.pid_exists(job.pid) else [])
    now = run_status(run.folder)
    assert now.phase is RunPhase.INTERRUPTED
    assert [(j.name, j.phase) for j in now.jobs] == [("classifier", Phase.DIED)]
    said = say(run)
    assert said.returncode == 1
    assert "interrupted" in said.stdout
    assert "no sign of life" in said.stdout

    run.snakemake_or_fail("--unlock")
    trained = (run.folder / "logs" / "classifier.log").read_text().count(" epoch ")
    with start(run) as snakemake:
        when_training(run, snakemake)
        watched = say(run, "--watch", "0.5")  # to its end
    assert watched.returncode == 0, watched.stderr
    assert 0 < watched.stdout.rindex(": running") < watched.stdout.rindex(": finished")
    now = run_status(run.folder)
    assert now.phase is RunPhase.FINISHED
    assert counts(now) == {"classes": (1, 0, 0), "dataset": (1, 0, 0), "classifier": (1, 0, 0)}
    assert json.loads(say(run, "--json").stdout)[0]["phase"] == "finished"
    check_speed(run, trained)


def seconds_of(log: str) -> float:
    """From the first to the last line of a log."""
    times = [datetime.fromisoformat(line[:23].replace(",", ".")) for line in log.splitlines()]
    return (times[-1] - times[0]).total_seconds()


def check_speed(run: Run, trained: int) -> None:
    """The seconds of the killed process count too, as its photographs do."""
    receipt = read_receipt(run.folder / "classifier" / "receipt.json")
    assert receipt["images"] == 2 * EPOCHS
    log = (run.folder / "logs" / "classifier.log").read_text()
    assert trained > 0
    assert "going on" in log
    # The log is of the last process alone; what it did before its first line is building a network.
    assert receipt["seconds"] > seconds_of(log)
    assert receipt["images_per_second"] < receipt["images"] / seconds_of(log)
    assert f"{receipt['images_per_second']:.2f} images/s" in log


def test_failed_on_bad_input(run):
    truncate_photograph(run.work / "voc")
    assert run.snakemake("--", MODEL).returncode != 0
    now = run_status(run.folder)
    assert now.phase is RunPhase.FAILED
    (job,) = [j for j in now.jobs if j.phase is Phase.FAILED]
    assert job.name == "dataset/train"
    assert "JPEGImages/b.jpg: cannot be decoded" in job.text
    assert job.text in Path(job.log).read_text()
    assert counts(now)["classifier"] == (0, 0, 1)
    assert now.log.endswith(".snakemake.log")
    said = say(run)
    assert said.returncode == 1
    assert "cannot be decoded" in said.stdout
