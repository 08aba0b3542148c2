"""The built-in data: textured shapes in the layout of VOC, made from a seed.

They pose the paper's problem (section 1: a classifier's cues cover only the most discriminative
parts) on a laptop. An object is a plain body around a core, and only the core's texture tells the
class: the cue is partial, and an affinity network has the body to win. Nothing else gives the class
away. Core colours derive from the body's, colour and outline of the body are random, and the
background holds plain two-tone blobs that look like bodies without a texture.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from cuewalk.artifacts.atomic import atomic_file
from cuewalk.datasets.voc import VOID, save_mask
from cuewalk.errors import InputError

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]
Rng = np.random.Generator

FINE = 2  # pictures are drawn this many times larger and averaged down: smooth edges
OBJECT_AREA = {1: (0.12, 0.25), 2: (0.10, 0.18), 3: (0.08, 0.13)}  # of the picture, by their number
CORE_AREA = (0.32, 0.44)  # of the body
PERIOD = (8.0, 12.0)  # of a texture, in pixels of a picture whose long side is 128
NOISE = 4.0  # standard deviation in grey values
TRIES = 20  # to find room for an object; the first always finds it
CONTRAST = 70  # least RGB distance of a body from nine tenths of what surrounds it


def _wave(x: Floats) -> Floats:
    """Triangle wave of period 1: 0 at whole x, 1 halfway between."""
    return np.asarray(1 - np.abs(2 * (x - np.floor(x)) - 1))


# Where a texture has its first colour; u and v count periods from a random origin and direction.
TEXTURES: dict[str, Callable[[Floats, Floats], Bools]] = {
    "stripes": lambda u, v: _wave(u) < 0.5,
    "checks": lambda u, v: (_wave(u / 2) < 0.5) ^ (_wave(v / 2) < 0.5),
    "dots": lambda u, v: np.hypot(_wave(u), _wave(v)) < 0.62,
    "rings": lambda u, v: _wave(np.hypot(u, v)) < 0.5,
    "zigzag": lambda u, v: _wave(u + 1.2 * _wave(v / 2.5)) < 0.5,
    "grid": lambda u, v: np.minimum(_wave(u), _wave(v)) < 0.24,
}
CLASSES = tuple(TEXTURES)


@dataclass(frozen=True)
class Thing:
    """An object of a picture: its class, its whole body and core, (H, W), hidden parts included."""

    name: str
    body: Bools
    core: Bools


@dataclass(frozen=True)
class Picture:
    """Photograph (H, W, 3), mask (H, W) of label ids with 255 borders, and the objects."""

    photograph: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    things: tuple[Thing, ...]


def generate_shapes(
    root: Path, *, train: int, select: int, evaluate: int, size: int, seed: int
) -> None:
    """Writes a data set that `read_voc` reads: splits train, select and val, and classes.txt.

    Args:
        root: Folder to write into; created where it doesn't exist.
        train: Photographs in split train.
        select: Photographs in split select, for choosing thresholds.
        evaluate: Photographs in split val; another size of the training split changes none.
        size: Long side in pixels, at least 48.
        seed: Not negative. The same seed gives the same bytes.

    Raises:
        InputError: A number is out of its range.
    """
    if min(train, select, evaluate) < 1 or size < 48 or seed < 0:
        raise InputError(
            f"shapes: train {train}, select {select}, evaluate {evaluate}, size {size}, seed "
            f"{seed}; give at least 1 picture per split, size 48 or more and a seed of 0 or more."
        )
    lists = root / "ImageSets" / "Segmentation"
    for folder in ("JPEGImages", "Annotations", "SegmentationClass"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    lists.mkdir(parents=True, exist_ok=True)
    _write_text(root / "classes.txt", "\n".join(CLASSES))
    for split, ids in shape_ids(train, select, evaluate).items():
        for id in ids:
            _write_picture(root, id, draw_picture(seed, int(id.rpartition("_")[2]), size))
        _write_text(lists / f"{split}.txt", "\n".join(ids))


def shape_ids(train: int, select: int, evaluate: int) -> dict[str, list[str]]:
    """Ids of the pictures in each split, given how many they are; those of val come first."""
    found, first = {}, 0
    for split, count in (("val", evaluate), ("select", select), ("train", train)):
        found[split] = [f"shape_{number:06d}" for number in range(first, first + count)]
        first += count
    return found


def draw_picture(seed: int, number: int, size: int) -> Picture:
    """Draws one picture, which depends on nothing but the arguments.

    Args:
        seed: Seed of the data set.
        number: Number of the picture in it.
        size: Long side in pixels.
    """
    rng = np.random.default_rng((seed, number))
    short = round(size * rng.uniform(0.75, 1))
    height, width = (size, short) if rng.random() < 0.5 else (short, size)
    canvas = _background(rng, FINE * height, FINE * width)
    mask = np.zeros((height, width), np.uint8)
    things: list[Thing] = []
    count = int(rng.choice([1, 2, 3], p=[0.4, 0.4, 0.2]))
    for _ in range(count):
        outline = _place(rng, canvas, OBJECT_AREA[count], things)
        if outline is None:
            continue
        name = CLASSES[rng.integers(len(CLASSES))]
        thing = _paint_thing(rng, canvas, outline, name, FINE * size / 128 * rng.uniform(*PERIOD))
        _mark(mask, thing)
        things.append(thing)
    small = Image.fromarray(canvas.clip(0, 255).astype(np.uint8)).reduce(FINE)
    noisy = np.asarray(small) + rng.normal(0, NOISE, (height, width, 3))
    return Picture(noisy.clip(0, 255).astype(np.uint8), mask, tuple(things))


def _background(rng: Rng, height: int, width: int) -> Floats:
    """Clutter, (height, width, 3): soft colours at three scales, plain blobs, thin lines."""
    soft = np.full((1, 1, 3), rng.uniform(60, 195, 3))
    for cells, strength in ((3, 45), (9, 14), (40, 10)):
        soft = _resized(soft, cells, cells) + strength * rng.uniform(-1, 1, (cells, cells, 3))
    canvas = _resized(soft, height, width)
    for _ in range(rng.integers(3, 7)):
        outline = _outline(rng, rng.uniform(0.02, 0.12) * height * width)
        outline += rng.uniform(0, (width, height))
        colour = rng.uniform(40, 215, 3)
        body, inner = _fill(outline, height, width), _fill(_inner(rng, outline), height, width)
        _paint(rng, canvas, body, colour)
        if rng.random() < 0.5:
            _paint(rng, canvas, body & inner, colour + rng.uniform(-60, 60, 3))
    image = Image.fromarray(canvas.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(2, 8)):
        ends = rng.uniform(0, (width, height), (2, 2)).ravel().tolist()
        red, green, blue = rng.integers(20, 236, 3).tolist()
        draw.line(ends, fill=(red, green, blue), width=int(rng.integers(1, 4)))
    return np.asarray(image).astype(np.float32)


def _resized(colours: Floats, height: int, width: int) -> Floats:
    image = Image.fromarray(colours.clip(0, 255).astype(np.uint8))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC)).astype(np.float32)


def _outline(rng: Rng, area: float) -> Floats:
    """Random outline around the origin, (points, 2) of x and y."""
    angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    radius = np.ones(96)
    kind = rng.choice(["ellipse", "blob", "polygon"])
    if kind == "blob":
        for waves in (2, 3, 4):
            radius += rng.uniform(0.1, 0.4) / waves * np.cos(waves * angle + rng.uniform(0, 6.3))
    elif kind == "polygon":
        corners = int(rng.integers(4, 8))
        angle = 2 * np.pi / corners * (np.arange(corners) + rng.uniform(-0.25, 0.25, corners))
        radius = rng.uniform(0.8, 1.2, corners)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    if kind == "polygon":
        sides = zip(points, np.roll(points, -1, axis=0), strict=True)
        points = np.concatenate([np.linspace(a, b, 16, endpoint=False) for a, b in sides])
    points = points * (rng.uniform(1, 1.7), 1) @ _turn(rng)
    return np.asarray(points * np.sqrt(area / _area(points)))


def _inner(rng: Rng, outline: Floats) -> Floats:
    """Outline of a core: the body's shrunk, a little reshaped and a little off its centre."""
    angle = np.linspace(0, 2 * np.pi, len(outline), endpoint=False)
    centre = outline.mean(axis=0)
    arms = (outline - centre) * (1 + 0.12 * np.cos(2 * angle + rng.uniform(0, 6.3)))[:, None]
    area = _area(outline)
    arms *= np.sqrt(rng.uniform(*CORE_AREA) * area / _area(arms))
    return np.asarray(centre + arms + rng.uniform(-0.07, 0.07, 2) * np.sqrt(area))


