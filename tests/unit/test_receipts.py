"""Receipts: one way to write one, sealed; they name inputs by what was read."""

import subprocess
from pathlib import Path

import pytest
from made_runs import CFG, finish, make_run, provenance, store, write_text

from cuewalk.artifacts import origin
from cuewalk.artifacts.code import code_digest, code_parts, imported_modules
from cuewalk.artifacts.content import MISSING, describe
from cuewalk.artifacts.receipts import DamagedError, claimed_by, read_receipt, write_receipt
from cuewalk.artifacts.reuse import run_folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "results" / "demo")


def test_no_bit_of_a_receipt_can_flip(tmp_path: Path):
    path = tmp_path / "receipt.json"
    write_receipt(path, {"format": 1, "cfg": {"ä": 1.5, "b": [None, True, "x y"]}, "images": 10})
    raw = path.read_bytes()
    assert read_receipt(path)["images"] == 10
    for bit in range(8 * len(raw)):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(DamagedError):
            read_receipt(path)


@pytest.mark.parametrize("text", ["", "[]", "3", '{"digest": 1}', "{", "[" * 10_000])
def test_what_is_no_receipt(tmp_path: Path, text: str):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DamagedError):
        read_receipt(tmp_path / "x.json")


def test_white_space_and_older_receipts_are_not_taken(tmp_path: Path):
    path = tmp_path / "receipt.json"
    write_receipt(path, {"format": 1, "images": 10})
    path.write_text(path.read_text() + "\n")
    with pytest.raises(DamagedError, match="digest"):
        read_receipt(path)
    write_receipt(path, {"format": 0, "images": 10})
    with pytest.raises(DamagedError, match="version"):
        read_receipt(path)


def test_inputs_are_named_by_the_receipt_that_claims_them(run: Path):
    inputs = read_receipt(run / "crf/train-000.json")["inputs"]
    (index,), (cues,) = inputs["index"], inputs["cues"]
    claim = read_receipt(run / "cues/train-000.json")
    assert cues["path"] == "../cues/train-000"
    assert cues["receipt"] == "../cues/train-000.json"
    assert (cues["stage"], cues["shard"]) == ("cues", "train-000")
    assert cues["product"] == claim["product"]
    assert cues["content"] == claim["outputs"]["cues"]["content"]
    assert (index["receipt"], index["shard"]) == ("../dataset/receipt.json", "")


def test_what_was_read_counts_not_what_was_claimed(run: Path):
    claimed = read_receipt(run / "cues/train-000.json")["outputs"]["cues"]["content"]
    store(run / "cues/train-000", "cues", ("a", "b"), shift=1)
    made = provenance(run, "crf", "crf/x.json", {"cues": ["cues/train-000"]}, {"crf": "crf/x"})
    (entry,) = made.known["inputs"]["cues"]
    assert entry["content"] == describe(run / "cues/train-000").digest != claimed
    assert entry["receipt"] == "../cues/train-000.json"


def test_inputs_without_a_receipt_and_without_a_file(run: Path):
    write_text(run / "own/weights.bin", "numbers")
    paths = {"own": ["own/weights.bin", "own/gone.bin"]}
    made = provenance(run, "crf", "crf/x.json", paths, {"crf": "crf/x"})
    own, gone = made.known["inputs"]["own"]
    assert own["receipt"] is own["product"] is None
    assert own["content"] == describe(run / "own/weights.bin").digest
    assert gone["content"] == MISSING


def test_a_receipt_that_is_read_counts_with_its_times(run: Path):
    paths = {"receipts": ["cues/train-000.json"]}
    made = provenance(run, "crf", "crf/x.json", paths, {"crf": "crf/x"})
    (entry,) = made.known["inputs"]["receipts"]
    claim = read_receipt(run / "cues/train-000.json")
    assert entry["content"] == claim["digest"] != claim["product"]


