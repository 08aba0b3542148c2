"""Looks a folder of photographs over before a run: what is there, and all that is wrong at once."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cuewalk.datasets.folder import Folder, Photograph, read_photograph, survey_folder
from cuewalk.datasets.folder_tree import photograph_id
from cuewalk.datasets.record import Record
from cuewalk.datasets.voc import check_mask
from cuewalk.errors import InputError

LARGE = 1024
"""Pixels of a long side, above which the CRF takes seconds and much memory for each photograph."""
FEW = 10
"""Photographs of a class: with fewer, little is learnt of it."""
NAMED = 3
"""Files in one sentence."""
UNREAD = frozenset(
    {".heic", ".heif", ".avif", ".gif", ".jp2", ".svg", ".pdf", ".dng", ".cr2", ".cr3", ".nef",
     ".arw", ".orf", ".raf", ".rw2"}
)  # fmt: skip
"""Suffixes of pictures in formats that are not read."""

Watch = Callable[[Iterable[str]], Iterable[str]]


@dataclass
class Findings:
    """What a folder holds.

    Attributes:
        root: the folder.
        folder: its labelled photographs, and what is wrong with names and labels.
        records: the labelled photographs that can be read.
        masks: how many masks of theirs can be.
        problems: all that has to be mended, a sentence each.
        notes: what had better be known, likewise.
    """

    root: Path
    folder: Folder
    records: list[Record] = field(default_factory=list)
    masks: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def photographs_of(self) -> dict[str, int]:
        """How many labelled photographs show each class."""
        shown = Counter(name for one in self.folder.photographs.values() for name in one.labels)
        return {name: shown[name] for name in self.folder.classes}

    def scored(self) -> set[str]:
        """Names of the lists with any mask."""
        known = self.folder.photographs
        lists = self.folder.lists().items()
        return {name for name, ids in lists if any(known[id].mask for id in ids)}

    def suffixes(self) -> dict[str, int]:
        """How many photographs, labelled or not, have each suffix."""
        own = [one.path for one in self.folder.photographs.values()]
        return dict(Counter(Path(p).suffix.lower() for p in [*own, *self.folder.unlabelled]))


def check_folder(
    root: Path, labels: str | None, masks: str | None, watch: Watch = lambda ids: ids
) -> Findings:
    """Read every photograph and mask.

    Args:
        root: folder of the photographs.
        labels: CSV file, None for a folder per class.
        masks: folder of the ground truth, None for none.
        watch: wraps the names while photographs are read, for a progress bar.

    Raises:
        InputError: there is no such folder, or no photograph in it.
    """
    found = Findings(root, survey_folder(root, labels, masks))
    found.problems += found.folder.problems
    for id in watch(found.folder.photographs):
        _read(found, id, found.folder.photographs[id])
    for path in watch(found.folder.unlabelled):
        try:
            read_photograph(root, photograph_id(path), Photograph(path, ()), ())
        except InputError as error:
            found.notes.append(f"{error} It has no label, so a run passes it over.")
    _note_files(found)
    _note_classes(found)
    _note_sizes(found)
    return found


def _read(found: Findings, id: str, one: Photograph) -> None:
    try:
        record = read_photograph(found.root, id, one, ())
        found.records.append(record)
        if one.mask is not None:
            check_mask(found.root, one.mask, record, len(found.folder.classes))
            found.masks += 1
    except InputError as error:
        found.problems.append(str(error))


def _note_files(found: Findings) -> None:
    folder = found.folder
    if folder.unlabelled and folder.photographs:
        found.notes.append(
            f"{_counted(folder.unlabelled, 'photograph')} without a label, which get no mask "
            f"({_few(folder.unlabelled)}); give them labels if they are to have one."
        )
    for suffix in sorted(UNREAD & folder.others.keys()):
        found.notes.append(
            f"{folder.others[suffix]} files {suffix} are passed over; save them as .jpg or .png if "
            "they are photographs."
        )
    if folder.spare:
        found.notes.append(
            f"{_counted(folder.spare, 'mask')} of no labelled photograph ({_few(folder.spare)}); "
            "check the names."
        )


def _note_classes(found: Findings) -> None:
    photographs = len(found.folder.photographs)
    for name, count in found.photographs_of().items():
        if count == photographs:
            found.notes.append(
                f"class {name!r}: every photograph shows it, so nothing teaches what it is not; "
                "add some that do not show it, labelled with what they show."
            )
        elif count < FEW:
            found.notes.append(
                f"class {name!r}: {count} photographs are few; expect rough masks, or add some."
            )


def _note_sizes(found: Findings) -> None:
    large = [r.path for r in found.records if max(r.height, r.width) > LARGE]
    if large:
        found.notes.append(
            f"{_counted(large, 'photograph')} with a side above {LARGE:,} pixels ({_few(large)}); "
            "--reduce 512 uses smaller copies, which makes the run many times faster."
        )


def _counted(names: list[str], what: str) -> str:
    return f"{len(names)} {what}{'s' if len(names) > 1 else ''}"


def _few(names: list[str]) -> str:
    more = ", ..." if names[NAMED:] else ""
    return ", ".join(names[:NAMED]) + more
