"""Which photographs a data set has, and in which files, without opening any of them.

A workflow has to know what its data are before it starts: which shards there are, and that a shard
is computed again if a file of one of its photographs changed. So lists, class names and ids are
checked here, at once; the files are, in clear words too, by the dataset and truth stages.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cuewalk.artifacts.digests import FileDigests, digest_of
from cuewalk.datasets.folder import Folder, list_folder
from cuewalk.datasets.imagenet import list_imagenet
from cuewalk.datasets.imagenet_segmentation import FILE, class_names, numbers
from cuewalk.datasets.record import limited, shard_of
from cuewalk.datasets.shapes import CLASSES as SHAPES
from cuewalk.datasets.shapes import shape_ids
from cuewalk.datasets.voc import choose_classes, read_lists, wanted_classes
from cuewalk.errors import InputError

ROLES = ("train", "select", "evaluate")
JUDGED = frozenset({"select", "evaluate"})
"""Roles whose photographs are compared with ground truth."""
LEARNING = frozenset({"train", "select"})
"""Roles whose photographs lie in the `train` shards; the others lie in the `evaluate` shards."""


class Classes(NamedTuple):
    """A run's classes: names in label order, and their ids in the masks of the ground truth.

    There are no ids where masks only tell object (1) from background (0).
    """

    names: tuple[str, ...]
    mask_ids: tuple[int, ...]


@dataclass(frozen=True)
class Listed:
    """A photograph as the data set's lists name it.

    Attributes:
        id: its name.
        roles: of train, select and evaluate, those whose list names it.
        files: what labels and pixels come from, POSIX style, relative to the data set's root.
        masks: its ground truth, where some role needs it, in the same way.
        labels: where the lists tell them.
    """

    id: str
    roles: tuple[str, ...]
    files: tuple[str, ...]
    masks: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def part(self) -> str:
        """`train` or `evaluate`: the family of shards that it belongs to."""
        return "train" if LEARNING & set(self.roles) else "evaluate"

    def shard(self, shards: Mapping[str, int]) -> str:
        """Name of its shard, given how many shards each part has."""
        return f"{self.part}-{shard_of(self.id, shards[self.part]):03d}"

    def index(self, shards: Mapping[str, int]) -> str:
        """Name of the index that lists it: of the whole part `train`, or of its shard.

        All that is learnt from is one thing, however it is cut into shards.
        """
        return "train" if self.part == "train" else self.shard(shards)


def list_photographs(dataset: Mapping[str, Any], root: Path) -> list[Listed]:
    """Every photograph that config section `dataset` names, sorted by id.

    Raises:
        InputError: A folder or list is missing or empty, or an id unfit or named twice.
    """
    listers = {
        "shapes": _shapes,
        "voc": _voc,
        "folder": _folder,
        "imagenet": _imagenet,
        "imagenet_segmentation": _imagenet_segmentation,
    }
    return sorted(listers[dataset["kind"]](dataset, root), key=lambda listed: listed.id)


def list_classes(dataset: Mapping[str, Any], root: Path) -> Classes:
    """The classes that config section `dataset` asks for.

    Raises:
        InputError: They cannot be listed, or a class is asked for that the data set has not.
    """
    if dataset["kind"] == "shapes":
        names = tuple(dataset["classes"]) or SHAPES
        return Classes(names, tuple(SHAPES.index(name) + 1 for name in names))
    if dataset["kind"] == "voc":
        return Classes(*wanted_classes(root, dataset["classes"]))
    if dataset["kind"] == "folder":
        full = folder_of(dataset, root).classes
        return Classes(*choose_classes(root, full, dataset["classes"]))
    if dataset["kind"] == "imagenet":
        labels = None if dataset["labels"] is None else Path(dataset["labels"])
        return Classes(list_imagenet(root, dataset["evaluate"], labels).classes, ())
    return Classes(class_names(), ())


def folder_of(dataset: Mapping[str, Any], root: Path) -> Folder:
    """What a folder of one's own photographs holds, by config section `dataset`.

    Raises:
        InputError: The first thing that is wrong with it.
    """
    return list_folder(root, dataset["labels"], dataset["masks"])


def has_truth(dataset: Mapping[str, Any]) -> bool:
    """Whether there are masks of ground truth, so that something can be scored."""
    return dataset["masks"] is not None


def data_digest(
    dataset: Mapping[str, Any],
    root: Path,
    listed: Iterable[Listed],
    files: FileDigests,
    *,
    masks: bool = False,
    drawn: Mapping[str, Any] | None = None,
) -> str:
    """Digest of some photographs: their names, roles, labels and pixels, and the wanted classes.

    Where the data set lies does not count, nor do times and what else lies there.

    Args:
        dataset: config section `dataset`.
        root: folder that the data set lies in.
        listed: the photographs that count.
        files: digests of files.
        masks: whether ground truth counts.
        drawn: what the built-in data are drawn from.
    """

    def content(paths: Sequence[str]) -> list[list[str]]:
        return [[path, files[f"{root}/{path}"]] for path in paths]

    photographs = [
        [one.id, one.roles, one.labels, content(one.files), content(one.masks) if masks else []]
        for one in listed
    ]
    about = {"kind": dataset["kind"], "classes": dataset["classes"], "drawn": drawn}
    return digest_of({**about, "photographs": photographs, "masks": masks})


def _roles(
    dataset: Mapping[str, Any], lists: Mapping[str, Iterable[str]]
) -> dict[str, tuple[str, ...]]:
    """Roles of each photograph, from the lists that the config names for them."""
    found: dict[str, tuple[str, ...]] = {}
    for role, name in _named(dataset).items():
        for id in limited(lists[name], dataset["limit"] if role == "evaluate" else None):
            found[id] = (*found.get(id, ()), role)
    return found


def _named(dataset: Mapping[str, Any]) -> dict[str, str]:
    return {role: dataset[role] for role in ROLES if dataset[role] is not None}


def _shapes(dataset: Mapping[str, Any], root: Path) -> Iterator[Listed]:
    # They have no files before they are drawn.
    counts = dataset["shapes"]
    lists = shape_ids(*(counts[role] for role in ROLES))
    _check_lists(dataset, lists, "the built-in data have")
    for id, roles in _roles(dataset, lists).items():
        yield Listed(id, roles, ())


def _check_lists(dataset: Mapping[str, Any], lists: Iterable[str], who: str) -> None:
    for role, name in _named(dataset).items():
        if name not in lists:
            raise InputError(
                f"config key dataset.{role}: {who} no list {name!r}; "
                f"choose from {', '.join(lists)}."
            )


def _voc(dataset: Mapping[str, Any], root: Path) -> Iterator[Listed]:
    lists = read_lists(root, sorted(set(_named(dataset).values())))
    common = ("classes.txt",) if (root / "classes.txt").exists() else ()
    for id, roles in _roles(dataset, lists).items():
        files = (f"JPEGImages/{id}.jpg", f"Annotations/{id}.xml")
        judged = JUDGED & set(roles)
        masks = (f"{dataset['masks']}/{id}.png",) if judged and has_truth(dataset) else ()
        yield Listed(id, roles, (*files, *common), masks)


def _folder(dataset: Mapping[str, Any], root: Path) -> Iterator[Listed]:
    found = folder_of(dataset, root)
    _check_lists(dataset, found.lists(), f"{dataset['labels'] or root} has")
    wanted, _ = choose_classes(root, found.classes, dataset["classes"])
    labels = {
        id: tuple(name for name in wanted if name in one.labels)
        for id, one in found.photographs.items()
    }
    lists = {name: [id for id in ids if labels[id]] for name, ids in found.lists().items()}
    for role, name in _named(dataset).items():
        if not lists[name]:
            raise InputError(
                f"config key dataset.{role}: no photograph of list {name!r} shows any of "
                f"{', '.join(wanted)}; ask for other classes or another list."
            )
    all_roles = _roles(dataset, lists)
    if has_truth(dataset):
        _check_judged(dataset, found, all_roles)
    for id, roles in all_roles.items():
        one = found.photographs[id]
        masks = (one.mask,) if one.mask is not None and JUDGED & set(roles) else ()
        yield Listed(id, roles, (one.path,), masks, labels[id])


def _check_judged(
    dataset: Mapping[str, Any], found: Folder, roles: Mapping[str, Sequence[str]]
) -> None:
    """Refuse a role without a single mask to be compared with."""
    for role in sorted(JUDGED & _named(dataset).keys()):
        own = [id for id in roles if role in roles[id]]
        if not any(found.photographs[id].mask for id in own):
            raise InputError(
                f"config key dataset.masks: {dataset['masks']} holds no mask of a "
                f"photograph of list {dataset[role]!r}, of which dataset.{role} takes {len(own)}; "
                "name another list, or set masks to null."
            )


def _imagenet(dataset: Mapping[str, Any], root: Path) -> Iterator[Listed]:
    labels = None if dataset["labels"] is None else Path(dataset["labels"])
    found = list_imagenet(root, dataset["evaluate"], labels)
    for id in limited(found.paths, dataset["limit"]):
        path = found.paths[id].relative_to(root).as_posix()
        yield Listed(id, ("evaluate",), (path,), labels=(found.labels[id],))


def _imagenet_segmentation(dataset: Mapping[str, Any], root: Path) -> Iterator[Listed]:
    # All photographs lie in one file, and nothing tells them apart from outside.
    for id in limited(numbers(root), dataset["limit"]):
        yield Listed(id, ("evaluate",), (FILE,), (FILE,))
