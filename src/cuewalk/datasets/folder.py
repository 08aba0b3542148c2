"""One's own photographs, in any tree of folders.

    {root}/**/*.jpg      photographs, in every format of SUFFIXES
    labels.csv           which classes each shows, see folder_labels; or
    {root}/{class}/**    without a CSV file, the outermost folder is the class
    {masks}/**/*.png     optional ground truth, named as the photographs are: label ids as palette
                         indices or grey values, 0 = background, class k = k, 255 = void

The id of `beach/IMG 1.jpg` is `beach__IMG_1`: the path without suffix, folders parted by `__`, and
`_` for what a file name had better not hold. Photographs without a label are left out.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from cuewalk.datasets.folder_labels import (
    ALL,
    MOST_CLASSES,
    Table,
    class_problem,
    composed,
    read_table,
)
from cuewalk.datasets.folder_tree import SUFFIXES, Search, bare, files_under, photograph_ids
from cuewalk.datasets.images import decode_photograph
from cuewalk.datasets.record import Dataset, Progress, Record, Truth
from cuewalk.datasets.voc import check_mask
from cuewalk.errors import InputError

SMALLEST = 16
"""Pixels a side: below, there is nothing to see."""


class Photograph(NamedTuple):
    """A labelled photograph, its path and mask relative to root, POSIX style."""

    path: str
    labels: tuple[str, ...]
    split: str | None = None
    mask: str | None = None


@dataclass
class Folder:
    """What a folder of photographs holds.

    Attributes:
        classes: in the order of their ids in masks.
        photographs: the labelled ones, by id.
        unlabelled: paths of the others, relative to root.
        others: how many files there are of each suffix that is none of a photograph.
        spare: masks that belong to no labelled photograph, relative to their folder.
        problems: a sentence for each thing that is wrong.
    """

    classes: tuple[str, ...] = ()
    photographs: dict[str, Photograph] = field(default_factory=dict)
    unlabelled: list[str] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)
    spare: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def lists(self) -> dict[str, list[str]]:
        """Ids by name of the list: `all`, and those of the column `split`."""
        found = {ALL: list(self.photographs)}
        for id, photograph in self.photographs.items():
            if photograph.split is not None:
                found.setdefault(photograph.split, []).append(id)
        return found


def list_folder(root: Path, labels: str | None, masks: str | None) -> Folder:
    """The labelled photographs of a folder, none of them opened yet.

    Args:
        root: Folder of the photographs.
        labels: CSV file, absolute or relative to root; None for a folder per class.
        masks: Folder of the ground truth, likewise; None for none.

    Raises:
        InputError: The first thing that is wrong.
    """
    found = survey_folder(root, labels, masks)
    if found.problems:
        raise InputError(found.problems[0])
    return found


def survey_folder(root: Path, labels: str | None, masks: str | None) -> Folder:
    """The same, with all that is wrong in `problems`.

    Raises:
        InputError: There is no such folder, or no photograph in it.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; set the data set's root to where it lies.")
    found = Folder()
    truth = None if masks is None else root / masks
    paths = _photographs(root, truth, found)
    if not paths:
        raise InputError(f"{root}: no photographs; put {', '.join(SUFFIXES)} files there.")
    ids = photograph_ids(root, paths, found.problems)
    table = _labels(root, labels, paths, found)
    found.classes = table.classes
    shown = {path: names for path, names in table.labels.items() if names}
    found.unlabelled = [path for path in paths if path not in shown]
    own = {} if truth is None else _masks(root, truth, sorted(shown), found)
    found.photographs = {
        ids[path]: Photograph(path, names, table.splits.get(path), own.get(path))
        for path, names in sorted(shown.items())
    }
    return found


def read_folder(
    root: Path,
    splits: Mapping[str, Sequence[str]],
    photographs: Mapping[str, Photograph],
    *,
    progress: Progress = lambda ids: ids,
) -> Dataset:
    """Reads and checks photographs; each is really decoded.

    Args:
        root: Folder that paths are told relative to.
        splits: Ids to read, each with its splits.
        photographs: By id.
        progress: Wraps the ids while photographs are read, e.g. `tqdm`.

    Raises:
        InputError: A photograph is unreadable or too small.
    """
    records = [
        read_photograph(root, id, photographs[id], splits[id]) for id in progress(sorted(splits))
    ]
    return Dataset(tuple(records))


