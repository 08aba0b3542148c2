"""Every job on a workstation has a GPU of its own. The GPUs are pretended, the processes real."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from gpus import pretend_gpus

from cuewalk.devices import gpus, gpus_of_a_job, take_gpu

# Takes a GPU, says so in a file, and keeps it until the file `end` is there, or for good.
JOB = """
import os, sys, time
from pathlib import Path
from cuewalk.devices import take_gpu
said, end = Path(sys.argv[1]), Path(sys.argv[2])
taken = take_gpu(every=0.02)
draft = said.with_suffix(".draft")
draft.write_text(f"{taken} {os.environ.get('CUDA_VISIBLE_DEVICES')} {time.monotonic()}")
draft.replace(said)
while not end.exists():
    time.sleep(0.01)
with said.open("a") as file:
    file.write(f" {time.monotonic()}")
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workstation with two GPUs, as its driver's own program tells, and no scheduler."""
    driver = pretend_gpus(tmp_path, "GPU-aa", "GPU-bb")
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "PE_HOSTFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{driver}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where the locks lie
    return tmp_path


@contextmanager
def job(
    folder: Path, name: str, around: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", JOB, str(folder / name), str(folder / "end")]
    with subprocess.Popen(command, env={**os.environ, **(around or {})}) as process:
        try:
            yield process
        finally:
            (folder / "end").touch()


def answer(path: Path, process: subprocess.Popen[bytes]) -> list[str]:
    """What a job said: the GPU that it took, those that it sees, and when."""
    until = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, "the job ended"
        assert time.monotonic() < until, "the job got no GPU"
        time.sleep(0.01)
    return path.read_text().split()


def test_gpus_are_those_that_the_driver_names(machine: Path) -> None:
    assert gpus() == ("GPU-aa", "GPU-bb")


@pytest.mark.parametrize(
    ("visible", "names"),
    [("1,3", ("1", "3")), (" 1 , 3", ("1", "3")), ("", ()), ("-1", ()), ("GPU-bb", ("GPU-bb",))],
)
def test_gpus_are_those_that_are_visible(
    machine: Path, monkeypatch: pytest.MonkeyPatch, visible: str, names: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus() == names


def test_a_machine_without_a_driver_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus() == ()
    assert take_gpu(tmp_path / "locks") is None
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert [gpus_of_a_job(name) for name in ("auto", "cpu", "mps", "cuda")] == [0, 0, 0, 1]


def test_a_job_asks_for_one_where_it_would_use_it(machine: Path) -> None:
    assert [gpus_of_a_job(name) for name in ("auto", "cpu", "mps", "cuda")] == [1, 0, 0, 1]


def test_two_jobs_have_two_gpus_and_a_third_waits(machine: Path) -> None:
    with job(machine, "first") as first, job(machine, "second") as second:
        taken = [answer(machine / n, p) for n, p in (("first", first), ("second", second))]
        assert {t[0] for t in taken} == {"GPU-aa", "GPU-bb"}
        assert all(t[0] == t[1] for t in taken)  # and sees no other
        with job(machine, "third") as third:
            time.sleep(1)
            assert not (machine / "third").exists()
            # A job that is killed has no time to let go of anything.
            first.send_signal(signal.SIGKILL)
            assert answer(machine / "third", third)[0] == taken[0][0]


def test_never_two_jobs_at_once_on_one_gpu(machine: Path) -> None:
    (machine / "end").touch()  # every job ends at once: the next one takes over
    names = [f"job-{i}" for i in range(8)]
    running = [
        subprocess.Popen([sys.executable, "-c", JOB, str(machine / n), str(machine / "end")])
        for n in names
    ]
    assert [process.wait(60) for process in running] == [0] * len(running)
    spans: dict[str, list[tuple[float, float]]] = {}
    for name in names:
        taken, _, start, end = (machine / name).read_text().split()
        spans.setdefault(taken, []).append((float(start), float(end)))
    assert set(spans) <= {"GPU-aa", "GPU-bb"}
    for found in spans.values():
        found.sort()
        assert all(end <= start for (_, end), (start, _) in pairwise(found))


@pytest.mark.parametrize(
    "around",
    [
        {"CUDA_VISIBLE_DEVICES": "0", "SLURM_JOB_ID": "7"},
        {"CUDA_VISIBLE_DEVICES": "0,1", "SLURM_JOB_ID": "7"},
        {"CUDA_VISIBLE_DEVICES": "GPU-aa"},
    ],
)
def test_what_a_job_was_given_it_keeps(machine: Path, around: dict[str, str]) -> None:
    with job(machine, "first", around) as first, job(machine, "second", around) as second:
        for name, process in (("first", first), ("second", second)):
            found = answer(machine / name, process)
            assert found[:2] == ["None", around["CUDA_VISIBLE_DEVICES"]]


def test_of_several_visible_ones_a_job_takes_one(machine: Path) -> None:
    around = {"CUDA_VISIBLE_DEVICES": "2,3"}
    with job(machine, "first", around) as first, job(machine, "second", around) as second:
        taken = [answer(machine / n, p) for n, p in (("first", first), ("second", second))]
    assert {t[0] for t in taken} == {"2", "3"}
    assert all(t[0] == t[1] for t in taken)


@pytest.mark.parametrize(("alone", "taken"), [(True, ["GPU-aa"]), (False, [])])
def test_one_process_of_several_waits_for_no_gpu(
    machine: Path, monkeypatch: pytest.MonkeyPatch, alone: bool, taken: list[str]
) -> None:
    import torch

    from cuewalk import devices
    from cuewalk.stages.networks import prepare
    from cuewalk.stages.runner import Job

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # so that it is put back, whatever is set
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr("torch.version.cuda", "12.8")
    monkeypatch.setattr(devices, "_held", [])
    compute = {"device": "auto"}
    prepare(Job({}, compute, machine, {}, {}, "", torch.get_num_threads()), alone=alone)
    assert [Path(lock.lock_file).stem for lock in devices._held] == taken
