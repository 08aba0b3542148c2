"""A full disk, one that cannot be written to, two runs at once: a sentence, and nothing lost."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from runs import TINY, Run

pytestmark = pytest.mark.timeout(600)
TARGET = "results/tiny/dataset/counts.csv"


def mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def run(tmp_path) -> Iterator[Run]:
    """A run whose results lie on a disk of 64 kB."""
    place = tmp_path / "results"
    place.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)):
        pytest.skip("mounting a small disk needs more rights than this user has")
    yield Run(tmp_path, TINY)
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def sentences(ran: subprocess.CompletedProcess[str]) -> list[str]:
    assert "Traceback" not in ran.stdout + ran.stderr
    lines = [line.strip() for line in (ran.stdout + ran.stderr).splitlines()]
    return [line for line in lines if line.startswith(("cuewalk: ", "results"))]


def test_a_full_disk(run):
    ran = run.snakemake("--", TARGET)
    assert ran.returncode != 0
    (sentence,) = sentences(ran)
    assert sentence.startswith("cuewalk: results/tiny: the disk is full; make room")
    assert not run.photographs.exists()
    assert not run.temporary_files()
    assert mount("-o", "remount,size=50m", str(run.work / "results"))
    run.snakemake_or_fail("--", TARGET)


def test_a_disk_that_cannot_be_written_to(run):
    place = str(run.work / "results")
    assert mount("-o", "remount,size=50m", place)
    run.snakemake_or_fail("--", TARGET)
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}
    assert mount("-o", "remount,ro", place)
    ran = run.snakemake()
    assert ran.returncode != 0
    (sentence,) = sentences(ran)
    assert sentence.startswith("results/tiny: cannot be written to")
    assert {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")} == before
    # What lies there may still be looked at.
    assert run.planned("--", TARGET) == {}


def test_two_runs_at_once(tmp_path):
    run = Run(tmp_path, TINY)
    log = run.folder / "logs" / "shapes.log"
    longer = "results/tiny/classifier/model.safetensors"  # so that both really overlap
    with subprocess.Popen(
        [sys.executable, *run.arguments(), "--", longer],
        cwd=run.work,
        stderr=subprocess.PIPE,
        text=True,
    ) as first:
        while not log.exists() and first.poll() is None:
            time.sleep(0.01)
        second = run.snakemake("--", longer)
        said = first.communicate()[1]
    assert first.returncode == 0, said
    assert second.returncode != 0
    assert "Traceback" not in second.stdout + second.stderr
    assert "cannot be locked" in second.stdout + second.stderr
    assert run.planned("--", longer) == {}
