"""A small file beside a log in which a process tells that it lives and how far it is.

It is replaced whole every few seconds, for as long as the process lives, so that a killed one can
be told from a slow one, from another machine too: a time alone would not do, as clocks differ, so
there is a number that grows. `Pulse` writes it, `cuewalk.watch.status` reads it.
"""

import json
import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cuewalk.artifacts.atomic import atomic_file, lives, remove_leftovers

BEAT = 5.0
"""Seconds from one beat to the next."""
FRESH = 6 * BEAT
"""A beat younger than this, in seconds, is that of a living process."""
SUFFIX = ".state.json"


@dataclass(frozen=True)
class State:
    """What a process tells of itself; times are in seconds of its own clock.

    Attributes:
        host: name of its machine.
        boot: of the machine's start, so that another machine of this name is not mistaken for it.
        pid: of the process.
        started: when it did; what it took to load its modules counts.
        beat: when this was written.
        beats: how often before.
        state: `running`, `done` or `failed`.
        text: what is being done, or what went wrong.
        done: photographs handled, those of processes before this one included.
        total: photographs to handle, each as often as it is; 0 if not known.
        rate: photographs a second, of this process.
        seconds: that the work took, once it is done.
        reused: whether another run's artefact was taken over.
    """

    host: str
    boot: str
    pid: int
    started: float
    beat: float
    beats: int = 0
    state: str = "running"
    text: str = ""
    done: int = 0
    total: int = 0
    rate: float = 0.0
    seconds: float = 0.0
    reused: bool = False


EXAMPLE = State("", "", 0, 0.0, 0.0)


class Pulse:
    """Writes the state of this process until `end`, from a thread of its own.

    A disk that is full or cannot be written to costs the file, not the work.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        started = time.time() - _age()
        self.state = State(socket.gethostname(), boot(), os.getpid(), started, started)
        self._beats = 0
        self._over = threading.Event()
        self._writing = threading.Lock()
        with suppress(OSError):
            remove_leftovers(path)
        self._write()
        threading.Thread(target=self._beat, daemon=True, name="pulse").start()

    def tell(self, **changes: Any) -> None:
        """Change what the next beat says; it costs no time, as nothing is written here."""
        self.state = replace(self.state, **changes)

    def end(self, state: str, **changes: Any) -> None:
        """The last beat: `done` or `failed`; only the first call counts."""
        if not self._over.is_set():
            self.tell(state=state, **changes)
            self._over.set()
            self._write()

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            self._write()

    def _write(self) -> None:
        with self._writing:
            self._beats += 1
            now = replace(self.state, beat=time.time(), beats=self._beats)
            with suppress(OSError), atomic_file(self.path) as temporary:
                temporary.write_text(json.dumps(asdict(now)) + "\n")


def state_path(log_file: Path) -> Path:
    """Where the job with this log keeps its state."""
    return log_file.with_suffix(SUFFIX)


def read_state(path: Path) -> State | None:
    """What a process told last; None if there is no such file, or none that can be read."""
    try:
        content = json.loads(path.read_text())
        found = State(**content)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    for key, value in content.items():
        wanted = type(getattr(EXAMPLE, key))
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            return None
    # It goes to terminals, which some signs do things to.
    return replace(found, host=printable(found.host), text=printable(found.text))


def printable(text: str) -> str:
    """A text with a blank for every sign that does not print."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def seems_alive(state: State, now: float) -> bool | None:
    """Whether the process of a state lives; None if only another look at its file can tell.

    Args:
        state: as it was read.
        now: seconds, by the clock of this machine.
    """
    if state.state != "running":
        return False
    if (state.host, state.boot) == (socket.gethostname(), boot()) and not lives(state.pid):
        return False
    # Another machine's clock may be wrong: a beat from the future tells nothing.
    return True if -BEAT <= now - state.beat <= FRESH else None


def _age() -> float:
    """Seconds that this process has lived; 0 where the system does not tell."""
    try:
        # After the name, which may hold anything, field 22 is the start, in ticks since the boot.
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        since_boot = int(fields[22 - 3]) / os.sysconf("SC_CLK_TCK")
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot)
    except (OSError, ValueError, AttributeError):
        return 0.0


def boot() -> str:
    """Name of this start of this machine; "" where the system tells none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
