"""Artefacts appear whole or not at all."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cuewalk.artifacts.atomic import atomic_file, atomic_folder, remove_leftovers


def test_failed_file_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_file(path) as temporary:
        assert temporary.parent == tmp_path
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_failed_folder_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "shard"
    path.mkdir()
    (path / "old").touch()
    with pytest.raises(RuntimeError), atomic_folder(path) as temporary:
        (temporary / "half").touch()
        raise RuntimeError
    assert [p.name for p in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "shard"
    for name in ("first", "second"):
        with atomic_folder(path) as temporary:
            (temporary / name).touch()
    assert [p.name for p in path.iterdir()] == ["second"]


def test_leftovers_of_dead_processes_of_this_host_go(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    host = socket.gethostname()
    dead = [tmp_path / f".{name}.{host}.{ended.pid}.tmp" for name in ("cues", "cues2")]
    living = tmp_path / f".cues.{host}.{os.getpid()}.tmp"
    elsewhere = tmp_path / f".cues.other-host.{ended.pid}.tmp"
    for folder in (*dead, living, elsewhere):
        folder.mkdir()
        (folder / "part").touch()
    remove_leftovers(tmp_path / "cues")
    assert sorted(tmp_path.iterdir()) == sorted([dead[1], living, elsewhere])
    (tmp_path / f".table.csv.{host}.{ended.pid}.tmp").touch()
    remove_leftovers(tmp_path / "table.csv")
    assert not list(tmp_path.glob(".table.csv*"))