def _turn(rng: Rng) -> Floats:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _area(outline: Floats) -> float:
    x, y = outline.T
    return float(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2)


def _fill(outline: Floats, height: int, width: int) -> Bools:
    image = Image.new("1", (width, height))
    ImageDraw.Draw(image).polygon(outline.ravel().tolist(), fill=1)
    return np.asarray(image)


def _place(
    rng: Rng, canvas: Floats, share: tuple[float, float], things: Sequence[Thing]
) -> Floats | None:
    """Outline of a further body inside the picture that hides little of the earlier ones."""
    height, width, _ = canvas.shape
    for _ in range(TRIES):
        outline = _outline(rng, rng.uniform(*share) * height * width)
        low, high = outline.min(axis=0), outline.max(axis=0)
        room = (width, height) - (high - low)
        if (room < 0).any():
            continue
        outline += rng.uniform(0, room) - low
        body = _fill(outline, height, width)[::FINE, ::FINE]
        if all(
            (body & thing.core).sum() < 0.05 * thing.core.sum()
            and (body & thing.body).sum() < 0.2 * thing.body.sum()
            for thing in things
        ):
            return outline
    return None


def _body_colour(rng: Rng, canvas: Floats, outline: Floats) -> Floats:
    """Random colour that stands out from what surrounds the outline."""
    height, width, _ = canvas.shape
    centre = outline.mean(axis=0)
    around = np.concatenate([centre + (outline - centre) * scale for scale in (1.05, 1.15, 1.3)])
    x, y = around.clip(0, (width - 1, height - 1)).astype(int).T
    colours = rng.uniform(60, 195, (64, 3))
    distances = np.linalg.norm(colours[:, None] - canvas[y, x], axis=2)
    margin = np.quantile(distances, 0.1, axis=1)
    # The first that stands out enough, else the one that stands out most.
    return np.asarray(colours[np.argmax(margin.clip(max=CONTRAST))])


