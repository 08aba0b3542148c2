"""Data in the layout of the PASCAL VOC devkit (paper section 4.1; Everingham et al. 2010).

    JPEGImages/{id}.jpg                  photograph
    Annotations/{id}.xml                 its objects; the set of their names is the image label
    ImageSets/Segmentation/{split}.txt   ids of a split, one per line
    SegmentationClass/{id}.png           mask: label ids as palette indices, 255 = void
    classes.txt                          optional: names of all classes instead of VOC's twenty

Everything is checked here, once, before any stage computes for hours on it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from xml.etree.ElementTree import ParseError

import numpy as np
from defusedxml import ElementTree
from numpy.typing import NDArray
from PIL import Image

from cuewalk.artifacts.atomic import atomic_file
from cuewalk.datasets.images import decode
from cuewalk.datasets.record import NAME, Dataset, Progress, Record, Truth, limited
from cuewalk.errors import InputError

VOID = 255
# fmt: off
VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)
# fmt: on


def read_voc(
    root: Path,
    *,
    splits: Sequence[str],
    classes: Sequence[str] = (),
    masks: str = "SegmentationClass",
    need_masks: Sequence[str] = (),
    limits: Mapping[str, int] = MappingProxyType({}),
    progress: Progress = lambda ids: ids,
) -> Dataset:
    """Reads and checks a data set; every photograph and every needed mask is really decoded.

    Args:
        root: Folder that holds JPEGImages, Annotations and ImageSets.
        splits: Lists to read; a photograph in several of them gives one record.
        classes: Wanted classes in label order; empty = all. Labels of other classes are dropped.
        masks: Folder of the ground-truth masks.
        need_masks: Splits, out of `splits`, whose masks are checked and returned as truths.
        limits: Split -> how many photographs to keep of those that show a wanted class, chosen
            by `limited`; a split that isn't named keeps all.
        progress: Wraps the ids while photographs are read, e.g. `tqdm`.

    Raises:
        InputError: Anything missing, unreadable or inconsistent; the first in sorted order.
    """
    full = class_names(root)
    wanted = _wanted(root, full, classes)
    lists = _read_lists(root, splits)
    listed = _union(lists, splits)
    _union(lists, need_masks)
    labels = _read_labels(root, sorted(listed), full, wanted)
    _check_splits(root, lists, labels, wanted)
    members = _members(lists, labels, limits)
    masked = {id for id in members if not set(need_masks).isdisjoint(members[id])}
    _require(root / "JPEGImages", sorted(members), ".jpg")
    _require(root / masks, sorted(masked), ".png")

    records, truths = [], []
    for id in progress(sorted(members)):
        records.append(_read_record(root, id, members[id], labels[id]))
        if id in masked:
            truths.append(_read_truth(root, f"{masks}/{id}.png", records[-1], len(full)))
    left_out = len(listed) - len(labels)
    mask_ids = tuple(full.index(name) + 1 for name in wanted)
    return Dataset(root, wanted, tuple(records), tuple(truths), left_out, mask_ids)


def class_names(root: Path) -> tuple[str, ...]:
    """All classes of a data set in label order: its classes.txt, or VOC's twenty.

    Raises:
        InputError: No such folder, or classes.txt isn't a list of distinct names.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; set the data set's root to where it lies.")
    path = root / "classes.txt"
    if not path.exists():
        return VOC_CLASSES
    names = tuple(line.strip() for line in _lines(path))
    if not 0 < len(names) < VOID or len(set(names)) < len(names) or ";" in "".join(names):
        raise InputError(
            f"{path}: not a list of class names; write 1 to 254 distinct names without ';', "
            "one per line."
        )
    return names


def voc_palette() -> NDArray[np.uint8]:
    """VOC's colours, (256, 3): bit 3b + c of a label id is bit 7 - b of channel c."""
    ids = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= ((ids >> (3 * bit + channel) & 1) << (7 - bit)).astype(np.uint8)
    return palette


def save_mask(path: Path, mask: NDArray[np.uint8]) -> None:
    """Writes label ids, (height, width), as an indexed PNG in VOC's colours, atomically."""
    image = Image.fromarray(mask)
    image.putpalette(voc_palette().tobytes())
    with atomic_file(path) as temporary:
        image.save(temporary, "PNG")


def _wanted(root: Path, full: Sequence[str], classes: Sequence[str]) -> tuple[str, ...]:
    for name, count in Counter(classes).items():
        if count > 1:
            raise InputError(f"Class '{name}' is asked for {count} times; name it once.")
        if name not in full:
            raise InputError(
                f"Class '{name}' is asked for but {root} has no such class; "
                f"choose from {', '.join(full)}."
            )
    return tuple(classes) or tuple(full)


def _lines(path: Path) -> list[str]:
    # A byte that isn't UTF-8 becomes a sign that no name may hold, and is reported as such.
    return path.read_text(encoding="utf-8-sig", errors="replace").strip().splitlines()


