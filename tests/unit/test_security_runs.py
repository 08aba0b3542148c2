"""A run's folder may come from strangers: its receipts lead nowhere, and give nothing away."""

from pathlib import Path

import pytest
from made_runs import make_run, provenance

from cuewalk.artifacts.code import code_digest
from cuewalk.artifacts.places import leads_out
from cuewalk.artifacts.receipts import read_receipt, write_receipt
from cuewalk.audit.folder import load
from cuewalk.audit.judge import Verdict, judge
from cuewalk.audit.trace import follow


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "results" / "made"
    make_run(folder)
    (tmp_path / "secret.txt").write_text("secret")
    return folder


def forge(receipt: Path, change) -> None:
    """Change a receipt and seal it anew, as whoever makes one can."""
    content = read_receipt(receipt)
    content.pop("digest")
    change(content)
    write_receipt(receipt, content)


def claim(path: str, files: dict[str, str] | None = None):
    def change(content):
        output = next(iter(content["outputs"].values()))
        output["path"], output["files"] = path, files or output["files"]

    return change


def read_elsewhere(path: str):
    def change(content):
        next(iter(content["inputs"].values()))[0]["path"] = path

    return change


FAR = "../../../secret.txt"
FORGED = {
    "output": claim(FAR),
    "absolute": claim("/etc/passwd"),
    "file in it": claim("train-000", {"../../../../secret.txt": "0" * 64}),
    "input": read_elsewhere(FAR),
    "absolute input": read_elsewhere("/etc/passwd"),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_receipt_cannot_name_what_lies_elsewhere(run, monkeypatch, what):
    opened = []
    plain = Path.open
    monkeypatch.setattr(Path, "open", lambda p, *a, **k: opened.append(p) or plain(p, *a, **k))
    forge(run / "cues" / "train-000.json", FORGED[what])
    opened.clear()
    loaded = load(run)
    (bad,) = [one for one in judge(loaded) if one.name == "cues/train-000"]
    assert bad.verdict is Verdict.MODIFIED
    assert "lies out of" in bad.reason
    for path in bad.paths:  # of what is to be removed
        assert not leads_out(path)
    assert opened
    assert not {"secret.txt", "passwd"} & {path.name for path in opened}


def test_a_forged_receipt_gives_nothing_to_another_run(run, tmp_path):
    other = make_run(tmp_path / "results" / "other")
    inputs, outputs = {"index": ["dataset/index.csv"]}, {"cues": "cues/train-000"}
    made = provenance(other, "cues", "cues/train-000.json", inputs, outputs, "train-000")
    log = other / "logs" / "cues" / "train-000.log"
    assert made.reuse(log) == run / "cues" / "train-000.json"
    forge(run / "cues" / "train-000.json", claim("train-000", {"../../../out": "0" * 64}))
    assert made.reuse(log) is None
    assert not list(tmp_path.rglob("out"))


def test_links_in_a_run_are_not_followed_out_of_results(run, tmp_path):
    store = next((run / "cues" / "train-000").glob("*.zarr.zip"))
    elsewhere = store.rename(tmp_path / "elsewhere.zarr.zip")
    store.symlink_to(elsewhere)
    (run / "cues" / "more").symlink_to(tmp_path)
    loaded = load(run)
    assert not [path for path in loaded.files if "secret" in path]
    (bad,) = [one for one in judge(loaded) if one.name == "cues/train-000"]
    assert bad.verdict is Verdict.MISSING
    (trace,) = [t for t in follow(loaded, "a") if t.path == f"cues/train-000/{store.name}"]
    assert (trace.now, trace.values) == ("", {})


def test_a_receipt_cannot_name_code_elsewhere(tmp_path):
    (tmp_path / "secret.py").write_text("x = 1\n")
    for name in (f"cuewalk.stages.{tmp_path}/secret", "cuewalk.stages.../secret"):
        with pytest.raises(ModuleNotFoundError):
            code_digest(name)
