"""What the audit says of each way in which a run can be other than its receipts say."""

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import made_runs
import pytest
from click.testing import CliRunner
from made_runs import finish, make_metrics, make_run, make_shard, provenance, store, write_text

from cuewalk.artifacts.receipts import read_receipt, write_receipt
from cuewalk.audit import reasons
from cuewalk.audit.cli import main
from cuewalk.audit.folder import load
from cuewalk.audit.judge import Judgement, judge
from cuewalk.audit.mend import afterwards

FOLLOWING = {"crf/train-000", "labels/train-000", "metrics"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_run(Path("results/demo"))


def found(run: Path) -> dict[str, Judgement]:
    return {one.name: one for one in judge(load(run))}


def bad(run: Path) -> dict[str, str]:
    return {name: str(one.verdict) for name, one in found(run).items() if one.verdict != "ok"}


def flip(path: Path, bit: int = 3) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1 << bit
    path.write_bytes(raw)


def rewrite(path: Path, **changes: object) -> None:
    """A sound receipt that says something else."""
    content = {key: value for key, value in read_receipt(path).items() if key != "digest"}
    write_receipt(path, content | changes)


def test_all_is_well(run: Path):
    assert bad(run) == {}
    assert len(found(run)) == 2 + 3 * 3 + 1


def test_a_moved_run_is_as_good(run: Path, tmp_path: Path):
    shutil.copytree(run, tmp_path / "elsewhere" / "other")
    shutil.rmtree(run)
    assert bad(tmp_path / "elsewhere" / "other") == {}


def test_no_bit_of_any_file_can_flip(run: Path):
    for path in [p for p in run.rglob("*") if p.is_file() and "logs" not in p.parts]:
        raw = path.read_bytes()
        flip(path, bit=len(raw) % 8)
        assert bad(run), path
        path.write_bytes(raw)
    assert bad(run) == {}


def test_modified_values_and_what_follows(run: Path):
    store(run / "cues/train-000", "cues", ("a", "b"), shift=1)
    judged = found(run)
    assert bad(run) == {"cues/train-000": "modified", **dict.fromkeys(FOLLOWING, "stale")}
    assert judged["cues/train-000"].reason.endswith("changed: grid of a, b")
    assert judged["crf/train-000"].reason == "cues/train-000 is not what it was made from"
    assert judged["metrics"].reason == "follows from labels/train-000, which is stale"


def test_modified_bytes_of_the_same_values_make_nothing_stale(run: Path):
    # Behind the end of a zip file: read, it is the same.
    path = run / "cues/train-000/cues.zarr.zip"
    path.write_bytes(path.read_bytes() + b" ")
    assert bad(run) == {"cues/train-000": "modified"}
    judged = found(run)["cues/train-000"]
    assert "its values are the same" in judged.reason
    # Snakemake would not look for it while the crf is there, so it has to be named.
    assert judged.read
    assert afterwards(run, list(found(run).values())).endswith(
        " -- all results/demo/cues/train-000 results/demo/cues/train-000.json"
    )


def test_an_unreadable_store(run: Path):
    (run / "labels/train-001/labels.zarr.zip").write_text("{")
    assert bad(run) == {"labels/train-001": "modified", "metrics": "stale"}
    assert "can no longer be read" in found(run)["labels/train-001"].reason


def test_a_damaged_receipt(run: Path):
    flip(run / "cues/train-000.json")
    assert bad(run) == {"cues/train-000": "modified"}
    judged = found(run)["cues/train-000"]
    assert "receipt is damaged" in judged.reason
    assert judged.paths == ["cues/train-000", "cues/train-000.json"]
    flip(run / "dataset/receipt.json")
    assert found(run)["dataset"].paths == [
        "dataset/classes.csv", "dataset/index.csv", "dataset/receipt.json",
    ]  # fmt: skip


@pytest.mark.parametrize("what", ["folder", "store", "file"])
def test_missing_outputs(run: Path, what: str):
    if what == "folder":
        shutil.rmtree(run / "cues/train-000")
    elif what == "store":
        (run / "cues/train-000/cues.zarr.zip").unlink()
    else:
        (run / "dataset/classes.csv").unlink()
    if what == "file":
        assert bad(run)["dataset"] == "missing"
    else:
        assert bad(run) == {"cues/train-000": "missing", **dict.fromkeys(FOLLOWING, "stale")}
        assert "gone" in found(run)["cues/train-000"].reason


def test_a_missing_receipt(run: Path):
    (run / "cues/train-000.json").unlink()
    assert bad(run) == {"cues/train-000": "missing", **dict.fromkeys(FOLLOWING, "stale")}
    judged = found(run)["cues/train-000"]
    assert judged.reason.startswith("its receipt cues/train-000.json is gone")
    assert judged.paths == ["cues/train-000"]  # not an orphan as well


def test_an_artefact_that_is_gone_without_a_trace(run: Path):
    shutil.rmtree(run / "labels/train-001")
    (run / "labels/train-001.json").unlink()
    assert bad(run) == {"labels/train-001": "missing", "metrics": "stale"}
    assert found(run)["labels/train-001"].paths == []


def test_stale_after_an_input_was_made_anew(run: Path):
    store(run / "cues/train-000", "cues", ("a", "b"), shift=1)
    made = provenance(
        run, "cues", "cues/train-000.json", {"index": ["dataset/index.csv"]},
        {"cues": "cues/train-000"}, "train-000",
    )  # fmt: skip
    finish(made)
    assert bad(run) == dict.fromkeys(FOLLOWING, "stale")


def test_nothing_is_stale_after_an_input_was_made_anew_and_came_out_the_same(run: Path):
    make_shard(run, "cues", "dataset", "train-000")
    assert bad(run) == {}


def test_stale_by_code(run: Path, monkeypatch: pytest.MonkeyPatch):
    path = run / "labels/train-000.json"
    modules = read_receipt(path)["modules"]
    rewrite(path, code="0" * 16, modules=modules | {"cuewalk.labels": "0" * 64})
    assert bad(run) == {"labels/train-000": "stale", "metrics": "stale"}
    assert found(run)["labels/train-000"].reason == "the code changed: cuewalk.labels"
    rewrite(path, stage="strolls")
    assert "no such stage" in found(run)["labels/train-000"].reason


def test_stale_by_a_library(run: Path):
    path = run / "metrics/receipt.json"
    libraries = read_receipt(path)["libraries"]
    rewrite(path, code="0" * 16, libraries=libraries | {"pandas": "0.1"})
    assert found(run)["metrics"].reason == "the code changed: pandas"


def test_stale_by_settings_that_a_newer_artefact_has_otherwise(
    run: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(made_runs.CFG, "crf", {"alpha_low": 5, "alpha_high": 32})
    make_shard(run, "crf", "cues", "evaluate-000")
    judged = bad(run)
    assert {name for name in judged if name.startswith("crf")} == {"crf/train-000", "crf/train-001"}
    assert "crf/evaluate-000" not in judged  # the newest counts
    reason = found(run)["crf/train-000"].reason
    assert reason == "crf.alpha_low is 4, and 5 in crf/evaluate-000, which is newer"


def test_methods_may_have_settings_of_their_own(run: Path):
    for method in ("a", "b"):
        cfg = {"method": method, "module": "cuewalk.labels", "options": {"seed": method}}
        place = f"labels/{method}"
        write_text(run / place / "x.txt", method)
        finish(
            provenance(run, "labels", f"{place}.json", {}, {"x": place}, cfg=cfg),
        )
    assert {n for n in bad(run) if "the code" not in found(run)[n].reason} == set()


def test_stale_by_a_file_that_settings_name(run: Path):
    Path("w.pth").write_text("weights")
    cfg = {"metrics": {"weights": "w.pth"}}
    outputs = {"x": "extra/x.csv"}
    made = provenance(run, "metrics", "extra/receipt.json", {}, outputs, cfg=cfg)
    write_text(run / "extra/x.csv", "x\n")
    finish(made)
    rewrite(run / "metrics/receipt.json", cfg=cfg)
    assert bad(run) == {}
    Path("w.pth").write_text("others")
    assert bad(run) == {"extra": "stale"}
    assert "w.pth" in found(run)["extra"].reason


def test_orphan_files_and_folders(run: Path):
    write_text(run / "cues/train-007/cues.zarr.zip", "{}")
    write_text(run / "cues/train-007/others/9", "{}")
    write_text(run / "cues/train-000/others/9", "{}")
    write_text(run / "notes.txt", "mine")
    write_text(run / "cues/.train-000.host.1.tmp/x", "half")
    (run / "cues/train-000/.snakemake_timestamp").touch()
    assert bad(run) == dict.fromkeys(
        ("cues/train-007", "notes.txt", "cues/.train-000.host.1.tmp",
         "cues/train-000/others"), "orphan",
    )  # fmt: skip


def test_a_shard_that_the_run_no_longer_has(run: Path):
    make_metrics(run, ("train-000", "evaluate-000"))
    gone = {f"{stage}/train-001" for stage in ("cues", "crf", "labels")}
    assert bad(run) == dict.fromkeys(gone, "orphan")
    # Where no kind of shard is gathered, nothing is said of it.
    make_metrics(run, ("evaluate-000",))
    assert bad(run) == {}


def command(*arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(main, ["audit", *arguments])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran.exit_code, ran.output


def test_exit_status_and_table(run: Path):
    assert command("results/demo")[0] == 0
    shutil.rmtree(run / "labels/train-001")
    status, text = command("results")
    assert status == 1
    assert "missing" in text
    assert "    rm -r results/demo/labels/train-001.json\n" in text
    assert "snakemake --profile workflow/profiles/default" in text


@pytest.mark.parametrize("what", [["nowhere"], ["--no-such-option", "results"], [], ["empty"]])
def test_usage(run: Path, what: list[str]):
    Path("empty").mkdir()
    status, text = command(*what)
    assert status == 2
    assert "Traceback" not in text
    if what in (["nowhere"], ["empty"]):
        (line,) = text.splitlines()
        assert line.startswith(f"cuewalk: {what[0]}: ")


def test_json(run: Path):
    make_run(Path("results/other"))
    flip(run / "cues/train-000.json")
    status, text = command("--json", "results")
    said = json.loads(text)
    assert (status, said["ok"]) == (1, False)
    assert [one["run"] for one in said["runs"]] == ["results/demo", "results/other"]
    assert {a["verdict"] for a in said["runs"][1]["artefacts"]} == {"ok"}
    (one,) = [a for a in said["runs"][0]["artefacts"] if a["verdict"] != "ok"]
    assert (one["artefact"], one["verdict"]) == ("cues/train-000", "modified")
    assert one["command"] == "rm -r results/demo/cues/train-000 results/demo/cues/train-000.json"


def test_the_commands_do_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "my work; rm x").mkdir()
    monkeypatch.chdir(tmp_path)
    run = make_run(Path("my work; rm x/results/demo"))
    flip(run / "cues/train-000.json")
    store(run / "crf/train-000", "crf", ("a", "b"), shift=1)
    write_text(run / "-f", "mine")
    said = json.loads(command("--json", str(run))[1])["runs"][0]
    commands = [a["command"] for a in said["artefacts"] if a["command"]]
    assert len(commands) == 5
    for one in commands:
        subprocess.run(one, shell=True, check=True)
        assert shlex.split(one)[:2] == ["rm", "-r"]
    for name in ("cues/train-000", "crf/train-000.json", "labels/train-000", "-f"):
        assert not (run / name).exists()
    make_shard(run, "cues", "dataset", "train-000")
    make_shard(run, "crf", "cues", "train-000")
    make_shard(run, "labels", "crf", "train-000")
    make_metrics(run)
    assert bad(run) == {}


def test_a_name_like_an_option_is_removed_too(run: Path, monkeypatch: pytest.MonkeyPatch):
    write_text(run / "-f", "mine")
    monkeypatch.chdir(run)
    (said,) = json.loads(command("--json", ".")[1])["runs"]
    (one,) = [artefact for artefact in said["artefacts"] if artefact["command"]]
    assert (one["artefact"], one["command"]) == ("-f", "rm -r ./-f")
    subprocess.run(one["command"], shell=True, check=True)
    assert not Path("-f").exists()


def test_differences_name_the_key():
    a, b = {"x": {"y": 1, "z": [1]}, "w": 1}, {"x": {"y": 2, "z": [1]}}
    assert list(reasons.differences(a, b)) == [("w", 1, None), ("x.y", 1, 2)]
