"""Digests of files by content, remembered by size and time of change.

Photographs are many, so a file is read again only if its size or time of change is another one.
A touched or copied file has another time, is read, and turns out to be the same.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cuewalk.artifacts.atomic import atomic_file

MISSING = "missing"


class FileDigests:
    """Looks digests up, reading only what changed since `save`, and each file but once.

    Args:
        memory: JSON file that keeps what is known; made on `save`, ignored if unreadable.
    """

    def __init__(self, memory: Path) -> None:
        self.memory = memory
        self.known: dict[str, list[Any]] = _read(memory)
        self.found: dict[str, str] = {}
        self.changed = False

    def __getitem__(self, path: str) -> str:
        """SHA-256 of a file's content, or `MISSING`: whoever reads the file will say more."""
        if path not in self.found:
            self.found[path] = self._look_up(path)
        return self.found[path]

    def _look_up(self, path: str) -> str:
        try:
            status = Path(path).stat()
        except OSError:
            return MISSING
        now = [status.st_size, status.st_mtime_ns]
        if self.known.get(path, [])[:2] != now:
            content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
            self.known[path], self.changed = [*now, content], True
        return str(self.known[path][2])

    def save(self) -> None:
        """Keep what was learnt; a folder that can't be written to costs only time."""
        if not self.changed:
            return
        try:
            with atomic_file(self.memory) as temporary:
                temporary.write_text(json.dumps(self.known))
            self.changed = False
        except OSError:
            return


def _read(path: Path) -> dict[str, list[Any]]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def json_digest(value: Any) -> str:
    """SHA-256 of something that JSON can say."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def digest_of(value: Mapping[str, Any]) -> str:
    """The same in short, for parameters of rules."""
    return json_digest(value)[:16]
