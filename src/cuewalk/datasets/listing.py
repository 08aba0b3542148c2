"""Which files a photograph of a data set consists of, without opening any of them.

A workflow has to know what its data are before it starts: a shard is computed again if a file of
one of its photographs changed. Nothing is checked here; the dataset stage does, in clear words.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuewalk.artifacts.digests import FileDigests, digest_of

LEARNING = frozenset({"train", "select"})
"""Roles whose photographs lie in the `train` shards; the others lie in the `evaluate` shards."""


@dataclass(frozen=True)
class Listed:
    """A photograph as the data set's lists name it.

    Attributes:
        id: its name.
        roles: of train, select and evaluate, those whose list names it.
        files: what labels and pixels come from.
        masks: its ground truth, where some role needs it.
    """

    id: str
    roles: tuple[str, ...]
    files: tuple[Path, ...]
    masks: tuple[Path, ...]

    @property
    def part(self) -> str:
        """`train` or `evaluate`: the family of shards that it belongs to."""
        return part_of(self.roles)


def part_of(roles: Sequence[str]) -> str:
    """`train` or `evaluate`: the family of shards of a photograph with these roles."""
    return "train" if LEARNING & set(roles) else "evaluate"


def list_files(dataset: Mapping[str, Any], root: Path) -> list[Listed]:
    """Every photograph that config section `dataset` names, sorted by id.

    What cannot be listed, as a missing folder, is left out. The built-in data have no files yet.
    """
    if dataset["kind"] == "voc":
        return sorted(_voc(dataset, root), key=lambda listed: listed.id)
    if dataset["kind"] == "imagenet":
        return sorted(_imagenet(dataset, root), key=lambda listed: listed.id)
    if dataset["kind"] == "imagenet_segmentation":
        # All photographs lie in one file, and nothing tells them apart from outside.
        path = root / "gtsegs_ijcv.mat"
        return [Listed("", ("evaluate",), (path,), (path,))]
    return []


def data_digest(
    dataset: Mapping[str, Any],
    root: Path,
    listed: Iterable[Listed],
    files: FileDigests,
    *,
    masks: bool = False,
    drawn: Mapping[str, Any] | None = None,
) -> str:
    """Digest of some photographs: their names, roles, labels and pixels, and the classes.

    Where the data set lies does not count, nor do times and what else lies there.

    Args:
        dataset: config section `dataset`.
        root: folder that the data set lies in.
        listed: the photographs that count.
        files: digests of files.
        masks: whether ground truth counts.
        drawn: what the built-in data are drawn from.
    """
    listed = list(listed)
    about = {key: dataset[key] for key in ("kind", "classes")}
    if any("evaluate" in one.roles for one in listed):
        about["limit"] = dataset["limit"]
    if dataset["kind"] == "imagenet":
        about["classes"] = sorted(p.name for p in (root / dataset["evaluate"]).glob("*/"))
    content = [
        [one.id, one.roles, *(files[path] for path in one.files)]
        + [files[path] for path in one.masks if masks]
        for one in listed
    ]
    return digest_of({"about": about, "content": content, "drawn": drawn, "masks": masks})


def _voc(dataset: Mapping[str, Any], root: Path) -> Iterator[Listed]:
    roles: dict[str, list[str]] = {}
    for role in ("train", "select", "evaluate"):
        for id in _lines(root / "ImageSets" / "Segmentation" / f"{dataset[role]}.txt"):
            roles.setdefault(id, []).append(role)
    for id, own in roles.items():
        files = (root / "JPEGImages" / f"{id}.jpg", root / "Annotations" / f"{id}.xml")
        masked = {"select", "evaluate"} & set(own)
        masks = (root / dataset["masks"] / f"{id}.png",) if masked else ()
        yield Listed(id, tuple(own), (*files, root / "classes.txt"), masks)


def _imagenet(dataset: Mapping[str, Any], root: Path) -> Iterator[Listed]:
    common = () if dataset["labels"] is None else (root / dataset["labels"],)
    for path in (root / str(dataset["evaluate"])).rglob("*"):
        if path.suffix.lower() in {".jpeg", ".jpg", ".png"}:
            yield Listed(path.stem, ("evaluate",), (path, *common), ())


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]
