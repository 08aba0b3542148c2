"""Labels of photographs that lie in one folder: a CSV file, or the devkit's list of numbers.

The devkit numbers the classes in an order of its own (ILSVRC2012_ID), which is not that of their
WordNet ids, by which the outputs of ImageNet models are sorted. Its meta.mat tells which is which.
"""

import csv
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cuewalk.errors import InputError

Labels = tuple[tuple[str, ...], dict[str, str]]


def read_labels(path: Path, names: Mapping[str, str]) -> Labels:
    """All classes in label order, and the label of each photograph by its id.

    Args:
        path: A .csv file with columns id,label, ids with or without extension; or the devkit's
            .txt file with a class number per line, in order of the sorted file names.
        names: File name of each photograph by its id.

    Raises:
        InputError: A file is missing or damaged, or doesn't match the photographs.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; correct the path of the labels.")
    if path.suffix.lower() == ".csv":
        return _read_csv(path, names)
    if path.suffix.lower() == ".txt":
        return _read_devkit(path, names)
    raise InputError(
        f"{path}: neither .csv nor .txt; give a CSV file with the columns id,label or the "
        "devkit's list of numbers."
    )


def check_class(source: Path, name: str) -> None:
    """Refuses a name that the index could not hold.

    Raises:
        InputError: It is empty, has a ';' or a sign that cannot be printed.
    """
    if not name.strip() or ";" in name or not name.isprintable():
        raise InputError(
            f"{source}: {name!r} is no name for a class; use printable signs without ';'."
        )


def _read_csv(path: Path, names: Mapping[str, str]) -> Labels:
    ids = {name: id for id, name in names.items()} | {id: id for id in names}
    found: dict[str, str] = {}
    for cell, label in _rows(path):
        check_class(path, label)
        if cell not in ids:
            raise InputError(
                f"{path}: id {cell!r} is none of the photographs; correct it or take its row off."
            )
        if ids[cell] in found:
            raise InputError(f"{path}: id '{ids[cell]}' stands there twice; keep it once.")
        found[ids[cell]] = label
    for id in sorted(names.keys() - found):
        raise InputError(f"{path}: photograph '{names[id]}' has no row; add one or remove it.")
    return tuple(sorted(set(found.values()))), found


def _rows(path: Path) -> list[tuple[str, str]]:
    try:
        # A byte that isn't UTF-8 becomes a sign that no photograph's name holds.
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            return [(row["id"].strip(), row["label"].strip()) for row in csv.DictReader(file)]
    except (OSError, KeyError, AttributeError, csv.Error) as error:
        raise InputError(
            f"{path}: not a CSV file with the columns id,label; write both into every row."
        ) from error


def _read_devkit(path: Path, names: Mapping[str, str]) -> Labels:
    wnids = _read_synsets(path.with_name("meta.mat"))
    lines = path.read_text(encoding="utf-8-sig", errors="replace").split()
    if len(lines) != len(names):
        raise InputError(
            f"{path}: {len(lines)} numbers for {len(names)} photographs; "
            "give one line per photograph."
        )
    found = {}
    for line, id in zip(lines, sorted(names, key=names.__getitem__), strict=True):
        if line not in wnids:
            raise InputError(
                f"{path}: {line!r} is no class number of meta.mat beside it; "
                "copy both from the same devkit."
            )
        found[id] = wnids[line]
    return tuple(sorted(wnids.values())), found


def _read_synsets(path: Path) -> dict[str, str]:
    """WordNet id of each class by its number; groups of classes have children and are no class."""
    from scipy.io import loadmat  # noqa: PLC0415  (only those who have such data load it)
    from scipy.io.matlab import MatReadError  # noqa: PLC0415

    if not path.is_file():
        raise InputError(f"{path}: is missing; copy the devkit's meta.mat beside the labels.")
    broken = (OSError, ValueError, TypeError, LookupError, NotImplementedError, zlib.error)
    try:
        synsets = np.atleast_1d(loadmat(path, squeeze_me=True)["synsets"])
        leaves = [row for row in synsets if int(row["num_children"]) == 0]
        found = {str(int(row["ILSVRC2012_ID"])): str(row["WNID"]) for row in leaves}
        if not len(leaves) == len(found) == len(set(found.values())):
            raise ValueError("a number or WordNet id occurs twice")
        if not found:
            raise ValueError("no class")
    except (*broken, MatReadError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: not the devkit's table of synsets ({reason}); copy the file again."
        ) from error
    return found
