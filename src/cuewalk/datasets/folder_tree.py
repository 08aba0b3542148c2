"""Files in a tree of folders: which photograph a name means, and what its id is."""

import os
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from cuewalk.datasets.folder_labels import composed
from cuewalk.datasets.images import follows_links

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
LONGEST = 200
"""Bytes of an id: most file systems take names of 255, with a suffix."""
HINTS = 10
"""Missing photographs that a similar name is looked for: it takes a while among many."""


def files_under(root: Path, left_out: Path | None, problems: list[str]) -> Iterator[Path]:
    """Files under a folder, hidden ones left out.

    Links to folders are not followed. Links that lead out are problems, but for those to files if
    the environment asks to follow them (`images.FOLLOW`).

    Args:
        root: The folder.
        left_out: Resolved path of a folder in it that is passed over.
        problems: A sentence is added for each thing that is wrong.
    """
    inside = _real(root)
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        for name in sorted([*folders, *names]):
            path = here / name
            if _leads_out(path, inside) and not (follows_links() and path.is_file()):
                problems.append(
                    f"{path}: a link that leads out of {root}; copy what it shows there instead."
                )
            elif name in names and not name.startswith(".") and path.is_file():
                yield path
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and (left_out is None or _real(here / name) != left_out)
        ]


def _leads_out(path: Path, inside: Path) -> bool:
    return path.is_symlink() and not _real(path).is_relative_to(inside)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve raises where links lead in circles


def photograph_ids(root: Path, paths: Sequence[str], problems: list[str]) -> dict[str, str]:
    """Id of each photograph by its path; two of one id, or too long a one, are problems."""
    ids: dict[str, str] = {}
    owners: dict[str, str] = {}
    for path in paths:
        id = photograph_id(path)
        if id in owners:
            problems.append(
                f"{root / path}: same id '{id}' as {root / owners[id]}; rename one of the two."
            )
        if len(id.encode()) > LONGEST:
            problems.append(
                f"{root / path}: its id '{id[:20]}...' has {len(id.encode())} bytes, more than "
                f"{LONGEST}; shorten the names of file and folders."
            )
        owners.setdefault(id, path)
        ids[path] = id
    return ids


def photograph_id(path: str) -> str:
    """A photograph's id from its path relative to root: `record.NAME`, fit for a file's name."""
    name = "__".join(PurePosixPath(composed(path)).with_suffix("").parts)
    name = re.sub(r"[^\w.+-]", "_", name)
    return name if re.match(r"\w", name) else f"_{name}"


def bare(path: str) -> str:
    """A path without its suffix, as masks are named."""
    return composed(str(PurePosixPath(path).with_suffix("")))


class Search:
    """Finds the photograph that a CSV file means, among those under root and nowhere else."""

    def __init__(self, root: Path, csv: Path, paths: Sequence[str]) -> None:
        self.root, self.csv, self.missing = root, csv, 0
        self.known: tuple[dict[str, list[str]], ...] = ({}, {})
        for path in paths:
            for known, name in zip(self.known, (path, path.rsplit("/", 1)[-1]), strict=True):
                for key in {_key(name), _key(str(PurePosixPath(name).with_suffix("")))}:
                    known.setdefault(key, []).append(path)

    def __call__(self, id: str, problems: list[str]) -> str | None:
        """Its path; None, and a problem more, if there is none, or are several."""
        name = id.replace("\\", "/")
        if name.startswith("/") or ".." in name.split("/") or re.match(r"[A-Za-z]:/", name):
            problems.append(
                f"{self.csv}: {id!r} leads out of {self.root}; write the path within it."
            )
            return None
        key = _key(name.removeprefix("./"))
        matching = next((known[key] for known in self.known if key in known), [])
        if len(matching) == 1:
            return matching[0]
        if matching:
            problems.append(
                f"{self.csv}: {id!r} may be {matching[0]} or {matching[1]}; write the whole path."
            )
        else:
            self.missing += 1
            near = self._near(key) if self.missing <= HINTS else []
            hint = f"did you mean {self.known[0][near[0]][0]}?" if near else "copy it there or take"
            hint += "" if near else " its rows off."
            problems.append(f"{self.csv}: photograph {id!r} does not lie under {self.root}; {hint}")
        return None

    def _near(self, key: str) -> list[str]:
        # Short names that share a suffix are alike by more than half.
        return get_close_matches(key, self.known[0], 1, 0.8)


def _key(name: str) -> str:
    """A name as it is looked up: cameras write `.JPG`, people `.jpg`."""
    path = PurePosixPath(composed(name))
    suffix = path.suffix.lower()
    return str(path.with_suffix(suffix)) if suffix in SUFFIXES else str(path)