def test_a_file_is_claimed_by_its_own_receipt_or_by_its_folders(run: Path):
    write_text(run / "metrics/precision.csv", "class\n")
    finish(provenance(run, "metrics", "metrics/precision.json", {}, {"p": "metrics/precision.csv"}))
    assert claimed_by(run / "metrics/precision.csv")[0] == run / "metrics/precision.json"
    assert claimed_by(run / "metrics/masks.csv")[0] == run / "metrics/receipt.json"
    assert claimed_by(run / "cues/train-000")[0] == run / "cues/train-000.json"
    # One that lies beside it and speaks of others claims nothing.
    write_text(run / "metrics/other.csv", "class\n")
    assert claimed_by(run / "metrics/other.csv") is None


def test_computed_again_the_product_is_the_same_and_times_are_not_in_it(run: Path):
    before = read_receipt(run / "cues/train-000.json")
    made = provenance(
        run, "cues", "cues/train-000.json", {"index": ["dataset/index.csv"]},
        {"cues": "cues/train-000"}, "train-000",
    )  # fmt: skip
    store(run / "cues/train-000", "cues", ("a", "b"))
    finish(made, images=2, seconds=77.0)
    after = read_receipt(run / "cues/train-000.json")
    assert (after["seconds"], before["seconds"]) == (77.0, 1.5)
    assert after["product"] == before["product"]
    assert after["digest"] != before["digest"]
    store(run / "cues/train-000", "cues", ("a", "b"), shift=1)
    finish(made)
    assert read_receipt(run / "cues/train-000.json")["product"] != before["product"]


def test_what_a_receipt_tells_of_code_and_settings(run: Path):
    receipt = read_receipt(run / "metrics/receipt.json")
    parts = code_parts("cuewalk.stages.metrics")
    assert {name: receipt[name] for name in parts} == parts
    assert "cuewalk.evaluate.selection" in receipt["modules"]
    assert "pandas" in receipt["libraries"]
    assert receipt["code"] == code_digest("cuewalk.stages.metrics")
    assert receipt["seed"] == CFG["seed"]
    assert receipt["device"] == "cpu"
    assert receipt["reused_from"] is None
    assert receipt["images_per_second"] == pytest.approx(2 / 1.5, abs=1e-3)


def test_how_a_receipt_is_written_is_no_code_of_a_stage():
    modules = imported_modules("cuewalk.stages.labels")
    assert "cuewalk.stages.runner" in modules
    about = ("provenance", "receipts", "reuse", "content", "origin")
    assert not {name for name in modules if name.rsplit(".", 1)[-1] in about}


def test_files_that_settings_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.pth").write_text("weights")
    (tmp_path / "train").write_text("the name of a list, not a path")
    found = origin.named_files({"a": [{"weights": "w.pth"}, "gone.pth"], "train": "train"})
    assert found == {"w.pth": describe(tmp_path / "w.pth").files["."]}


def test_the_commit_is_that_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(origin, "ROOT", package)
    origin.commit.cache_clear()
    assert origin.commit() is None
    git("init")
    (tmp_path / "readme").write_text("")
    git("add", "readme")
    git("commit", "-m", "Read me")
    origin.commit.cache_clear()
    assert origin.commit() is None  # a repository that the package is no part of
    git("add", "package")
    git("commit", "-m", "Code")
    origin.commit.cache_clear()
    clean = origin.commit()
    assert clean is not None
    assert len(clean) == 40
    (package / "__init__.py").write_text("x = 1\n")
    origin.commit.cache_clear()
    assert origin.commit() == f"{clean}-dirty"
    monkeypatch.setenv("PATH", "")
    origin.commit.cache_clear()
    assert origin.commit() is None
    origin.commit.cache_clear()


def test_the_run_is_found_from_the_log():
    assert run_folder(Path("results/demo/logs/cues/a.log")) == Path("results/demo")
    assert run_folder(Path("/logs/results/demo/logs/m.log")) == Path("/logs/results/demo")
    assert run_folder(Path("m.log")) == Path()
