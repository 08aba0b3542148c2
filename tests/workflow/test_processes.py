"""A stage that trains in several processes: the result of one, and how it ends if any is killed."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import runs
from runs import TINY, Run
from safetensors.numpy import load_file
from trees import write_voc

from cuewalk.artifacts.checkpoint import checkpoint_path
from cuewalk.config import merge_config

# Enough short epochs for a signal to come before the last; sgd, as adamw divides by gradients that
# should be 0 and are rounding errors. The two photographs of a batch go to one process each.
OVERLAY = merge_config(
    {key: value for key, value in TINY.items() if key != "dataset"},
    {
        "dataset": {"kind": "voc", "root": "voc", "classes": ["dog", "cat"], "select": None},
        "classifier": {
            "model": {"transformer": {"drop_path": 0.2}},
            "training": {"epochs": 20, "batch_size": 2, "optimizer": "sgd"},
            "augment": {"jitter": [0.3, 0.3, 0.3, 0.1], "crop": [0.5, 1.0], "erase": 0.2},
        },
        "compute": {"workers": 1},
    },
)
FILES = ["model.safetensors", "history.csv"]


class Training:
    """The classifier stage of a run in `folder`, by name and number of processes."""

    def __init__(self, folder: Path, name: str, processes: int) -> None:
        changes = {"run": name, "compute": {"processes": processes}}
        self.run = Run(folder, merge_config(OVERLAY, changes))
        self.made = {name: self.run.folder / "classifier" / name for name in FILES}
        self.log = self.run.folder / "logs" / "classifier.log"

    def __call__(self) -> subprocess.CompletedProcess[str]:
        shared = self.run.work / "results" / "listed"
        inputs = {
            "index": shared / "dataset" / "train.csv",
            "classes": shared / "classes" / "classes.csv",
            "root": self.run.work / "voc",
        }
        return self.run.stage("classifier", ["classifier", "seed"], inputs, FILES)

    def bytes(self) -> dict[str, bytes]:
        return {name: path.read_bytes() for name, path in self.made.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photographs, their lists, and trainings `one` and `two`, named after their processes."""
    made = tmp_path_factory.mktemp("processes")
    write_voc(made / "voc")
    listed = Run(made, merge_config(OVERLAY, {"run": "listed"}))
    root = {"root": made / "voc"}
    assert listed.stage("dataset", [], root, ["train.csv"], "train").returncode == 0
    assert listed.stage("classes", [], root, ["classes.csv"]).returncode == 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(runs.ENVIRONMENT, "CUEWALK_REUSE", "0")
        for processes, name in enumerate(("one", "two"), 1):
            ran = Training(made, name, processes)()
            assert ran.returncode == 0, ran.stderr
            assert not ran.stderr
    return made


def test_two_processes_train_what_one_does(folder):
    one, two = (Training(folder, name, 1) for name in ("one", "two"))
    weights, others = (load_file(t.made["model.safetensors"]) for t in (one, two))
    assert weights.keys() == others.keys()
    for name, value in weights.items():
        np.testing.assert_allclose(others[name], value, rtol=1e-3, atol=1e-4, err_msg=name)
    history, other = (pd.read_csv(t.made["history.csv"]) for t in (one, two))
    assert len(other) == 20
    np.testing.assert_allclose(other, history, rtol=1e-3)
    assert history.train_loss.iloc[-1] < history.train_loss.iloc[0]


def test_only_the_first_process_writes_and_logs(folder):
    one, two = (Training(folder, name, 1) for name in ("one", "two"))
    for training in (one, two):
        lines = training.log.read_text().splitlines()
        assert sum(" epoch " in line for line in lines) == 20
        assert sum("done: " in line for line in lines) == 1
        left = {path.name for path in training.run.folder.joinpath("classifier").iterdir()}
        assert left == {*FILES, "receipt.json"}


def training_processes(stage: psutil.Process) -> list[psutil.Process]:
    """In the order they were started; without multiprocessing's tracker of resources."""
    children = [c for c in stage.children() if "spawn_main" in " ".join(c.cmdline())]
    return sorted(children, key=lambda child: child.pid)


def killing(path: Path, choose: Callable[[psutil.Process], psutil.Process], seen: list):
    """A stand-in for `runs._command` that kills a process of the stage as soon as path is newer."""
    before = path.stat().st_mtime_ns if path.exists() else 0

    def command(*arguments: str, work: Path, around: Mapping[str, str] | None = None):
        environment = {**runs.ENVIRONMENT, **(around or {})}
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [sys.executable, *arguments], cwd=work, env=environment, stderr=pipe, text=True
        ) as stage:
            while not (path.exists() and path.stat().st_mtime_ns > before):
                assert stage.poll() is None
                time.sleep(0.002)
            about = psutil.Process(stage.pid)
            seen.extend(about.children(recursive=True))
            choose(about).send_signal(signal.SIGKILL)
            _, said = stage.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, stage.returncode, "", said)

    return command


def test_killed_ones_end_all_and_the_next_start_goes_on(folder, monkeypatch):
    monkeypatch.setitem(runs.ENVIRONMENT, "CUEWALK_REUSE", "0")
    training = Training(folder, "cut", 2)
    checkpoint = checkpoint_path(training.made["model.safetensors"])
    victims = {
        "stage": lambda stage: stage,
        "first": lambda stage: training_processes(stage)[0],
        "last": lambda stage: training_processes(stage)[-1],
    }
    for name, choose in victims.items():
        seen: list[psutil.Process] = []
        with monkeypatch.context() as patched:
            patched.setattr(runs, "_command", killing(checkpoint, choose, seen))
            ran = training()
        assert len(seen) >= 2
        _, alive = psutil.wait_procs(seen, timeout=30)
        assert not alive
        assert not any(path.exists() for path in training.made.values())
        if name == "stage":
            assert ran.returncode == -signal.SIGKILL
        else:
            assert ran.returncode == 1
            assert ran.stderr.startswith("cuewalk: compute.processes: training process ")
            assert "was killed by SIGKILL" in ran.stderr
            assert ran.stderr.count("\n") == 1
    ran = training()
    assert ran.returncode == 0, ran.stderr
    assert "going on" in training.log.read_text()
    assert training.bytes() == Training(folder, "two", 2).bytes()
