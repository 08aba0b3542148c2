"""Artefacts of another run under the same results folder that are just what a job would make.

Same stage and shard, settings, code, photographs and inputs, by content: then the other run's
outputs are taken over, once their bytes have been checked against their receipt. Files in a folder
become hard links, which cost no room; artefacts are only ever replaced by renaming, so one run
never writes into another's. A single file is copied: Snakemake sets the time of every file that
a job makes, which would reach through a hard link and make the other run's file look new.
"""

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cuewalk.artifacts.atomic import atomic_file, atomic_folder
from cuewalk.artifacts.content import MISSING, file_digests
from cuewalk.artifacts.receipts import DamagedError, read_receipt

log = logging.getLogger("cuewalk")

SAME = ("stage", "shard", "cfg", "code", "data", "named_files")


class _UnfitError(Exception):
    """The other run's files are not what their receipt says."""


def run_folder(log_file: Path) -> Path:
    """The folder of a run, from the path of a job's log: `results/{run}/logs/...`.

    Returns:
        The log's own folder if no folder above it is called `logs`.
    """
    above = (folder.parent for folder in log_file.parents if folder.name == "logs")
    return next(above, log_file.parent)


def find_same(
    receipt: Path, known: Mapping[str, Any], outputs: Mapping[str, Path], run: Path
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Receipts of other runs that tell of the same work.

    Args:
        receipt: where the job's own receipt is going to lie, within `run`.
        known: what the receipt is going to say of settings, code, photographs and inputs.
        outputs: name -> path.
        run: folder of the job's run; the others lie beside it.

    Yields:
        A receipt's path and what it says.
    """
    if not receipt.is_relative_to(run) or MISSING in _read_by(known):
        return
    place = receipt.relative_to(run)
    for other in sorted(run.parent.glob("*")):
        if other.name == run.name or not (other / place).is_file():
            continue
        try:
            content = read_receipt(other / place)
        except (OSError, DamagedError):
            continue
        same = all(content[key] == known[key] for key in SAME)
        if same and _read(content) == _read(known) and set(content["outputs"]) == set(outputs):
            yield other / place, content


def link_outputs(other: Path, content: Mapping[str, Any], outputs: Mapping[str, Path]) -> bool:
    """Take over the outputs that another run's receipt names; whole or not at all, each.

    Args:
        other: path of that receipt.
        content: what it says.
        outputs: name -> where to put it.

    Returns:
        False if some file there is gone or not what the receipt says.
    """
    try:
        for name, output in content["outputs"].items():
            _take(other.parent / output["path"], outputs[name], output["files"])
    except (OSError, _UnfitError) as error:
        log.info("%s: cannot be reused: %s", other, error)
        return False
    return True


def _take(source: Path, target: Path, files: Mapping[str, str]) -> None:
    if "." in files:
        with atomic_file(target) as temporary:
            shutil.copyfile(source, temporary)
            _check(temporary, files)
        return
    with atomic_folder(target) as temporary:
        for name in files:
            copy = temporary / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            _link(source / name, copy)
        _check(temporary, files)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


def _check(path: Path, files: Mapping[str, str]) -> None:
    if file_digests(path) != files:
        raise _UnfitError("its files are not what its receipt says")


def _read(content: Mapping[str, Any]) -> dict[str, list[str]]:
    """Digests of what was read, by the input's name."""
    return {name: [e["content"] for e in some] for name, some in content["inputs"].items()}


def _read_by(known: Mapping[str, Any]) -> set[str]:
    return {digest for digests in _read(known).values() for digest in digests}
