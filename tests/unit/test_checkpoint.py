"""The file that a training goes on from: whole or not at all, its own or none."""

import io
import json
import logging
import pickle
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from cuewalk.artifacts.checkpoint import (
    Checkpoint,
    checkpoint_path,
    delete_checkpoint,
    training_key,
)

START = {"weight": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(3)}
STATE = {
    "model": OrderedDict(weight=torch.arange(4.0), batches=torch.tensor(7)),
    "optimizer": {"state": {0: {"momentum_buffer": None}}, "param_groups": [{"lr": 0.1}]},
    "epochs": [{"epoch": 1, "loss": 1 / 3}],
}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output of a stage, in a folder that is not there yet."""
    return tmp_path / "classifier" / "model.safetensors"


def one(output: Path, key: str = "key") -> Checkpoint:
    return Checkpoint(output, key)


def check_ignored(output: Path, caplog: pytest.LogCaptureFixture, words: str) -> None:
    """It counts as none, one line says why, and the next save overwrites it."""
    with caplog.at_level(logging.INFO, "cuewalk"):
        assert one(output).load() is None
    (record,) = caplog.records
    message = record.getMessage()
    assert words in message
    assert "starting anew" in message
    assert "\n" not in message
    assert record.exc_info is None
    one(output).save(STATE)
    assert one(output).load() is not None


def test_state_comes_back_bit_for_bit(output: Path) -> None:
    assert one(output).load() is None
    one(output).save(STATE)
    found = one(output).load()
    assert found is not None
    assert torch.equal(found["model"]["weight"], STATE["model"]["weight"])  # type: ignore[index]
    assert found["model"]["batches"] == 7
    assert {k: found[k] for k in ("optimizer", "epochs")} == {
        k: STATE[k] for k in ("optimizer", "epochs")
    }


def test_it_tells_what_processes_before_did(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    first = one(output)
    assert (first.rounds, first.seconds) == (0, 0)
    clock[0] += 20
    first.save(STATE)
    clock[0] = 5  # another process, another start of the clock
    second = one(output)
    second.load()
    assert (second.rounds, second.seconds) == (len(STATE["epochs"]), 20)
    clock[0] += 7
    second.save(STATE)
    third = one(output)
    third.load()
    assert third.seconds == 27
    other = one(output, "other")
    other.load()
    assert (other.rounds, other.seconds) == (0, 0)


def test_it_lies_beside_the_outputs_and_is_hidden(output: Path) -> None:
    one(output).save(STATE)
    assert list(output.parent.iterdir()) == [checkpoint_path(output)]
    assert checkpoint_path(output).name.startswith(".")


def test_a_failed_write_leaves_the_old_one(
    output: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one(output).save(STATE)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    one(output).save({"epochs": []})
    assert "No space left" in caplog.text
    found = one(output).load()
    assert found is not None
    assert found["epochs"] == STATE["epochs"]
    assert len(list(output.parent.iterdir())) == 1


def test_another_trainings_is_ignored(output: Path, caplog: pytest.LogCaptureFixture) -> None:
    one(output, "other").save(STATE)
    check_ignored(output, caplog, "another training")


def test_a_damaged_one_is_ignored_wherever_it_is_cut(output: Path) -> None:
    one(output).save(STATE)
    path = checkpoint_path(output)
    content = path.read_bytes()
    for length in (*range(0, len(content), 53), len(content) - 1):
        path.write_bytes(content[:length])
        assert one(output).load() is None
    path.write_bytes(content)
    assert one(output).load() is not None


def test_a_flipped_bit_is_noticed(output: Path, caplog: pytest.LogCaptureFixture) -> None:
    one(output).save(STATE)
    path = checkpoint_path(output)
    content = bytearray(path.read_bytes())
    # Within the weights, where torch itself would not see it.
    place = content.index(torch.arange(4.0).numpy().tobytes())
    content[place + 9] ^= 1
    path.write_bytes(content)
    check_ignored(output, caplog, "digest")


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 5000, b"[]\n", b"{}\n", b"3\n", b"null"])
def test_what_is_no_checkpoint_is_ignored(
    output: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    output.parent.mkdir()
    checkpoint_path(output).write_bytes(content)
    check_ignored(output, caplog, "damaged")


def test_a_folder_of_its_name_is_no_crash(output: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint_path(output).mkdir(parents=True)
    assert one(output).load() is None
    one(output).save(STATE)
    assert "damaged" in caplog.text
    assert "no checkpoint written" in caplog.text


class Malice:
    """Runs something when it is unpickled."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("never"),))


@pytest.mark.parametrize("by", ["torch", "pickle"])
def test_objects_are_never_built(
    output: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    by: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if by == "torch":
        one(output).save({"epochs": Malice()})
    else:
        content = pickle.dumps(Malice(), 2)
        monkeypatch.setattr(torch, "save", lambda _, file: file.write(content))
        one(output).save(STATE)
        monkeypatch.undo()
        monkeypatch.chdir(tmp_path)
    check_ignored(output, caplog, "more than numbers")
    assert not Path("never").exists()


def test_delete_takes_what_a_kill_left_too(output: Path) -> None:
    delete_checkpoint(output)  # nothing is there, not even the folder
    one(output).save(STATE)
    path = checkpoint_path(output)
    path.with_name(f".{path.name}.host.123.tmp").touch()
    output.touch()
    other = output.with_name(".history.csv.host.123.tmp")
    other.touch()
    delete_checkpoint(output)
    assert sorted(output.parent.iterdir()) == sorted([output, other])


def key(**changes: Any) -> str:
    values: dict[str, Any] = {
        "cfg": {"seed": 0, "classifier": {"epochs": 3}},
        "code": "c0de",
        "data": "da7a",
        "start": START,
    }
    return training_key(**(values | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"cfg": {"seed": 1, "classifier": {"epochs": 3}}},
        {"cfg": {"seed": 0, "classifier": {"epochs": 4}}},
        {"code": "c0df"},
        {"data": ""},
        {"start": START | {"weight": START["weight"] + 1e-6}},
        {"start": START | {"weight": START["weight"].T}},
        {"start": START | {"weight": START["weight"].double()}},
        {"start": {"bias": START["weight"], "count": START["count"]}},
        {"start": {}},
    ],
)
def test_whatever_decides_a_training_is_in_its_key(changes: dict[str, Any]) -> None:
    assert key(**changes) != key()


def test_the_key_is_of_content_alone() -> None:
    cfg = json.loads('{"classifier": {"epochs": 3}, "seed": 0}')
    views = {"count": START["count"].clone(), "weight": START["weight"].T.contiguous().T}
    assert key(cfg=cfg, start=views) == key()
    kept = torch.nn.Parameter(START["weight"])
    assert key(start=START | {"weight": kept}) == key()


def test_a_tensor_in_the_file_needs_no_gpu(output: Path) -> None:
    one(output).save(STATE)
    content = checkpoint_path(output).read_bytes().split(b"\n", 1)[1]
    # What is behind the first line is a plain file of torch's.
    assert torch.load(io.BytesIO(content), weights_only=True)["epochs"] == STATE["epochs"]
