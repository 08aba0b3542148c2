"""A training that is really killed goes on where it was, and nobody can tell from what it makes."""

import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import runs
from runs import TINY, Run
from trees import write_voc

from cuewalk.artifacts.checkpoint import checkpoint_path
from cuewalk.config import merge_config

# Many short epochs, so that the signal comes long before the last.
OVERLAY = merge_config(
    {key: value for key, value in TINY.items() if key != "dataset"},
    {
        "dataset": {"kind": "voc", "root": "voc", "classes": ["dog", "cat"], "select": None},
        "shards": {"train": 1, "evaluate": 1},
        "classifier": {
            "model": {"transformer": {"drop_path": 0.2}},
            "training": {"epochs": 30, "batch_size": 1},
            "augment": {"jitter": [0.3, 0.3, 0.3, 0.1], "crop": [0.5, 1.0], "erase": 0.2},
        },
    },
)
FILES = ["model.safetensors", "history.csv"]


def train(folder: Path, overlay: Mapping[str, object]) -> subprocess.CompletedProcess[str]:
    run = Run(folder, overlay)
    inputs = {
        "index": run.folder / "dataset" / "train.csv",
        "classes": run.folder / "classes" / "classes.csv",
        "root": folder / "voc",
    }
    return run.stage("classifier", ["classifier", "seed"], inputs, FILES)


def killed_when(path: Path):
    """A stand-in for `runs._command` that sends SIGKILL as soon as the path exists."""

    def command(*arguments: str, work: Path, around: Mapping[str, str] | None = None):
        environment = {**runs.ENVIRONMENT, **(around or {})}
        with subprocess.Popen([sys.executable, *arguments], cwd=work, env=environment) as process:
            while not path.exists() and process.poll() is None:
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
        return subprocess.CompletedProcess(arguments, process.returncode)

    return command


def test_killed_training_goes_on(tmp_path, monkeypatch):
    # Else the second run would take the weights of the first.
    monkeypatch.setitem(runs.ENVIRONMENT, "CUEWALK_REUSE", "0")
    write_voc(tmp_path / "voc")
    whole, cut = (merge_config(OVERLAY, {"run": name}) for name in ("whole", "cut"))
    listed = Run(tmp_path, whole)
    root = {"root": tmp_path / "voc"}
    assert listed.stage("dataset", [], root, ["train.csv"], "train").returncode == 0
    assert listed.stage("classes", [], root, ["classes.csv"]).returncode == 0
    run = Run(tmp_path, cut)
    run.folder.mkdir()
    for name in ("dataset", "classes"):
        (run.folder / name).symlink_to(listed.folder / name)

    ran = train(tmp_path, whole)
    assert ran.returncode == 0, ran.stderr
    expected = {name: (listed.folder / "classifier" / name).read_bytes() for name in FILES}
    left = {path.name for path in (listed.folder / "classifier").iterdir()}
    assert left == {*FILES, "receipt.json"}

    made = {name: run.folder / "classifier" / name for name in FILES}
    checkpoint = checkpoint_path(made["model.safetensors"])
    with monkeypatch.context() as patched:
        patched.setattr(runs, "_command", killed_when(checkpoint))
        assert train(tmp_path, cut).returncode == -signal.SIGKILL
    assert checkpoint.exists()
    assert not made["model.safetensors"].exists()
    log = run.folder / "logs" / "classifier.log"
    done = log.read_text().count(" epoch ")
    assert done < 30

    ran = train(tmp_path, cut)
    assert ran.returncode == 0, ran.stderr
    assert "going on" in log.read_text()
    assert {name: path.read_bytes() for name, path in made.items()} == expected
    assert {path.name for path in (run.folder / "classifier").iterdir()} == left


@pytest.mark.parametrize("name", ["classifier", "affinitynet"])
def test_no_rule_names_the_checkpoint(name):
    # Snakemake deletes the outputs of a killed job.
    rule = (runs.ROOT / "workflow" / "rules" / f"{name}.smk").read_text()
    assert checkpoint_path(Path("model.safetensors")).name not in rule
