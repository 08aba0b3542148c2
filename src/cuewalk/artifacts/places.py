"""Paths that files made elsewhere name: none may lead out of the folder that it belongs to."""

import os
from pathlib import Path


def leads_out(path: str) -> bool:
    """Whether a path, as seen from a folder, leads out of it: absolute, or up by `..`.

    Nothing is said of links; `within` follows them.
    """
    parts = Path(os.path.normpath(path)).parts
    return parts[:1] in ((os.sep,), ("//",), (os.pardir,)) or "\0" in path


def within(folder: Path, path: Path) -> bool:
    """Whether a path lies within a folder, once all links in both are followed."""
    return path.resolve().is_relative_to(folder.resolve())
