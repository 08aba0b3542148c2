"""Smaller copies of photographs, since a run takes time and memory by the pixel."""

from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.datasets.images import decode_photograph


def reduce_photographs(root: Path, paths: Iterable[str], target: Path, side: int) -> None:
    """Write copies of photographs under the same names into a new folder, whole or not at all.

    Args:
        root: folder of the photographs.
        paths: their names within it.
        target: the new folder.
        side: pixels that the long side has at most; what is smaller keeps its size.

    Raises:
        InputError: a photograph cannot be read.
    """
    with atomic_folder(target) as folder:
        for path in paths:
            image, _ = decode_photograph(root / path)
            image.thumbnail((side, side), Image.Resampling.LANCZOS)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            image.save(folder / path, quality=95)
