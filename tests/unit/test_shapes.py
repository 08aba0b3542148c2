"""The built-in shapes: same seed same bytes, and a class that only the core's texture tells."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from trees import roles

from cuewalk.datasets.shapes import (
    CLASSES,
    CORE_AREA,
    OBJECT_AREA,
    Picture,
    draw_picture,
    generate_shapes,
    shape_ids,
)
from cuewalk.datasets.voc import class_names, read_lists, read_voc, read_voc_truths
from cuewalk.errors import InputError

SPLITS = {"val": 3, "select": 2, "train": 4}
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def write(root: Path, seed: int = 1, train: int = 4) -> dict[str, bytes]:
    generate_shapes(root, train=train, select=2, evaluate=3, size=64, seed=seed)
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    return [draw_picture(7, number, 128) for number in range(160)]


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "one") == write(tmp_path / "two")


def test_other_seed_other_pictures(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one", seed=1), write(tmp_path / "two", seed=2)
    for name in one:
        if name.startswith("JPEGImages"):
            assert one[name] != two[name]


def test_larger_training_split_changes_no_other_picture(tmp_path: Path) -> None:
    few, many = write(tmp_path / "few"), write(tmp_path / "many", train=6)
    few.pop("ImageSets/Segmentation/train.txt")
    assert {name: many[name] for name in few} == few
    assert len([name for name in many if name.endswith(".jpg")]) == 11


def test_reads_as_voc(tmp_path: Path) -> None:
    write(tmp_path)
    data = read_voc(tmp_path, roles(tmp_path, tuple(SPLITS)))
    truths = read_voc_truths(tmp_path, data.records)
    assert class_names(tmp_path) == CLASSES
    assert len(CLASSES) == 6
    assert {s: sum(s in r.splits for r in data.records) for s in SPLITS} == SPLITS
    assert all(len(record.splits) == 1 for record in data.records)
    assert (data.left_out, len(truths)) == (0, 9)
    assert {s: sorted(read_lists(tmp_path, [s])[s]) for s in SPLITS} == shape_ids(
        *(SPLITS[s] for s in ("train", "select", "val"))
    )
    for record, truth in zip(data.records, truths, strict=True):
        mask = np.asarray(Image.open(tmp_path / truth.path))
        present = {CLASSES[id - 1] for id in np.unique(mask) if 0 < id < 255}
        assert present == set(record.labels)


def test_files_carry_no_metadata(tmp_path: Path) -> None:
    write(tmp_path)
    with Image.open(tmp_path / "JPEGImages" / "shape_000000.jpg") as image:
        assert not image.getexif()
        assert "comment" not in image.info


def test_sizes_vary_within_limits(pictures: list[Picture]) -> None:
    shapes = [picture.mask.shape for picture in pictures]
    assert all(max(shape) == 128 and min(shape) >= 96 for shape in shapes)
    assert len(set(shapes)) > 20
    assert 0.3 < np.mean([height > width for height, width in shapes]) < 0.7


def test_one_to_three_objects_of_every_class(pictures: list[Picture]) -> None:
    counts = np.bincount([len(picture.things) for picture in pictures])
    assert counts[0] == 0
    assert len(counts) == 4
    assert counts[1:].min() > 20
    names = [thing.name for picture in pictures for thing in picture.things]
    assert min(names.count(name) for name in CLASSES) > len(names) / 12


def test_core_is_the_smaller_part_of_the_body(pictures: list[Picture]) -> None:
    least, most = CORE_AREA
    for picture in pictures:
        for thing in picture.things:
            assert not (thing.core & ~thing.body).any()
            # Rasterising changes areas by about 1 %; a core that leaves a narrow body is clipped.
            assert least - 0.03 < thing.core.sum() / thing.body.sum() < most + 0.03 < 0.5


def test_bodies_have_the_area_promised(pictures: list[Picture]) -> None:
    shares = [thing.body.mean() for picture in pictures for thing in picture.things]
    limits = np.array(list(OBJECT_AREA.values()))
    assert limits.min() - 0.01 < min(shares)
    assert max(shares) < limits.max() + 0.01
    assert np.std(shares) > 0.03


def test_mask_is_the_whole_object_inside_a_border(pictures: list[Picture]) -> None:
    for picture in pictures:
        last = picture.things[-1]
        own = picture.mask == CLASSES.index(last.name) + 1
        border = picture.mask == 255
        assert (own | border)[last.body].all()
        # One pixel of the body's edge goes to the border: well under half of its area at 128.
        assert 0.6 < (own & last.body).sum() / last.body.sum() < 1
        covered = np.any([thing.body for thing in picture.things], axis=0)
        assert not (picture.mask[covered] == 0).any()
        assert set(np.unique(picture.mask[~covered])) <= {0, 255}
        assert not (border & ~dilated(covered, 1)).any()


def test_core_of_every_object_stays_visible(pictures: list[Picture]) -> None:
    for picture in pictures:
        for number, thing in enumerate(picture.things):
            visible = thing.core & ~hidden(picture, number)
            assert visible.sum() > 0.85 * thing.core.sum()


def test_body_stands_out_from_its_surroundings(pictures: list[Picture]) -> None:
    margins = []
    for picture in pictures:
        last = picture.things[-1]
        ring = dilated(last.body, 4) & ~dilated(last.body, 1)
        plain = picture.photograph[last.body & ~last.core].mean(axis=0)
        distances = np.linalg.norm(picture.photograph[ring] - plain, axis=1)
        margins.append(np.quantile(distances, 0.1))
    # Nine tenths of the ring differ by 66 grey values or more; by 26 if colours weren't chosen.
    assert np.quantile(margins, 0.05) > 55


def test_class_cannot_be_told_by_mean_colour(pictures: list[Picture]) -> None:
    # Chance is 0.17; about 150 test objects have a standard error of 0.03.
    assert accuracy(pictures, lambda photograph, body, core: photograph[body].mean(axis=0)) < 0.29


def test_class_cannot_be_told_by_colour_spread(pictures: list[Picture]) -> None:
    assert accuracy(pictures, lambda photograph, body, core: photograph[core].std(axis=0)) < 0.29


def test_class_cannot_be_told_by_the_plain_body(pictures: list[Picture]) -> None:
    def plain(photograph: Floats, body: Bools, core: Bools) -> Floats:
        # Four pixels in from the core, so that no pattern reaches into it.
        return local_patterns(photograph, body & ~dilated(core, 4))

    assert accuracy(pictures, plain) < 0.29


def test_class_can_be_told_by_the_texture_of_the_core(pictures: list[Picture]) -> None:
    def texture(photograph: Floats, body: Bools, core: Bools) -> Floats:
        return local_patterns(photograph, core)

    assert accuracy(pictures, texture) > 0.6


@pytest.mark.parametrize(
    "change", [{"train": 0}, {"select": 0}, {"evaluate": -1}, {"size": 47}, {"seed": -1}]
)
def test_number_out_of_range(tmp_path: Path, change: dict[str, int]) -> None:
    arguments = {"train": 1, "select": 1, "evaluate": 1, "size": 64, "seed": 0} | change
    (name, value), *_ = change.items()
    with pytest.raises(InputError, match=f"{name} {value}"):
        generate_shapes(tmp_path / "data", **arguments)
    assert not (tmp_path / "data").exists()


def accuracy(pictures: list[Picture], feature: Callable[[Floats, Bools, Bools], Floats]) -> float:
    """Share of objects in odd pictures whose class the nearest centroid of even ones names.

    `feature` makes a vector from the photograph and the visible parts of body and core.
    """
    features: dict[int, list[Floats]] = {0: [], 1: []}
    labels: dict[int, list[int]] = {0: [], 1: []}
    for number, picture in enumerate(pictures):
        for place, thing in enumerate(picture.things):
            seen = ~hidden(picture, place)
            photograph = picture.photograph.astype(np.float64)
            features[number % 2].append(feature(photograph, thing.body & seen, thing.core & seen))
            labels[number % 2].append(CLASSES.index(thing.name))
    known, asked = np.array(features[0]), np.array(features[1])
    centroids = [known[np.array(labels[0]) == label].mean(axis=0) for label in range(len(CLASSES))]
    distances = np.linalg.norm(asked[:, None] - np.array(centroids), axis=2)
    return float(np.mean(distances.argmin(axis=1) == np.array(labels[1])))


def local_patterns(photograph: Floats, region: Bools) -> Floats:
    """Rotation-invariant texture: how often, and in how many runs, a circle is of another side.

    Around each pixel of the region stand eight neighbours on a circle. Those on the other side of
    the region's mean grey are counted, and the changes of side along the circle.
    """
    grey = photograph.mean(axis=2)
    light = grey > grey[region].mean()
    histograms = []
    for radius in (2, 3, 4):
        circle = [
            np.roll(light, (round(radius * np.sin(a)), round(radius * np.cos(a))), (0, 1))[region]
            for a in np.arange(8) * np.pi / 4
        ]
        other = np.array(circle) != light[region]
        runs = (other != np.roll(other, 1, axis=0)).sum(axis=0) // 2
        histogram = np.bincount(9 * runs + other.sum(axis=0), minlength=45)
        histograms.append(histogram / region.sum())
    return np.concatenate(histograms)


def hidden(picture: Picture, place: int) -> Bools:
    """Pixels that objects later than `place` cover."""
    covered = np.zeros(picture.mask.shape, bool)
    for thing in picture.things[place + 1 :]:
        covered |= thing.body
    return covered


def dilated(region: Bools, pixels: int) -> Bools:
    image = Image.fromarray(region).convert("L")
    return np.asarray(image.filter(ImageFilter.MaxFilter(2 * pixels + 1))) > 0
