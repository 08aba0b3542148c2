"""One photograph through all stages, in small pictures (as paper figure 1, and on).

Maps become heat maps over the photograph in grey; label ids take the colours of the VOC palette.
"""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from cuewalk.datasets.voc import voc_palette
from cuewalk.resize import resize

HEIGHT = 160
"""Of every picture, in pixels."""
NEUTRAL = (190, 190, 190)
"""Colour of a cell whose label is neutral."""
HEAT = colormaps["inferno"]
"""Lightness rises steadily from 0 to 1, so the map reads the same without any sense of hue."""

_PALETTE = voc_palette()  # its colour of 255, void, is a light cream
_NEUTRAL_PALETTE = np.vstack([_PALETTE[:255], NEUTRAL]).astype(np.uint8)


@dataclass(frozen=True)
class Explained:
    """One class of a photograph as every explainer sees it.

    Attributes:
        name: of the class.
        role: why it was explained: predicted, labelled, or both.
        maps: method -> float (H, W) in [0, 1].
    """

    name: str
    role: str
    maps: Mapping[str, NDArray[np.floating[Any]]]


@dataclass(frozen=True)
class Panel:
    """What the stages made of one photograph; None where a stage had no part in it.

    Attributes:
        id: of the photograph.
        labels: names of its K classes, in the order of the planes.
        image: uint8 (H, W, 3).
        cues: float (K, H, W) in [0, 1].
        foreground: float (g, g) in [0, 1], 1 - CRF posterior of the background at alpha low.
        background: float (g, g) in [0, 1], CRF posterior of the background at alpha high.
        label: uint8 (g, g), ids of the data set: 0 background, class index + 1, 255 neutral.
        walked: float (K, H, W) in [0, 1], the planes after the walk.
        mask: uint8 (H, W), ids of the data set.
        truth: uint8 (H, W), ids of the data set, 255 void.
        affinity: float (g, g) in [0, 1], mean affinity of each cell to those around it.
        explained: classes of which every explainer made a map.
    """

    id: str
    labels: Sequence[str]
    image: NDArray[np.uint8]
    cues: NDArray[np.floating[Any]]
    foreground: NDArray[np.floating[Any]] | None = None
    background: NDArray[np.floating[Any]] | None = None
    label: NDArray[np.uint8] | None = None
    walked: NDArray[np.floating[Any]] | None = None
    mask: NDArray[np.uint8] | None = None
    truth: NDArray[np.uint8] | None = None
    affinity: NDArray[np.floating[Any]] | None = None
    explained: Sequence[Explained] = field(default=())


@dataclass(frozen=True)
class Picture:
    """A small picture: what it shows, and itself as a data URI."""

    caption: str
    uri: str


def pictures(panel: Panel) -> Iterator[list[Picture]]:
    """The steps of a panel in order, each a list of pictures: one, or one per class for the cue.

    A step that there is nothing of is left out.
    """
    photograph = _small(panel)
    size = photograph.size

    def heat(caption: str, values: NDArray[np.floating[Any]] | None) -> list[Picture]:
        return [] if values is None else [Picture(caption, as_jpeg(_heat(photograph, values)))]

    def ids(
        caption: str, values: NDArray[np.uint8] | None, palette: NDArray[np.uint8]
    ) -> list[Picture]:
        return [] if values is None else [Picture(caption, _png(values, size, palette))]

    walked = None if panel.walked is None else panel.walked.max(axis=0, initial=0)
    named = zip(panel.labels, panel.cues, strict=True)
    steps = [
        [Picture("photograph", as_jpeg(photograph))],
        [picture for name, cue in named for picture in heat(f"cue: {name}", cue)],
        heat("confident foreground", panel.foreground),
        heat("confident background", panel.background),
        ids("label grid", panel.label, _NEUTRAL_PALETTE),
        heat("affinity", panel.affinity),
        heat("walked", walked),
        ids("mask", panel.mask, _PALETTE),
        ids("truth", panel.truth, _PALETTE),
    ]
    yield from (step for step in steps if step)


def explainer_pictures(panel: Panel) -> Iterator[tuple[Explained, list[Picture]]]:
    """The maps of all explainers side by side, class by class (as the paper's appendix 6.1)."""
    photograph = _small(panel)
    for explained in panel.explained:
        maps = explained.maps.items()
        yield explained, [Picture(name, as_jpeg(_heat(photograph, m))) for name, m in maps]


def shown_labels(panels: Sequence[Panel], classes: Sequence[str]) -> list[tuple[str, str]]:
    """(name, CSS colour) of the background and of every class that the panels show."""
    seen = {name for panel in panels for name in panel.labels}
    names = ["background", *classes]
    return [
        (name, css_colour(_PALETTE[label]))
        for label, name in enumerate(names)
        if label == 0 or name in seen
    ]


def heat_stops(number: int = 9) -> str:
    """Colours of the heat maps from 0 to 1, for a CSS gradient."""
    return ", ".join(
        css_colour(colour) for colour in HEAT(np.linspace(0, 1, number), bytes=True)[:, :3]
    )


def css_colour(colour: Sequence[int] | NDArray[np.uint8]) -> str:
    """A colour of 0..255 values, as #rrggbb."""
    return "#" + "".join(f"{int(value):02x}" for value in colour)


def _small(panel: Panel) -> Image.Image:
    height, width = panel.image.shape[:2]
    size = (max(1, round(HEIGHT * width / height)), HEIGHT)
    return Image.fromarray(panel.image).resize(size, Image.Resampling.LANCZOS)


def _heat(photograph: Image.Image, values: NDArray[np.floating[Any]]) -> Image.Image:
    """The photograph in grey under colours that cover it more where the value is higher."""
    width, height = photograph.size
    fitted = np.clip(resize(values.astype(np.float32), (height, width)), 0, 1)
    colours = 255 * HEAT(fitted)[..., :3]
    grey = np.asarray(photograph.convert("L"), np.float64)[..., None]
    share = 0.4 + 0.35 * fitted[..., None]
    return Image.fromarray((share * colours + (1 - share) * grey).astype(np.uint8))


def as_jpeg(image: Image.Image) -> str:
    """An image as a data URI."""
    content = io.BytesIO()
    image.save(content, "JPEG", quality=80)
    return _uri("jpeg", content)


def _png(ids: NDArray[np.uint8], size: tuple[int, int], palette: NDArray[np.uint8]) -> str:
    image = Image.fromarray(ids).resize(size, Image.Resampling.NEAREST)
    image.putpalette(palette.tobytes())
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    return _uri("png", content)


def _uri(kind: str, content: io.BytesIO) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"
