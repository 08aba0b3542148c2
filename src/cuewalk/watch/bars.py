"""How far a job is: a bar on a terminal, a line in its log now and then, and its state for others.

Jobs that run side by side share a terminal with each other and with Snakemake. So only one of them
draws, whole lines are written over what it drew, and after it the next one that begins does. All of
them can be seen with `cuewalk status --watch`.
"""

import fcntl
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

from tqdm import tqdm

from cuewalk.watch.pulse import Pulse

log = logging.getLogger("cuewalk")

NOTE = 30.0
"""Seconds from one line in the log to the next."""
ERASE = "\r\x1b[K"
"""To the start of the line, and clear it."""
SHAPE = (
    "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} "
    "[{elapsed}<{remaining}, {rate_noinv_fmt}]"
)


class Resumed(Protocol):
    """What tells how many rounds were done before this process."""

    rounds: int


@dataclass
class _Job:
    """The one job of this process.

    Attributes:
        pulse: that tells of it; None where nobody listens.
        shard: that it is of, "" for none.
        handled: photographs in this process.
        started: when it began with them; None before.
        noted: time of the last line in the log.
    """

    pulse: Pulse | None = None
    shard: str = ""
    handled: int = 0
    started: float | None = None
    noted: float = 0.0


_job = _Job()


def watch_job(pulse: Pulse | None, shard: str) -> None:
    """Let all that follows tell of a job.

    Args:
        pulse: that tells of it.
        shard: that it is of, "" for none.
    """
    global _job  # noqa: PLW0603  (a process has one job, as it has one log)
    _job = _Job(pulse, shard)


def progress(
    items: Iterable[Any],
    total: int,
    text: str,
    *,
    weight: Callable[[Any], int] | None = None,
    rounds: tuple[int, int] = (0, 1),
) -> Iterator[Any]:
    """Pass items on, showing a bar with images/s and time left, and log a line now and then.

    Args:
        items: what to iterate over.
        total: photographs in all.
        text: what is being done.
        weight: photographs in an item; by default the length of its first part, else 1.
        rounds: how often all of them were handled before, and are to be in the end.
    """
    job = _job
    if job.started is None:
        job.started = job.noted = time.monotonic()
    done, (before, times) = 0, rounds
    named = f"{text} {job.shard}" if job.shard not in text else text
    with _bar(total, named) as bar:
        for item in items:
            yield item
            count = weight(item) if weight else _count(item)
            done, job.handled = done + count, job.handled + count
            bar.update(count)
            _tell(job, text, before * total + done, times * total)


def progress_of(text: str) -> Callable[[Iterable[str]], Iterable[str]]:
    """The same for what the library reads one id at a time."""

    def watched(ids: Iterable[str]) -> Iterable[str]:
        some = list(ids)
        return progress(some, len(some), text, weight=lambda _: 1)

    return watched


def progress_in_rounds(resumed: Resumed, times: int) -> Callable[..., Iterable[Any]]:
    """The same for what handles all photographs in rounds, as trainings do in epochs.

    Args:
        resumed: asked for the rounds before this process when the first begins.
        times: rounds in all.
    """
    begun = 0

    def watched(items: Iterable[Any], total: int, text: str) -> Iterable[Any]:
        nonlocal begun
        begun += 1
        return progress(items, total, text, rounds=(resumed.rounds + begun - 1, times))

    return watched


def say(sentence: str) -> str:
    """A last sentence for standard error, which wipes what is left of a bar there."""
    return ERASE + sentence if sys.stderr.isatty() else sentence


class WholeLines:
    """A terminal to which lines are written at once, over what is left of a bar.

    Args:
        stream: the terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._held = ""

    def write(self, text: str) -> int:
        """Keep what is no whole line yet; write what is."""
        lines, end, self._held = (self._held + text).rpartition("\n")
        if end:
            self.stream.write(f"{ERASE}{lines}\n")
            self.stream.flush()
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _tell(job: _Job, text: str, done: int, total: int) -> None:
    now = time.monotonic()
    rate = job.handled / max(now - (job.started or now), 1e-9)
    if job.pulse is not None:
        job.pulse.tell(text=text, done=done, total=total, rate=rate)
    if now - job.noted > NOTE:
        left = (total - done) / rate if rate else 0.0
        log.info("%s: %d of %d, %.2f images/s, %.0f s left", text, done, total, rate, left)
        job.noted = now


@contextmanager
def _bar(total: int, text: str) -> Iterator[Any]:
    with _terminal() as mine, tqdm(
        total=total, desc=text, unit=" images", disable=not mine, leave=False, bar_format=SHAPE,
        dynamic_ncols=True,
    ) as bar:  # fmt: skip
        yield bar


@contextmanager
def _terminal() -> Iterator[bool]:
    """Whether this process may draw on its terminal: there is one, and no other process does."""
    if not sys.stderr.isatty() or "CUEWALK_QUIET" in os.environ:
        yield False
        return
    try:
        # Opened anew: jobs inherit one and the same standard error, and could lock it all at once.
        own = os.open(os.ttyname(sys.stderr.fileno()), os.O_WRONLY | os.O_NOCTTY)
    except OSError:
        yield False
        return
    try:
        yield _locked(own)
    finally:
        os.close(own)


def _locked(terminal: int) -> bool:
    try:
        fcntl.flock(terminal, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _count(item: Any) -> int:
    return len(item[0]) if isinstance(item, list | tuple) and hasattr(item[0], "__len__") else 1
