"""`cuewalk diff` and `cuewalk show`, on runs made by hand; the picture is tested on a real one."""

import json
import shutil
from pathlib import Path

import made_runs
import numpy as np
import pytest
from click.testing import CliRunner
from made_runs import SHARDS, make_metrics, make_run, make_shard, store, write_text
from PIL import Image

from cuewalk.artifacts.receipts import read_receipt, write_receipt
from cuewalk.audit.cli import main
from cuewalk.audit.compare import compare
from cuewalk.audit.folder import load
from cuewalk.audit.panel import write_panel
from cuewalk.audit.trace import follow, in_words
from cuewalk.errors import InputError
from cuewalk.report.panels import Panel


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_run(Path("results/demo"))


@pytest.fixture
def other(run: Path) -> Path:
    shutil.copytree(run, "results/other")
    return Path("results/other")


def command(*arguments: object) -> tuple[int, str]:
    ran = CliRunner().invoke(main, [str(a) for a in arguments])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran.exit_code, ran.output


def rewrite(path: Path, **changes: object) -> None:
    content = {key: value for key, value in read_receipt(path).items() if key != "digest"}
    write_receipt(path, content | changes)


def test_a_copy_does_not_differ(run: Path, other: Path):
    assert compare(load(run), load(other)).same
    status, text = command("diff", run, other)
    assert status == 0
    assert text.startswith("No difference")


def test_each_kind_of_difference(run: Path, other: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(made_runs.CFG, "crf", {"alpha_low": 5, "alpha_high": 32})
    for shard in SHARDS:
        make_shard(other, "crf", "cues", shard, data="d" if shard == "train-000" else "none")
    receipt = read_receipt(other / "metrics/receipt.json")
    rewrite(
        other / "metrics/receipt.json",
        modules=receipt["modules"] | {"cuewalk.evaluate.selection": "f" * 64},
        libraries=receipt["libraries"] | {"pandas": "0.1"},
        finished="9999",  # of what receipts of one run disagree on, the newest counts
    )
    rewrite(run / "crf/train-000.json", data="c")
    table = "source,chosen,miou,images_per_second\n"
    write_text(run / "metrics/masks.csv", f"{table}cue,config,40.5,1\nwalk,config,50,1\n")
    write_text(other / "metrics/masks.csv", f"{table}cue,config,41.5,2\n")
    (other / "labels/train-001.json").unlink()
    found = compare(load(run), load(other))
    assert found.artefacts == [("labels/train-001", "there", None)]
    assert found.settings == [("crf.alpha_low", 4, 5)]
    assert [row[0] for row in found.code] == ["cuewalk.evaluate.selection"]
    assert [row[0] for row in found.libraries] == ["pandas"]
    assert found.libraries[0][2] == "0.1"
    assert found.data == [("crf/train-000", "c", "d")]
    assert found.figures == [
        ("masks: cue, config.miou", 40.5, 41.5),
        ("masks: walk, config", "a row", None),
    ]
    status, text = command("diff", run, other, "--json")
    assert status == 1
    assert json.loads(text)["settings"] == [["crf.alpha_low", 4, 5]]
    status, text = command("diff", run, other)
    assert status == 1
    assert "crf.alpha_low" in text
    assert "41.5" in text


def test_a_method_that_another_run_lacks_is_told_once(run: Path, other: Path):
    cfg = {"method": "a", "module": "cuewalk.labels", "options": {}}
    made = made_runs.provenance(other, "labels", "labels/a.json", {}, {"x": "labels/a"}, cfg=cfg)
    write_text(other / "labels/a/x.txt", "x")
    made_runs.finish(made)
    assert ("labels/a", None, "there") in compare(load(run), load(other)).artefacts


@pytest.mark.parametrize(
    "arguments",
    [
        ("diff", "results/demo", "nowhere"),
        ("show", "nowhere", "a"),
        ("show", "results", "a"),
        ("show", "results/demo", "zebra"),
    ],
)
def test_bad_input_is_one_sentence(run: Path, other: Path, arguments: tuple[str, ...]):
    status, text = command(*arguments)
    assert status == 2
    (line,) = text.splitlines()
    assert line.startswith("cuewalk: ")
    assert not Path("panel.png").exists()


def test_near_ids_are_offered(run: Path):
    make_metrics(run)
    made_runs.SHARDS, before = {**SHARDS, "train-000": ("shape_000001", "b")}, made_runs.SHARDS
    try:
        make_shard(run, "cues", "dataset", "train-000")
    finally:
        made_runs.SHARDS = before
    with pytest.raises(InputError, match=r"did you mean shape_000001\?"):
        follow(load(run), "shape_00001")


def test_a_photograph_through_the_stages(run: Path):
    traces = follow(load(run), "a")
    assert [(t.stage, t.path) for t in traces] == [
        ("shapes", "photographs/a.jpg"),
        ("dataset", "dataset/index.csv"),
        ("cues", "cues/train-000/cues.zarr.zip"),
        ("crf", "crf/train-000/crf.zarr.zip"),
        ("labels", "labels/train-000/labels.zarr.zip"),
    ]
    assert all(trace.same for trace in traces)
    assert traces[2].values == {"class_id": "int32 0", "grid": "float32 [97.0, 0.5]"}
    assert traces[1].values == {"path": "a.jpg"}
    receipt = read_receipt(run / "cues/train-000.json")
    stores = receipt["outputs"]["cues"]["stores"]
    assert traces[2].digest == stores["cues.zarr.zip"]["rows"]["a"]


def test_a_change_of_one_photograph_is_seen_at_that_one(run: Path):
    store(run / "crf/train-000", "crf", ("a", "x"))
    assert all(trace.same for trace in follow(load(run), "a"))
    store(run / "crf/train-000", "crf", ("a", "b"), shift=1)
    assert [t.stage for t in follow(load(run), "b") if not t.same] == ["crf"]
    shutil.rmtree(run / "crf/train-000")
    (lost,) = [t for t in follow(load(run), "b") if not t.same]
    assert (lost.stage, lost.now) == ("crf", "")


def test_values_in_words():
    assert in_words(np.array([1, 2])) == "int64 [1, 2]"
    grid = np.linspace(0, 1, 20, dtype=np.float32).reshape(4, 5)
    assert in_words(grid) == "float32 4x5, 0 to 1, mean 0.5"


def test_a_panel_of_what_there_is(tmp_path: Path):
    image = np.full((40, 60, 3), 200, np.uint8)
    bare = Panel("a", [], image, np.zeros((0, 40, 60)), None, None, None, None, None, None)
    write_panel(bare, tmp_path / "bare.png")
    truth = np.zeros((40, 60), np.uint8)
    more = Panel("a", [], image, np.zeros((0, 40, 60)), None, None, None, None, None, truth)
    write_panel(more, tmp_path / "more.png")
    small, large = (Image.open(tmp_path / name) for name in ("bare.png", "more.png"))
    assert small.height == large.height
    assert large.width - small.width > 200
    assert small.getpixel((50, 50)) == pytest.approx((200, 200, 200), abs=3)