def _list_path(root: Path, split: str) -> Path:
    return root / "ImageSets" / "Segmentation" / f"{split}.txt"


def _read_lists(root: Path, splits: Sequence[str]) -> dict[str, set[str]]:
    if not splits:
        raise InputError(f"{root}: no split to read; name at least one list.")
    return {split: _read_list(root, split) for split in splits}


def _read_list(root: Path, split: str) -> set[str]:
    path = _list_path(root, split)
    if not NAME.fullmatch(split):
        raise InputError(f"Split '{split}' is not the name of a list; give the name of {path}.")
    if not path.is_file():
        raise InputError(f"{path}: no such list; create it or take '{split}' off the splits.")
    ids = [line.strip() for line in _lines(path)]
    if not ids:
        raise InputError(f"{path}: the list is empty; write one photograph's id per line.")
    for id, count in sorted(Counter(ids).items()):
        if not NAME.fullmatch(id):
            raise InputError(
                f"{path}: '{id}' is not an id; write one per line, of letters, digits, '_', '-', "
                "'+' and '.', without folder or extension."
            )
        if count > 1:
            raise InputError(f"{path}: id '{id}' stands there {count} times; keep it once.")
    return set(ids)


def _union(lists: Mapping[str, set[str]], splits: Sequence[str]) -> set[str]:
    for split in splits:
        if split not in lists:
            raise InputError(f"Masks of split '{split}' are needed; add it to the splits to read.")
    return set().union(*(lists[split] for split in splits))


def _members(
    lists: Mapping[str, set[str]], shown: Iterable[str], limits: Mapping[str, int]
) -> dict[str, tuple[str, ...]]:
    """Splits of each kept photograph, in the order they were asked for."""
    for split in limits:
        if split not in lists:
            raise InputError(f"A limit is set for '{split}'; add it to the splits or take it off.")
    found: dict[str, tuple[str, ...]] = {}
    for split, ids in lists.items():
        for id in limited(ids.intersection(shown), limits.get(split)):
            found[id] = (*found.get(id, ()), split)
    return found


def _read_labels(
    root: Path, ids: Sequence[str], full: Sequence[str], wanted: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Wanted classes that each photograph shows; photographs without any are left out."""
    _require(root / "Annotations", ids, ".xml")
    labels = {}
    for id in ids:
        names = _object_names(root / "Annotations" / f"{id}.xml", full)
        if shown := tuple(name for name in wanted if name in names):
            labels[id] = shown
    return labels


def _object_names(path: Path, full: Sequence[str]) -> set[str]:
    try:
        objects = ElementTree.parse(path).findall("object")
    except (ParseError, LookupError, ValueError, OSError) as error:
        raise InputError(f"{path}: not readable XML ({error}); copy the file again.") from error
    names = {(item.findtext("name") or "").strip() for item in objects}
    if not names:
        raise InputError(f"{path}: no objects; add one or take the id off the lists.")
    for name in sorted(names.difference(full)):
        raise InputError(
            f"{path}: object '{name}' is none of the classes {', '.join(full)}; correct its name "
            "or list all classes in classes.txt."
        )
    return names


def _check_splits(
    root: Path, lists: Mapping[str, set[str]], kept: Iterable[str], wanted: Sequence[str]
) -> None:
    for split, ids in lists.items():
        if ids.isdisjoint(kept):
            raise InputError(
                f"{_list_path(root, split)}: no photograph shows any of {', '.join(wanted)}; "
                "ask for other classes or another split."
            )


def _require(folder: Path, ids: Sequence[str], suffix: str) -> None:
    missing = [path for id in ids if not (path := folder / f"{id}{suffix}").is_file()]
    if missing:
        more = f" and {len(missing) - 1} more are" if missing[1:] else " is"
        raise InputError(f"{missing[0]}{more} missing; copy it there or take the id off the lists.")


def _read_record(root: Path, id: str, splits: tuple[str, ...], labels: tuple[str, ...]) -> Record:
    path = f"JPEGImages/{id}.jpg"
    image, sha256 = decode(root / path)
    return Record(id, path, splits, labels, image.height, image.width, sha256)


def _read_truth(root: Path, path: str, record: Record, classes: int) -> Truth:
    image, sha256 = decode(root / path)
    if image.mode not in ("P", "L"):
        raise InputError(
            f"{root / path}: mode {image.mode}, not indexed; save label ids as an indexed PNG."
        )
    if image.size != (record.width, record.height):
        raise InputError(
            f"{root / path}: {image.width} x {image.height} pixels but its photograph has "
            f"{record.width} x {record.height}; bring both to one size."
        )
    ids = np.flatnonzero(image.histogram())
    for unknown in ids[(ids > classes) & (ids != VOID)]:
        raise InputError(
            f"{root / path}: label id {unknown} is no class of this data set (0 to {classes}, "
            "255 = void); correct the mask."
        )
    return Truth(record.id, path, sha256)
