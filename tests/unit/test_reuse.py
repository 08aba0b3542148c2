"""What another run already has is taken over, and only that."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import made_runs
import pytest
from made_runs import SHARDS, finish, make_run, provenance, store, write_text

from cuewalk.artifacts import reuse
from cuewalk.artifacts.code import code_digest
from cuewalk.artifacts.provenance import Provenance
from cuewalk.artifacts.receipts import read_receipt
from cuewalk.audit.folder import load
from cuewalk.audit.judge import judge
from cuewalk.stages.runner import Job
from cuewalk.stages.runner import main as runner_main

PLACE = "crf/train-000"


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CUEWALK_REUSE", raising=False)
    monkeypatch.chdir(tmp_path)
    return make_run(Path("results/demo"))


def upstream(run: Path) -> Path:
    """Photographs, lists and cues of a new run, the same as those of the other."""
    whole = make_run(run)
    for path in sorted(whole.glob("crf/**/*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    return whole


def crf(run: Path, **changes: object) -> Provenance:
    inputs = {"index": ["dataset/index.csv"], "cues": ["cues/train-000"]}
    return provenance(run, "crf", f"{PLACE}.json", inputs, {"crf": PLACE}, "train-000", **changes)


def take(made: Provenance, run: Path) -> Path | None:
    return made.reuse(run / "logs" / "crf" / "train-000.log")


def shared(a: Path, b: Path) -> bool:
    """Whether the files are hard links of each other, which take no room."""
    files = [path for path in (a / PLACE).rglob("*") if path.is_file()]
    return all(path.samefile(b / path.relative_to(a)) for path in files)


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_work_is_taken_over(demo: Path):
    new = upstream(Path("results/new"))
    assert take(crf(new), new) == demo / f"{PLACE}.json"
    assert bytes_in(new / PLACE) == bytes_in(demo / PLACE) != {}
    ours, theirs = (read_receipt(run / f"{PLACE}.json") for run in (new, demo))
    assert ours["reused_from"] == "../../demo/crf/train-000.json"
    for key in ("product", "images", "seconds", "host", "outputs", "inputs", "cfg"):
        assert ours[key] == theirs[key]
    assert shared(demo, new)


def test_what_was_taken_over_is_audited_the_same(demo: Path):
    new = make_run(Path("results/new"))
    assert take(crf(new), new)
    assert {str(one.verdict) for one in judge(load(new))} == {"ok"}


def test_one_run_may_go_without_the_other_noticing(demo: Path):
    new = make_run(Path("results/new"))
    assert take(crf(new), new)
    before = bytes_in(new / PLACE)
    store(demo / PLACE, "crf", SHARDS["train-000"], shift=1)  # replaced, never written into
    assert bytes_in(new / PLACE) == before
    assert {str(one.verdict) for one in judge(load(new))} == {"ok"}


@pytest.mark.parametrize("what", ["cfg", "code", "data", "cues", "index"])
def test_other_work_is_not(demo: Path, what: str):
    new = upstream(Path("results/new"))
    changes: dict[str, object] = {}
    if what == "cfg":
        changes = {"cfg": {"crf": {"alpha_low": 5, "alpha_high": 32}, "grid": {"cells": 2}}}
    elif what in ("code", "data"):
        changes = {what: "other"}
    elif what == "cues":
        store(new / "cues/train-000", "cues", SHARDS["train-000"], shift=1)
    else:
        write_text(new / "dataset/index.csv", "id,path\n")
    assert take(crf(new, **changes), new) is None
    assert not (new / f"{PLACE}.json").exists()


def test_another_file_under_the_same_name(demo: Path):
    """Settings name the weights to start from by their path alone."""
    Path("w.pth").write_text("weights")
    cfg = {"crf": {"weights": "w.pth"}}
    made = crf(demo, cfg=cfg)
    store(demo / PLACE, "crf", SHARDS["train-000"])
    finish(made)
    new = upstream(Path("results/new"))
    assert take(crf(new, cfg=cfg), new)
    Path("w.pth").write_text("others")
    assert take(crf(new, cfg=cfg), new) is None


@pytest.mark.parametrize("what", ["flipped", "gone", "more", "receipt"])
def test_what_is_not_as_its_receipt_says_is_not(demo: Path, what: str):
    new = upstream(Path("results/new"))
    victim = next(p for p in sorted((demo / PLACE).rglob("*")) if p.is_file())
    if what == "flipped":
        victim.write_bytes(victim.read_bytes()[:-1] + b"!")
    elif what == "gone":
        victim.unlink()
    elif what == "more":
        write_text(demo / PLACE / "more.txt", "not claimed")
    elif what == "receipt":
        receipt = demo / f"{PLACE}.json"
        receipt.write_text(receipt.read_text().replace('"images": 2', '"images": 3'))
    taken = take(crf(new), new)
    if what == "more":  # only what is claimed is taken
        assert taken
        assert not (new / PLACE / "more.txt").exists()
        return
    assert taken is None
    assert not (new / PLACE).exists()
    assert not list(new.rglob(".*.tmp"))


def test_what_is_missing_in_both_is_not_the_same(demo: Path):
    new = upstream(Path("results/new"))
    for run in (demo, new):
        (run / "dataset/index.csv").unlink()
    made = crf(demo)
    store(demo / PLACE, "crf", SHARDS["train-000"])
    finish(made)
    made = crf(new)
    assert made.known["inputs"]["index"][0]["content"] == "missing"
    assert take(made, new) is None


def test_it_can_be_switched_off(demo: Path, monkeypatch: pytest.MonkeyPatch):
    new = upstream(Path("results/new"))
    monkeypatch.setenv("CUEWALK_REUSE", "0")
    assert take(crf(new), new) is None
    monkeypatch.setenv("CUEWALK_REUSE", "1")
    assert take(crf(new), new)


def test_where_nothing_can_be_linked_it_is_copied(demo: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    new = upstream(Path("results/new"))
    monkeypatch.setattr(reuse.os, "link", refuse)
    assert take(crf(new), new)
    assert bytes_in(new / PLACE) == bytes_in(demo / PLACE)
    assert not shared(demo, new)


def metrics(run: Path, stage: str) -> Provenance:
    cfg = {"metrics": {}, "seed": 3}
    outputs = {"masks": "extra/masks.csv"}
    return provenance(run, stage, "extra/receipt.json", {}, outputs, cfg=cfg)


@pytest.mark.parametrize(("stage", "taken"), [("metrics", True), ("report", False)])
def test_single_files_are_copied_and_the_report_is_made_anew(
    demo: Path, monkeypatch: pytest.MonkeyPatch, stage: str, taken: bool
):
    monkeypatch.setitem(made_runs.SECTIONS, stage, ())
    made = metrics(demo, stage)
    write_text(demo / "extra/masks.csv", "x\n")
    finish(made)
    new = Path("results/new")
    write_text(demo / "extra/masks.csv", "y\n")
    assert not take(metrics(new, stage), new)
    assert not (new / "extra/masks.csv").exists()
    write_text(demo / "extra/masks.csv", "x\n")
    assert bool(take(metrics(new, stage), new)) == taken
    if taken:
        # Snakemake sets the time of the file, which must not reach the other run's.
        ours, theirs = new / "extra/masks.csv", demo / "extra/masks.csv"
        assert ours.read_text() == theirs.read_text()
        assert not ours.samefile(theirs)


def started(run: str, monkeypatch: pytest.MonkeyPatch, stage: Callable[[Job], int]) -> None:
    arguments = {
        "--cfg": json.dumps({"grid": {"cells": 2}}),
        "--code": code_digest("cuewalk.stages.labels"),
        "--log": f"results/{run}/logs/labels/train-000.log",
        "--receipt": f"results/{run}/labels/train-000.json",
        "--shard": "train-000",
    }
    argv = [part for option in arguments.items() for part in option]
    argv += ["--input", "crf", f"results/{run}/crf/train-000"]
    argv += ["--output", "labels", f"results/{run}/labels/train-000"]
    monkeypatch.setattr(sys, "argv", ["labels", *argv])
    monkeypatch.setenv("CUEWALK_COMPUTE", '{"device": "cpu"}')
    monkeypatch.setenv("CUEWALK_ROOT", f"results/{run}/photographs")
    runner_main("cuewalk.stages.labels", stage)


def test_the_runner_runs_a_stage_only_if_it_has_to(demo: Path, monkeypatch: pytest.MonkeyPatch):
    make_run(Path("results/new"))
    calls = []

    def stage(job: Job) -> int:
        calls.append(job)
        store(job.outputs["labels"], "labels", ("a", "b"), shift=len(calls))
        return 7

    for run in ("demo", "new"):
        for path in Path(f"results/{run}/labels").glob("train-000.json"):
            path.unlink()
    started("demo", monkeypatch, stage)
    assert len(calls) == 1
    assert read_receipt(demo / "labels/train-000.json")["images"] == 7
    started("new", monkeypatch, stage)
    assert len(calls) == 1
    taken = read_receipt(Path("results/new/labels/train-000.json"))
    assert (taken["images"], taken["reused_from"]) == (7, "../../demo/labels/train-000.json")
    assert "done:" in Path("results/new/logs/labels/train-000.log").read_text()
    monkeypatch.setenv("CUEWALK_REUSE", "0")
    started("new", monkeypatch, stage)
    assert len(calls) == 2
