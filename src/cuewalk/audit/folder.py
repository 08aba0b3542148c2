"""A run as it lies on disk: its receipts, what they claim, and the files that are there."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cuewalk.artifacts.content import IGNORED, MISSING, hash_files
from cuewalk.artifacts.places import leads_out, within
from cuewalk.artifacts.receipts import NAME, DamagedError, content_of, read_receipt
from cuewalk.errors import InputError

LOGS = "logs"
PASSING = frozenset({".checkpoint"}) | IGNORED
"""Files that belong to a run and are none of its artefacts."""
MARKS = ("dataset", LOGS, "photographs.json")
"""One of these lies in the folder of every run."""


@dataclass
class Artefact:
    """What one job left: its outputs and the receipt that claims them.

    Attributes:
        key: path of the receipt within the run.
        content: what it says; None if it is damaged.
        damage: in what way, else "".
    """

    key: str
    content: dict[str, Any] | None
    damage: str = ""

    @property
    def name(self) -> str:
        """How people call it: `cues/train-000`, `dataset`."""
        return name_of(self.key)

    @property
    def stage(self) -> str:
        """The stage that made it; a guess by the folder if the receipt is damaged."""
        return str(self.content["stage"]) if self.content else self.key.split("/", maxsplit=1)[0]

    @property
    def shard(self) -> str:
        """The shard that it is of, "" for none."""
        return str(self.content["shard"]) if self.content else ""

    def outputs(self) -> dict[str, dict[str, Any]]:
        """Path within the run -> what the receipt says of the output there."""
        if self.content is None:
            return {}
        return {self.place(o["path"]): o for o in self.content["outputs"].values()}

    def inputs(self) -> Iterator[dict[str, Any]]:
        """What was read, as the receipt lists it."""
        if self.content is not None:
            for entries in self.content["inputs"].values():
                yield from entries

    def place(self, path: str) -> str:
        """A path of the receipt, as seen from the run's folder."""
        return os.path.normpath(Path(self.key).parent / path)


@dataclass
class Run:
    """A run's folder.

    Attributes:
        folder: where it lies.
        artefacts: by key.
        files: path of every file within the run, receipts included, logs not.
        digests: path within the run -> SHA-256 of the claimed files that are there.
    """

    folder: Path
    artefacts: dict[str, Artefact]
    files: frozenset[str]
    digests: dict[str, str] = field(default_factory=dict)
    _content: dict[str, str] = field(default_factory=dict)

    def claimed(self) -> dict[str, str]:
        """Path within the run -> SHA-256, of every file that a receipt claims."""
        found: dict[str, str] = {}
        for artefact in self.artefacts.values():
            for path, output in artefact.outputs().items():
                found |= {os.path.normpath(f"{path}/{f}"): d for f, d in output["files"].items()}
        return found

    def size(self) -> int:
        """Bytes that `hash` is going to read."""
        return sum((self.folder / path).stat().st_size for path in self._readable())

    def hash(self, watch: Callable[[int], None] = lambda _: None) -> None:
        """Read every claimed file.

        Args:
            watch: told the size of each file that is done, in bytes.
        """
        paths = self._readable()
        found = hash_files((self.folder / path for path in paths), watch)
        self.digests = {path: found[self.folder / path] for path in paths}

    def differing(self, path: str, output: Mapping[str, Any]) -> dict[str, str | None]:
        """Files of an output that are not as claimed -> their digest now, None if gone."""
        now = {f: self.digests.get(os.path.normpath(f"{path}/{f}")) for f in output["files"]}
        return {f: digest for f, digest in now.items() if digest != output["files"][f]}

    def content(self, path: str, output: Mapping[str, Any] | None) -> str:
        """Digest of what lies at a path of the run now; read anew only if it is not as claimed."""
        if output is not None and not self.differing(path, output):
            return str(output["content"])
        if path not in self._content:
            place = self.folder / path
            self._content[path] = content_of(place, None) if _stays(self.folder, place) else MISSING
        return self._content[path]

    def _readable(self) -> list[str]:
        return sorted(self.claimed().keys() & self.files)


def name_of(key: str) -> str:
    """How people call the artefact of a receipt."""
    return key.removesuffix(f"/{NAME}").removesuffix(".json")


def runs_in(results: Path) -> list[Path]:
    """The run's folder itself, or the folders of all runs in a results folder.

    Raises:
        InputError: there is none.
    """
    if not results.is_dir():
        raise InputError(f"{results}: there is no such folder; name a run's, as results/demo.")
    if _is_run(results):
        return [results]
    found = sorted(folder for folder in results.iterdir() if folder.is_dir() and _is_run(folder))
    if not found:
        raise InputError(f"{results}: holds no run; name a run's folder, as results/demo.")
    return found


def one_run(results: Path) -> Path:
    """The folder of the one run that is meant.

    Raises:
        InputError: there is none, or several.
    """
    found = runs_in(results)
    if len(found) > 1:
        names = ", ".join(str(folder) for folder in found)
        raise InputError(f"{results}: holds several runs; name one of {names}.")
    return found[0]


def load(folder: Path) -> Run:
    """Read a run's receipts and list its files."""
    files = frozenset(_files(folder))
    artefacts = {}
    for path in sorted(files):
        if _may_be_receipt(path, files):
            artefacts[path] = _artefact(folder, path)
    return Run(folder, artefacts, files)


def _artefact(folder: Path, key: str) -> Artefact:
    try:
        found = Artefact(key, read_receipt(folder / key))
        for path in (e[name] for e in found.inputs() for name in ("path", "receipt")):
            if path is not None and leads_out(found.place(path)):
                raise DamagedError(f"the receipt names {path}, which lies out of the run's folder")
        return found
    except DamagedError as error:
        return Artefact(key, None, str(error))
    except OSError as error:
        return Artefact(key, None, f"the receipt cannot be read ({error.strerror})")


def _files(folder: Path) -> Iterator[str]:
    for here, folders, files in os.walk(folder, followlinks=True):
        if Path(here) == folder and LOGS in folders:
            folders.remove(LOGS)
        # Other runs beside it may be linked to; what lies elsewhere is no run's.
        folders[:] = [name for name in folders if _stays(folder, Path(here, name))]
        for path in (Path(here, name) for name in set(files) - PASSING):
            if not path.is_symlink() or _stays(folder, path):
                yield path.relative_to(folder).as_posix()


def _stays(folder: Path, path: Path) -> bool:
    """Whether a path lies within a run's folder, or in that of all runs, its links followed."""
    return within(folder, path) or within(folder.absolute().parent, path)


def _may_be_receipt(path: str, files: frozenset[str]) -> bool:
    """A JSON file that is not within an artefact, a folder `X` with its receipt `X.json`."""
    here = Path(path)
    if here.suffix != ".json" or here.name.startswith("."):
        return False
    folders = [p for p in here.parents if p.name]
    return not any(f"{p.as_posix()}.json" in files for p in folders)


def _is_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in MARKS)
