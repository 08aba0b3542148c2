"""Jobs of two machines write into one results folder, as on a network file system.

The machines are two names of this one (UTS namespaces): what tells machines apart here is their
name. That a file is late to show on one machine when another wrote it, Snakemake has to wait for.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from runs import ENVIRONMENT, Run

from cuewalk.artifacts.receipts import read_receipt

SCRIPT = 'hostname "$1" && shift && exec "$@"'


def can_take_a_name() -> bool:
    try:
        command = ["unshare", "--uts", "sh", "-c", SCRIPT, "sh", "machine-a", "true"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


pytestmark = pytest.mark.skipif(
    not can_take_a_name(), reason="needs the right to `unshare --uts`, as root has"
)


@pytest.fixture
def shared(tiny: Run, tmp_path: Path) -> Run:
    """A finished run of which the CRF and the labels are to be made again."""
    run = Run(tmp_path / "work", tiny.overlay)
    shutil.copytree(tiny.work, run.work)
    for stage in ("crf", "labels"):
        shutil.rmtree(run.folder / stage)
    return run


def on_machine(run: Run, machine: str, target: str) -> subprocess.Popen[str]:
    """Snakemake on a machine of this name; unlocked, as two of them would refuse each other."""
    arguments = [*run.arguments(), "--nolock", f"results/{run.overlay['run']}/{target}"]
    return subprocess.Popen(
        ["unshare", "--uts", "sh", "-c", SCRIPT, "sh", machine, sys.executable, *arguments],
        cwd=run.work,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_two_machines_make_different_shards(tiny, shared):
    # What a killed job of one machine left, under a number that is no process of the other's.
    rest = shared.folder / "labels" / ".train-001.machine-a.999999999.tmp"
    rest.mkdir(parents=True)
    targets = {"machine-a": "labels/train-000", "machine-b": "labels/train-001"}
    running = [on_machine(shared, machine, target) for machine, target in targets.items()]
    said = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    for machine, target in targets.items():
        for path in (target, target.replace("labels", "crf")):
            ours, theirs = (read_receipt(r.folder / f"{path}.json") for r in (shared, tiny))
            assert ours["product"] == theirs["product"]
            assert ours["host"] == machine
    assert rest.exists()  # the other machine cannot know that nobody writes to it any more
    rest.rmdir()
    assert not shared.temporary_files()
    assert shared.planned() == {"crf": 1, "labels": 1} | shared.planned()


def test_artefacts_name_no_place_of_the_machine(tiny):
    place = os.fsencode(tiny.work)
    looked = 0
    for path in tiny.folder.rglob("*"):
        if path.is_file() and path.relative_to(tiny.folder).parts[0] != "logs":
            assert place not in path.read_bytes(), path
            looked += 1
    assert looked > 100
