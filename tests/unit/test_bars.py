"""What a terminal shows of jobs that run side by side, and what a log says of one."""

import logging
import os
import pty
import re
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from cuewalk.watch import bars
from cuewalk.watch.bars import ERASE, WholeLines, progress, progress_in_rounds, watch_job
from cuewalk.watch.pulse import Pulse, read_state

JOB = """
import sys, time
from cuewalk.watch.bars import progress, watch_job
watch_job(None, sys.argv[1])
for _ in progress(range(30), 30, "cues", weight=lambda _: 1):
    time.sleep(0.1)
"""


@pytest.fixture(autouse=True)
def no_job():
    yield
    watch_job(None, "")


def on_a_terminal(*shards: str, say: int = 0) -> str:
    """What jobs write side by side to one terminal, while whole lines are written to it too."""
    main, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 90))
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    environment.pop("CUEWALK_QUIET", None)
    jobs = [
        subprocess.Popen([sys.executable, "-c", JOB, shard], stderr=terminal, env=environment)
        for shard in shards
    ]
    with os.fdopen(terminal, "w") as stream:
        lines = WholeLines(stream)
        for number in range(say):
            time.sleep(0.3)
            lines.write(f"Finished jobid: {number}")
            lines.write("\n")
        said = b""
        os.set_blocking(main, False)
        while any(job.poll() is None for job in jobs):
            said += read_some(main)
            time.sleep(0.05)
        said += read_some(main)
    os.close(main)
    assert [job.returncode for job in jobs] == [0] * len(jobs)
    return said.decode()


def read_some(main: int) -> bytes:
    try:
        return os.read(main, 1 << 20)
    except BlockingIOError:
        return b""


def test_one_job_draws_with_speed_and_time_left():
    said = on_a_terminal("train-000")
    assert re.search(
        r"cues train-000: +\d+%\|.*\| \d+/30 \[00:0\d<00:0\d, +\d+\.\d+ images/s\]", said
    )


def test_of_two_jobs_one_draws_and_lines_stay_whole():
    said = on_a_terminal("train-000", "train-001", say=6)
    assert len({shard for shard in ("train-000", "train-001") if shard in said}) == 1
    # Each line wipes what was drawn before it, and nothing comes between its parts.
    for number in range(6):
        assert f"{ERASE}Finished jobid: {number}\r\n" in said
    assert shown(said)[-1] == ""
    assert [line for line in shown(said) if line] == [f"Finished jobid: {n}" for n in range(6)]


def shown(said: str) -> list[str]:
    """Lines of a terminal that knows of carriage return, line feed and erasing, no more."""
    lines, column = [""], 0
    for part in re.findall(r"\x1b\[K|\r|\n|[^\x1b\r\n]+", said):
        if part == "\n":
            lines.append("")
        elif part == "\r":
            column = 0
        elif part == "\x1b[K":
            lines[-1] = lines[-1][:column]
        else:
            lines[-1] = lines[-1][:column].ljust(column) + part + lines[-1][column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in lines]


def test_nothing_is_drawn_where_there_is_no_terminal():
    command = [sys.executable, "-c", JOB, "train-000"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "")


# The log, with a clock of our own.


class Clock:
    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(bars.time, "monotonic", lambda: self.now)


class Resumed:
    rounds = 2


def test_a_training_tells_its_log_how_far_it_is_over_all_epochs(monkeypatch, caplog, tmp_path):
    clock, pulse = Clock(monkeypatch), Pulse(tmp_path / "x.state.json")
    watch_job(pulse, "")
    watched = progress_in_rounds(Resumed(), 5)
    with caplog.at_level(logging.INFO, "cuewalk"):
        for epoch in (3, 4, 5):  # of 20 s each, so that no single one is long enough for a line
            for _ in watched([([0] * 10,)] * 4, 40, f"epoch {epoch}/5"):
                clock.now += 5
    lines = [record.message for record in caplog.records]
    assert len(lines) == 1  # at 35 s: seven steps of ten photographs, after two epochs of 40
    assert lines == ["epoch 4/5: 150 of 200, 2.00 images/s, 25 s left"]
    pulse.end("done")
    state = read_state(Path(tmp_path / "x.state.json"))
    assert (state.done, state.total) == (200, 200)


def test_a_line_every_half_minute(monkeypatch, caplog):
    clock = Clock(monkeypatch)
    watch_job(None, "train-000")
    with caplog.at_level(logging.INFO, "cuewalk"):
        for _ in progress(range(100), 100, "crf", weight=lambda _: 1):
            clock.now += 2
    lines = [record.message for record in caplog.records]
    assert lines[0] == "crf: 16 of 100, 0.50 images/s, 168 s left"
    assert len(lines) == 6
