"""What jobs ask for limits how many run at once, and is no reason to compute anything."""

import os
import re
import shutil
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import runs
from gpus import pretend_gpus
from runs import Run

from cuewalk.artifacts.receipts import read_receipt
from cuewalk.config import merge_config

SHARDS = ("train-000", "train-001", "evaluate-000")


def test_other_resources_compute_nothing_again(tiny, monkeypatch):
    monkeypatch.setitem(runs.ENVIRONMENT, "CUEWALK_GPU", "1")
    assert tiny.planned("--set-resources", "cues:mem_mb=9", "crf:runtime=9") == {}
    assert tiny.planned("--default-resources", "mem_mb=9", "slurm_partition='other'") == {}


def test_a_run_may_have_thousands_of_shards(tiny, tmp_path):
    many = {"shards": {"train": 9999, "evaluate": 9999}}
    plan = Run(tmp_path, merge_config(tiny.overlay, many)).snakemake_or_fail("--dry-run").stdout
    assert re.search(r"\bcues +22\b", plan)


def test_only_what_trains_in_several_processes_asks_for_several_gpus(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(runs.ENVIRONMENT, "CUEWALK_GPU", "1")
    compute = {"compute": {"device": "cuda", "processes": 3}}
    run = Run(tmp_path, merge_config(tiny.overlay, compute))
    plan = run.snakemake_or_fail("--dry-run", "--quiet", "host", "--resources", "gpu=4").stdout
    # The line of a job's resources, and no further than its own.
    asked = dict(re.findall(r"^rule (\w+):(?:\n    .*)*?\n    resources: .*gpu=(\d)", plan, re.M))
    several = {rule for rule, count in asked.items() if count == "3"}
    assert several == {"classifier", "affinitynet"}
    assert asked["cues"] == "1"


@pytest.fixture
def one_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose driver names one GPU, which torch then does not find."""
    driver = pretend_gpus(tmp_path, "GPU-aa")
    for name in ("CUDA_VISIBLE_DEVICES", "CUEWALK_GPU"):
        monkeypatch.delitem(runs.ENVIRONMENT, name, raising=False)
    monkeypatch.setitem(runs.ENVIRONMENT, "PATH", f"{driver}:{os.environ['PATH']}")
    monkeypatch.setitem(runs.ENVIRONMENT, "TMPDIR", str(tmp_path))  # of the locks


def test_one_gpu_serves_one_job_at_a_time(tiny, tmp_path, one_gpu):
    # torch finds no GPU, so the arithmetic is the CPU's; who may use it is settled before that.
    run = Run(tmp_path / "work", merge_config(tiny.overlay, {"compute": {"device": "auto"}}))
    shutil.copytree(tiny.work, run.work)
    shutil.rmtree(run.folder / "cues")
    run.snakemake_or_fail(*(f"results/tiny/cues/{shard}" for shard in SHARDS))
    times = []
    for shard in SHARDS:
        receipt = read_receipt(run.folder / "cues" / f"{shard}.json")
        end = datetime.fromisoformat(receipt["finished"])
        times.append((end - timedelta(seconds=receipt["seconds"]), end))
        assert "GPU GPU-aa" in (run.folder / "logs" / "cues" / f"{shard}.log").read_text()
    # Seconds spent waiting for the lock would count: Snakemake started one after the other.
    assert all(end <= start for (_, end), (start, _) in pairwise(sorted(times)))
