"""Data in a layout of ImageNet's classification task (paper table 2; Russakovsky et al. 2015).

    {split}/{class}/*.JPEG    a folder per class; or
    {split}/*.JPEG            all in one folder, with their labels in a file of one of two forms:
        *.csv                 columns id,label
        *.txt                 the devkit's numbers, a line per photograph, with meta.mat beside it

A photograph has one label. There are no masks.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cuewalk.datasets.imagenet_labels import check_class, read_labels
from cuewalk.datasets.images import decode_photograph, place_in
from cuewalk.datasets.record import NAME, Dataset, Progress, Record
from cuewalk.errors import InputError

SUFFIXES = (".jpeg", ".jpg", ".png")


class Listing(NamedTuple):
    """Photographs by id, all classes, and label by id."""

    paths: dict[str, Path]
    classes: tuple[str, ...]
    labels: dict[str, str]


def list_imagenet(root: Path, split: str, labels: Path | None = None) -> Listing:
    """Photographs of a split with their labels, none of them opened yet.

    Ids are file names without extension. Classes are sorted by name, or by WordNet id where the
    devkit tells it, as are the outputs of ImageNet models; a class folder may be empty.

    Args:
        root: Folder that holds the split's.
        split: Folder of the photographs.
        labels: For photographs in one folder: where their labels are, absolute or relative to
            root; None for class folders.

    Raises:
        InputError: A folder or file is missing, or labels and photographs don't match.
    """
    folder = _folder(root, split)
    folders, photographs = _list(folder)
    if folders and photographs:
        raise InputError(
            f"{folder}: holds both class folders ('{folders[0].name}') and photographs "
            f"('{photographs[0].name}'); keep one of the two."
        )
    if folders and labels is not None:
        raise InputError(
            f"{folder}: has class folders, which tell the labels; take the file {labels} off."
        )
    paths = _by_id(folder, [*photographs, *_in_folders(folders)])
    if folders:
        classes = tuple(path.name for path in folders)
        return Listing(paths, classes, {id: path.parent.name for id, path in paths.items()})
    if labels is None:
        raise InputError(
            f"{folder}: photographs without class folders; name the file that tells their labels."
        )
    return Listing(paths, *read_labels(root / labels, {id: p.name for id, p in paths.items()}))


def read_imagenet(
    root: Path,
    splits: Mapping[str, Sequence[str]],
    listing: Listing,
    *,
    progress: Progress = lambda ids: ids,
) -> Dataset:
    """Reads and checks photographs; each is really decoded.

    Args:
        root: Folder that paths are told relative to.
        splits: Ids to read, each with its splits.
        listing: What `list_imagenet` found.
        progress: Wraps the ids while photographs are read, e.g. `tqdm`.

    Raises:
        InputError: A photograph is unreadable.
    """
    records = [
        _record(root, id, listing.paths[id], tuple(splits[id]), listing.labels[id])
        for id in progress(sorted(splits))
    ]
    return Dataset(tuple(records))


def _folder(root: Path, split: str) -> Path:
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; set the data set's root to where it lies.")
    folder = root / split
    if not NAME.fullmatch(split) or not folder.is_dir():
        raise InputError(
            f"{root}: no folder '{split}' directly in it; name the folder of the split."
        )
    return folder


def _list(folder: Path) -> tuple[list[Path], list[Path]]:
    """Folders and photographs of a folder, each sorted by name, without hidden ones."""
    found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    folders = [path for path in found if path.is_dir()]
    photographs = [path for path in found if path.suffix.lower() in SUFFIXES and path.is_file()]
    return folders, photographs


def _in_folders(folders: Iterable[Path]) -> list[Path]:
    for folder in folders:
        check_class(folder, folder.name)
    return [path for folder in folders for path in _list(folder)[1]]


def _by_id(folder: Path, photographs: Iterable[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in photographs:
        if not NAME.fullmatch(path.stem):
            raise InputError(
                f"{path.parent}: {path.name!r} is no name for a photograph; use letters, digits, "
                "'_', '-', '+' and '.'."
            )
        if path.stem in found:
            raise InputError(
                f"{path}: same id '{path.stem}' as {found[path.stem]}; rename one of the two."
            )
        found[path.stem] = path
    if not found:
        raise InputError(f"{folder}: no photographs; put {', '.join(SUFFIXES)} files there.")
    return found


def _record(root: Path, id: str, path: Path, splits: tuple[str, ...], label: str) -> Record:
    relative = path.relative_to(root).as_posix()
    image, sha256 = decode_photograph(place_in(root, relative))
    return Record(id, relative, splits, (label,), image.height, image.width, sha256)
