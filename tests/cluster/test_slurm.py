"""The unchanged rules on a real Slurm, struck in the middle, make what they make without one."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from runs import ENVIRONMENT, TINY, Run, products
from slurm import Slurm

from cuewalk.config import merge_config

pytestmark = pytest.mark.timeout(3000)

NETWORKS = {
    *("classifier", "predictions", "cues", "affinitynet", "walk", "explanations", "perturbation"),
}
"""Rules whose jobs run a network."""
SHORTER = merge_config(TINY, {"explain": {"methods": ["relevance"]}})
# What the profile says for a cluster of many nodes, for one of two cores.
SMALL = (
    *("--set-threads", "classifier=2", "affinitynet=2", "--cores", "2"),
    *("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "20"),
)


@dataclass(frozen=True)
class SlurmRun(Run):
    """A run of which every job goes through Slurm."""

    slurm: Slurm | None = None

    def arguments(self) -> list[str]:
        """Of Python, with the profile for Slurm."""
        given = super().arguments()
        place = given.index("--profile") + 1
        given[place] = str(self.project / "workflow" / "profiles" / "slurm")
        return [*given, *SMALL]

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        """The command that a user types, in the background."""
        assert self.slurm is not None
        # Two of three variables, and that there are GPUs: the jobs get them, and do without.
        told = {"CUEWALK_PARTITION": "main", "CUEWALK_GPU_PARTITION": "fast", "CUEWALK_GPU": "1"}
        around = {k: v for k, v in ENVIRONMENT.items() if not k.startswith("SLURM")}
        with log.open("ab") as file:
            return subprocess.Popen(
                [sys.executable, *self.arguments()],
                cwd=self.work,
                env={**around, **self.slurm.environment, **told},
                stdout=file,
                stderr=subprocess.STDOUT,
            )


def wait_until(true: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until something is true of a run that goes on."""
    until = time.monotonic() + 600
    while not true():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)


def stages(name: str, work: Path) -> list[psutil.Process]:
    """Living processes of a stage, of jobs that work in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            if f"cuewalk.stages.{name}" in command and Path(process.cwd()) == work.resolve():
                found.append(process)
        except psutil.Error:
            continue
    return found


def strike(run: SlurmRun, log: Path) -> None:
    """Kill the node's daemon and a job; then Snakemake, while jobs of its run."""
    slurm = run.slurm
    assert slurm is not None
    snakemake = run.start(log)
    try:
        wait_until(lambda: bool(stages("classifier", run.work)), snakemake, log)
        slurm.stop("slurmd", kill=True)
        for process in stages("classifier", run.work):
            process.kill()
        slurm.start_slurmd()
        wait_until(lambda: bool(stages("cues", run.work)), snakemake, log)
    finally:
        snakemake.send_signal(signal.SIGKILL)
        snakemake.wait()


@pytest.fixture(scope="module")
def local(slurm, tmp_path_factory):
    """The same run without a cluster."""
    run = Run(tmp_path_factory.mktemp("local"), SHORTER)
    run.snakemake_or_fail()
    return run


@pytest.fixture(scope="module")
def struck(slurm, tmp_path_factory):
    """A run on Slurm that was struck, and went on as docs/cluster.md says."""
    run = SlurmRun(tmp_path_factory.mktemp("cluster"), SHORTER, slurm=slurm)
    log = run.work / "said.log"
    strike(run, log)
    # The jobs of the killed Snakemake live on, under the name that its log tells.
    (name,) = re.findall(r"SLURM run ID: (\S+)", log.read_text())
    assert slurm.ask("squeue", "--noheader", f"--name={name}").strip()
    slurm.ask("scancel", f"--name={name}")
    until = time.monotonic() + 60
    while slurm.ask("squeue", "--noheader", f"--name={name}").strip():
        assert time.monotonic() < until
        time.sleep(0.2)
    run.snakemake_or_fail("--unlock")
    ended = run.start(log)
    assert ended.wait() == 0, log.read_text() + slurm.said()
    return run


def test_the_run_is_that_of_one_machine(struck, local):
    ran = subprocess.run(
        [sys.executable, "-m", "cuewalk.audit", "diff", str(local.folder), str(struck.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    ours, theirs = products(local.folder), products(struck.folder)
    assert ours == theirs
    assert len(ours) > 35
    assert not struck.temporary_files()


def test_every_file_is_what_its_receipt_says(struck):
    ran = subprocess.run(
        [sys.executable, "-m", "cuewalk.audit", "audit", str(struck.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_there_is_nothing_left_to_do_with_or_without_slurm(struck):
    assert Run(struck.work, struck.overlay).planned() == {}


def test_a_killed_job_was_made_again_with_more(struck, slurm):
    jobs = [job for job in slurm.jobs() if job["Comment"].startswith("rule_classifier")]
    assert [job["JobState"] for job in jobs][-1] == "COMPLETED"
    assert len(jobs) == 2
    first, second = (memory(job) for job in jobs)
    assert second == 2 * first


def test_jobs_ask_for_what_their_rule_needs(struck, slurm):
    asked = {}
    for job in slurm.jobs():
        rule = re.match(r"rule_([a-z_]+?)(?:_wildcards.*)?$", job["Comment"])
        assert rule, job
        asked.setdefault(rule[1], []).append(job)
    assert set(asked) >= NETWORKS
    for name, jobs in asked.items():
        for job in jobs:
            network = name in NETWORKS
            assert job.get("TresPerJob") == ("gres:gpu:1" if network else None), name
            assert job["Partition"] == ("fast" if network else "main"), name
            assert job["Requeue"] == "0"
            assert job["TimeLimit"] != "UNLIMITED"
            assert job["NumCPUs"] == ("2" if name in {"classifier", "affinitynet"} else "1")


def test_no_job_is_part_of_an_array(struck, slurm):
    # Each later task of an array touches what the first one made, so it looks newer than its heirs.
    assert not [job for job in slurm.jobs() if "ArrayJobId" in job]


def memory(job: dict[str, str]) -> int:
    """Megabytes that a job asked for."""
    number, unit = re.fullmatch(r"(\d+)([MG])", job["MinMemoryNode"]).groups()  # type: ignore[union-attr]
    return int(number) * (1024 if unit == "G" else 1)
