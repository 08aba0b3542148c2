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
from xml.etree.ElementTree import ParseError

import numpy as np
from defusedxml import ElementTree
from numpy.typing import NDArray
from PIL import Image

from cuewalk.artifacts.atomic import atomic_file
from cuewalk.datasets.images import decode, decode_photograph, place_in, place_of_mask
from cuewalk.datasets.record import BACKGROUND, NAME, Dataset, Progress, Record, Truth
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
    splits: Mapping[str, Sequence[str]],
    *,
    classes: Sequence[str] = (),
    progress: Progress = lambda ids: ids,
) -> Dataset:
    """Reads and checks photographs and their labels; every photograph is really decoded.

    Args:
        root: Folder that holds JPEGImages and Annotations.
        splits: Ids, each with the splits that list it.
        classes: Wanted classes in label order; empty = all. Labels of other classes are dropped.
        progress: Wraps the ids while photographs are read, e.g. `tqdm`.

    Raises:
        InputError: Anything missing, unreadable or inconsistent; the first in sorted order.
    """
    names, _ = wanted_classes(root, classes)
    labels = _read_labels(root, sorted(splits), class_names(root), names)
    _require(root / "JPEGImages", sorted(labels), ".jpg")
    records = [
        _read_record(root, id, tuple(splits[id]), labels[id]) for id in progress(sorted(labels))
    ]
    return Dataset(tuple(records), left_out=len(splits) - len(labels))


def read_voc_truths(
    root: Path,
    records: Iterable[Record],
    *,
    masks: str = "SegmentationClass",
    progress: Progress = lambda ids: ids,
) -> tuple[Truth, ...]:
    """Reads and checks the ground truth of photographs; every mask is really decoded.

    Args:
        root: Folder that holds that of the masks.
        records: Photographs with a mask.
        masks: Folder of the masks.
        progress: Wraps the ids while masks are read.

    Raises:
        InputError: A mask is missing, unreadable, of another size than its photograph, or holds an
            id that is no class.
    """
    by_id = {record.id: record for record in records}
    _require(root / masks, sorted(by_id), ".png")
    known = len(class_names(root))
    return tuple(
        check_mask(root, f"{masks}/{id}.png", by_id[id], known) for id in progress(sorted(by_id))
    )


def read_lists(root: Path, splits: Sequence[str]) -> dict[str, set[str]]:
    """Ids that each list under ImageSets/Segmentation names.

    Raises:
        InputError: A list is missing or empty, or names an id twice or one that is none.
    """
    if not root.is_dir():
        raise InputError(_no_folder(root))
    return {split: _read_list(root, split) for split in splits}


def wanted_classes(root: Path, classes: Sequence[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """`choose_classes` from all classes of the data set in a folder."""
    return choose_classes(root, class_names(root), classes)


def choose_classes(
    root: Path, full: tuple[str, ...], classes: Sequence[str]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names of the wanted classes in label order, and their label ids in the masks.

    Args:
        root: Folder of the data set.
        full: All its classes, in the order of the ids in the masks.
        classes: Wanted classes; empty = all.

    Raises:
        InputError: One of them is named twice or is no class of the data set.
    """
    for name, count in Counter(classes).items():
        if count > 1:
            raise InputError(f"Class '{name}' is asked for {count} times; name it once.")
        if name not in full:
            raise InputError(
                f"Class '{name}' is asked for but {root} has no such class; "
                f"choose from {', '.join(full)}."
            )
    wanted = tuple(classes) or full
    return wanted, tuple(full.index(name) + 1 for name in wanted)


def class_names(root: Path) -> tuple[str, ...]:
    """All classes of a data set in label order: its classes.txt, or VOC's twenty.

    Raises:
        InputError: No such folder, or classes.txt isn't a list of distinct names.
    """
    if not root.is_dir():
        raise InputError(_no_folder(root))
    path = root / "classes.txt"
    if not path.exists():
        return VOC_CLASSES
    names = tuple(line.strip() for line in _lines(path))
    if not 0 < len(names) < VOID or len(set(names)) < len(names) or ";" in "".join(names):
        raise InputError(
            f"{path}: not a list of class names; write 1 to 254 distinct names without ';', "
            "one per line."
        )
    if BACKGROUND in names:
        raise InputError(
            f"{path}: '{BACKGROUND}' is what masks call label id 0; write the other classes alone."
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


def check_mask(root: Path, path: str, record: Record, classes: int) -> Truth:
    """The ground truth of a photograph, really decoded.

    Args:
        root: Folder of the data set.
        path: The mask, relative to it: label ids 0 to `classes`, and 255 for void.
        record: Its photograph.
        classes: How many classes the data set has.

    Raises:
        InputError: It is unreadable, of another size than its photograph, or holds an id that is
            no class.
    """
    image, sha256 = decode(place_of_mask(root, path))
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


def _no_folder(root: Path) -> str:
    return f"{root}: no such folder; set the data set's root to where it lies."


def _lines(path: Path) -> list[str]:
    # A byte that isn't UTF-8 becomes a sign that no name may hold, and is reported as such.
    return path.read_text(encoding="utf-8-sig", errors="replace").strip().splitlines()


def _read_list(root: Path, split: str) -> set[str]:
    path = root / "ImageSets" / "Segmentation" / f"{split}.txt"
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


def _require(folder: Path, ids: Sequence[str], suffix: str) -> None:
    missing = [path for id in ids if not (path := folder / f"{id}{suffix}").is_file()]
    if missing:
        more = f" and {len(missing) - 1} more are" if missing[1:] else " is"
        raise InputError(f"{missing[0]}{more} missing; copy it there or take the id off the lists.")


def _read_record(root: Path, id: str, splits: tuple[str, ...], labels: tuple[str, ...]) -> Record:
    path = f"JPEGImages/{id}.jpg"
    image, sha256 = decode_photograph(place_in(root, path))
    return Record(id, path, splits, labels, image.height, image.width, sha256)
