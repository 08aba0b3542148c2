"""Digests of files: by content, read only when size or time of change is another one."""

import os
from pathlib import Path

import pytest

from cuewalk.artifacts.digests import MISSING, FileDigests, digest_of


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "memory.json"


def write(path: Path, text: str, seconds: int = 1) -> str:
    path.write_text(text)
    os.utime(path, (seconds, seconds))
    return str(path)


def test_content_counts_and_not_time_or_place(tmp_path: Path, memory: Path) -> None:
    one, other = write(tmp_path / "a", "x", 1), write(tmp_path / "b", "x", 2)
    first = FileDigests(memory)[one]
    assert first == FileDigests(memory)[other]
    os.utime(one, (9, 9))
    assert FileDigests(memory)[one] == first
    write(tmp_path / "a", "y", 10)
    assert FileDigests(memory)[one] != first


def test_a_file_is_looked_at_once(tmp_path: Path, memory: Path) -> None:
    digests = FileDigests(memory)
    path = write(tmp_path / "a", "x", 1)
    first = digests[path]
    write(tmp_path / "a", "y", 2)
    assert digests[path] == first


def test_a_known_file_is_not_read_again(
    tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a", "x")
    digests = FileDigests(memory)
    first = digests[path]
    digests.save()
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read again"))
    assert FileDigests(memory)[path] == first


def test_a_missing_file_says_so_and_is_not_remembered(tmp_path: Path, memory: Path) -> None:
    path = str(tmp_path / "a")
    assert FileDigests(memory)[path] == MISSING
    write(tmp_path / "a", "x")
    assert FileDigests(memory)[path] != MISSING


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00"])
def test_unreadable_memory_is_forgotten(tmp_path: Path, memory: Path, text: str) -> None:
    memory.write_text(text)
    assert len(FileDigests(memory)[write(tmp_path / "a", "x")]) == 64


def test_nothing_new_is_not_saved(memory: Path) -> None:
    FileDigests(memory).save()
    assert not memory.exists()


def test_digest_of_values_tells_names_apart() -> None:
    assert digest_of({"low": 1, "high": 2}) == digest_of({"high": 2, "low": 1})
    assert digest_of({"low": 1, "high": 2}) != digest_of({"low": 2, "high": 1})
    assert len(digest_of({})) == 16