def read_photograph(root: Path, id: str, one: Photograph, splits: Sequence[str]) -> Record:
    """One of them.

    Raises:
        InputError: It is unreadable or too small.
    """
    image, sha256 = decode_photograph(root / one.path)
    if min(image.size) < SMALLEST:
        raise InputError(
            f"{root / one.path}: {image.width} x {image.height} pixels are too few; give at least "
            f"{SMALLEST} a side."
        )
    return Record(id, one.path, tuple(splits), one.labels, image.height, image.width, sha256)


def read_folder_truths(
    root: Path,
    records: Iterable[Record],
    found: Folder,
    *,
    progress: Progress = lambda ids: ids,
) -> tuple[Truth, ...]:
    """Reads and checks the masks of those photographs that have one; each is really decoded.

    Raises:
        InputError: A mask is unreadable, of another size than its photograph, or holds an id that
            is no class.
    """
    masks = {
        record: mask
        for record in sorted(records, key=lambda record: record.id)
        if (mask := found.photographs[record.id].mask) is not None
    }
    by_id = {record.id: record for record in masks}
    return tuple(
        check_mask(root, masks[by_id[id]], by_id[id], len(found.classes)) for id in progress(by_id)
    )


def _photographs(root: Path, truth: Path | None, found: Folder) -> list[str]:
    """Photographs under root in order, without hidden files and the folder of the masks."""
    paths = []
    for path in files_under(root, None if truth is None else truth.resolve(), found.problems):
        if path.suffix.lower() in SUFFIXES:
            paths.append(path.relative_to(root).as_posix())
        else:
            suffix = path.suffix.lower() or path.name
            found.others[suffix] = found.others.get(suffix, 0) + 1
    return sorted(paths)


def _labels(root: Path, labels: str | None, paths: Sequence[str], found: Folder) -> Table:
    try:
        if labels is None:
            return _class_folders(root, paths, found)
        return _from_csv(root, root / labels, paths, found)
    except InputError as error:
        found.problems.append(str(error))
        return Table()


def _class_folders(root: Path, paths: Sequence[str], found: Folder) -> Table:
    labels: dict[str, tuple[str, ...]] = {
        p: (composed(p.split("/")[0]),) for p in paths if "/" in p
    }
    names = sorted({name for own in labels.values() for name in own})
    found.problems += [problem for name in names if (problem := class_problem(root, name))]
    if not names:
        raise InputError(
            f"{root}: photographs without class folders; name the CSV file that tells their labels."
        )
    if len(names) > MOST_CLASSES:
        found.problems.append(
            f"{root}: {len(names)} folders of classes; a mask tells {MOST_CLASSES} apart."
        )
    return Table(tuple(names), labels)


def _from_csv(root: Path, csv: Path, paths: Sequence[str], found: Folder) -> Table:
    """The table with each `id` turned into the path of its photograph."""
    told = read_table(csv)
    found.problems += told.problems
    search = Search(root, csv, paths)
    table = Table(told.classes)
    spelled: dict[str, str] = {}
    for id, names in told.labels.items():
        path = search(id, found.problems)
        if path in spelled:
            found.problems.append(
                f"{csv}: {spelled[path]!r} and {id!r} are the same photograph; write one of them."
            )
        elif path is not None:
            spelled[path] = id
            table.labels[path] = names
            if id in told.splits:
                table.splits[path] = told.splits[id]
    return table


def _masks(root: Path, truth: Path, paths: Sequence[str], found: Folder) -> dict[str, str]:
    """The mask of each photograph that has one, relative to root."""
    if not truth.is_dir():
        found.problems.append(
            f"{truth}: no such folder of masks; set dataset.masks to it, or to null for none."
        )
        return {}
    inside, base = truth.resolve(), os.path.relpath(truth.resolve(), root.resolve())
    masks = {}
    for path in sorted(files_under(inside, None, found.problems)):
        if path.suffix.lower() == ".png":
            name = path.relative_to(inside).as_posix()
            masks[composed(str(PurePosixPath(name).with_suffix("")))] = name
    own = {p: masks.pop(k) for p in paths if (k := bare(p)) in masks}
    found.spare = sorted(masks.values())
    if paths and not own:
        found.problems.append(
            f"{truth}: no mask of any labelled photograph; name each as its photograph, "
            f"{bare(paths[0])}.png."
        )
    return {path: PurePosixPath(base, name).as_posix() for path, name in own.items()}