def _paint(rng: Rng, canvas: Floats, region: Bools, colour: Floats) -> None:
    """Fills a region with one colour, (3,), or one per pixel, (pixels, 3), shaded to one side."""
    x, y = _pixels(region)
    if len(x) == 0:
        return
    right, down = _turn(rng)[0]
    along = right * (x - x.mean()) + down * (y - y.mean())
    canvas[y, x] = colour * (1 + 0.2 * along / np.abs(along).max(initial=1))[:, None]


def _pixels(region: Bools) -> NDArray[np.int32]:
    """Coordinates x, y of a region's pixels, (2, pixels)."""
    # np.nonzero is four times slower in two dimensions than in one.
    y, x = np.divmod(np.flatnonzero(region).astype(np.int32), region.shape[1])
    return np.stack([x, y])


def _paint_thing(rng: Rng, canvas: Floats, outline: Floats, name: str, period: float) -> Thing:
    """Paints a body with its textured core; period in pixels of the canvas."""
    height, width, _ = canvas.shape
    body = _fill(outline, height, width)
    core = body & _fill(_inner(rng, outline), height, width)
    colour = _body_colour(rng, canvas, outline)
    # One colour lighter and one darker by as much, either first: the mean stays near the body's.
    shift = rng.choice([-1, 1]) * rng.uniform(45, 65) + rng.uniform(-15, 15, 3)
    x, y = _pixels(body)
    across, down = x - outline[:, 0].mean(), y - outline[:, 1].mean()
    u, v = _turn(rng) @ np.stack([across, down]) / period + rng.uniform(-0.5, 0.5, (2, 1))
    ink = np.where(TEXTURES[name](u, v)[:, None], colour + shift, colour - shift)
    _paint(rng, canvas, body, np.where(core[y, x][:, None], ink, colour))
    return Thing(name, body[::FINE, ::FINE], core[::FINE, ::FINE])


def _mark(mask: NDArray[np.uint8], thing: Thing) -> None:
    """Enters a body into the mask with a border, one pixel to each side, as in VOC."""
    body = Image.fromarray(thing.body).convert("L")
    mask[np.asarray(body.filter(ImageFilter.MaxFilter(3))) > 0] = VOID
    mask[np.asarray(body.filter(ImageFilter.MinFilter(3))) > 0] = CLASSES.index(thing.name) + 1


def _write_picture(root: Path, id: str, picture: Picture) -> None:
    with atomic_file(root / "JPEGImages" / f"{id}.jpg") as temporary:
        Image.fromarray(picture.photograph).save(temporary, "JPEG", quality=92)
    save_mask(root / "SegmentationClass" / f"{id}.png", picture.mask)
    objects = "".join(
        f"\t<object>\n\t\t<name>{thing.name}</name>\n\t</object>\n" for thing in picture.things
    )
    _write_text(root / "Annotations" / f"{id}.xml", f"<annotation>\n{objects}</annotation>")


def _write_text(path: Path, text: str) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8", newline="\n")
