"""Which photographs the report shows, and how each looks among the others."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cuewalk.datasets.record import limited
from cuewalk.datasets.voc import voc_palette
from cuewalk.report.panels import Panel, as_jpeg

THUMBNAIL = 132
"""Height of a photograph in the grid, in pixels."""
EXTREMES = 0.1
"""Share of the places that go to each kind of extreme: best, worst, most gained, most lost."""


@dataclass(frozen=True)
class Score:
    """IoU of one photograph in percent, the mean over the labels of its ground truth.

    Attributes:
        cue: of the cue at the config's setting; nan where there is no ground truth.
        walk: of the mask.
    """

    cue: float = math.nan
    walk: float = math.nan

    @property
    def gain(self) -> float:
        """Of the mask over the cue, in points."""
        return self.walk - self.cue


@dataclass(frozen=True)
class Shown:
    """A photograph of the gallery: all stages, its score, and its small picture as a data URI."""

    panel: Panel
    score: Score
    thumbnail: str

    @property
    def labels(self) -> list[str]:
        """Names of its classes, each once."""
        explained = (one.name for one in self.panel.explained if one.role != "predicted")
        return list(dict.fromkeys([*self.panel.labels, *explained]))


def choose(ids: Sequence[str], number: int, scores: Mapping[str, Score]) -> list[str]:
    """The ids to show, sorted: all, or a fair sample with the extremes of every kind.

    Args:
        ids: of the photographs that could be shown.
        number: how many places there are.
        scores: of those that have any.
    """
    if number >= len(ids):
        return sorted(ids)
    known = {id: scores[id] for id in ids if id in scores and not math.isnan(scores[id].walk)}
    each = math.floor(EXTREMES * number)
    kept: set[str] = set()
    figures: list[Callable[[str], float]] = [
        lambda id: known[id].walk,
        lambda id: known[id].gain,
    ]
    for figure in figures:
        ordered = sorted(sorted(known), key=figure)
        kept |= set(ordered[:each]) | set(ordered[len(ordered) - each :])
    rest = number - len(kept)
    sample = limited(set(ids) - kept, rest) if rest else []
    return sorted(kept | set(sample))


def shown(panel: Panel, score: Score) -> Shown:
    """A photograph with its mask laid over it in the colours of the VOC palette."""
    height, width = panel.image.shape[:2]
    size = (max(1, round(THUMBNAIL * width / height)), THUMBNAIL)
    picture = Image.fromarray(panel.image).resize(size, Image.Resampling.LANCZOS)
    if panel.mask is not None:
        picture = Image.fromarray(_tinted(np.asarray(picture), panel.mask, size))
    return Shown(panel, score, as_jpeg(picture))


def _tinted(
    picture: NDArray[np.uint8], mask: NDArray[np.uint8], size: tuple[int, int]
) -> NDArray[np.uint8]:
    small = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
    share = np.where(small > 0, 0.5, 0.0)[..., None]
    colours = voc_palette()[small].astype(np.float64)
    mixed: NDArray[np.uint8] = ((1 - share) * picture + share * colours).astype(np.uint8)
    return mixed
