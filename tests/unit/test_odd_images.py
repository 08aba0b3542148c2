"""However a file keeps its pixels, the program sees upright RGB of 8 bits."""

import io
from pathlib import Path

import numpy as np
import pytest
from folders import noise
from PIL import Image, ImageOps
from trees import VOC_ANIMALS, write_voc

from cuewalk.datasets.folder import Photograph, read_photograph
from cuewalk.datasets.images import load_image
from cuewalk.datasets.voc import check_mask, read_voc, save_mask
from cuewalk.errors import InputError

GREY = noise(1).convert("L")
ORIENTATION = 0x0112


def load(root: Path, image: Image.Image, name: str, **options: object) -> np.ndarray:
    """What the program sees of an image that was saved, its size in the index checked."""
    image.save(root / name, **options)
    record = read_photograph(root, "a", Photograph(name, ("cat",)), ("train",))
    found = load_image(root, record)
    assert found.dtype == np.uint8
    assert found.shape == (record.height, record.width, 3)
    return found


def grey_of(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[:, :, None], 3, axis=2)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.TIFF", "a.webp"])
def test_formats(tmp_path: Path, name: str) -> None:
    options = {"lossless": True} if name.endswith("webp") else {}
    assert np.array_equal(load(tmp_path, noise(0), name, **options), np.asarray(noise(0)))


def test_grey(tmp_path: Path) -> None:
    assert np.array_equal(load(tmp_path, GREY, "a.png"), grey_of(np.asarray(GREY)))


def test_black_and_white(tmp_path: Path) -> None:
    image = GREY.convert("1")
    expected = grey_of(np.asarray(image).astype(np.uint8) * 255)
    assert np.array_equal(load(tmp_path, image, "a.png"), expected)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bits_are_scaled(tmp_path: Path, name: str) -> None:
    values = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) * 85
    found = load(tmp_path, Image.fromarray(values), name)
    assert np.array_equal(found, grey_of(np.rint(values / 257).astype(np.uint8)))
    assert found.min() == 0
    assert found.max() == round(767 * 85 / 257)


def test_palette(tmp_path: Path) -> None:
    image = noise(2).quantize(16)
    assert np.array_equal(load(tmp_path, image, "a.png"), np.asarray(image.convert("RGB")))


def test_cmyk(tmp_path: Path) -> None:
    found = load(tmp_path, Image.new("CMYK", (40, 30), (255, 0, 0, 0)), "a.jpg", quality=95)
    assert np.abs(found.astype(int) - (0, 255, 255)).max() < 5


def over_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha[:, :, None] / 255
    return colour * share + 255 * (1 - share)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_lies_over_white(tmp_path: Path, mode: str) -> None:
    image = noise(3).convert(mode)
    image.putalpha(GREY)
    colour = np.asarray(image.convert("RGBA"))[:, :, :3]
    found = load(tmp_path, image, "a.png")
    assert np.abs(found - over_white(colour, np.asarray(GREY))).max() <= 1


def test_a_transparent_colour_of_a_palette(tmp_path: Path) -> None:
    image = Image.new("P", (32, 24), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, 16, 24))
    found = load(tmp_path, image, "a.png", transparency=0)
    assert (found[:, :16] == 255).all()
    assert (found[:, 16:] == (0, 0, 255)).all()


# EXIF: how the pixels have to be turned, by the standard's table of where row 0 and column 0 are.
TURNED = {
    1: lambda seen: seen,
    2: ImageOps.mirror,
    3: lambda seen: seen.rotate(180),
    4: ImageOps.flip,
    5: lambda seen: seen.transpose(Image.Transpose.TRANSPOSE),
    6: lambda seen: seen.rotate(90, expand=True),
    7: lambda seen: seen.transpose(Image.Transpose.TRANSVERSE),
    8: lambda seen: seen.rotate(-90, expand=True),
}
"""Orientation -> how a camera would store what was seen."""


@pytest.mark.parametrize("orientation", TURNED)
def test_exif_orientation(tmp_path: Path, orientation: int) -> None:
    seen = noise(4)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    found = load(tmp_path, TURNED[orientation](seen), "a.png", exif=exif)
    assert np.array_equal(found, np.asarray(seen))


@pytest.mark.parametrize(
    "raw", [b"Exif\0\0MM", b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"]
)
def test_damaged_exif_does_not_matter(tmp_path: Path, raw: bytes) -> None:
    buffer = io.BytesIO()
    noise(5).save(buffer, "JPEG", exif=raw)
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue())
    record = read_photograph(tmp_path, "a", Photograph("a.jpg", ()), ())
    assert (record.height, record.width) == (24, 32)


def test_a_mask_is_that_of_the_upright_photograph(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    noise(6).save(tmp_path / "a.png", exif=exif)
    record = read_photograph(tmp_path, "a", Photograph("a.png", ()), ())
    save_mask(tmp_path / "mask.png", np.ones((32, 24), np.uint8))
    assert check_mask(tmp_path, "mask.png", record, 1).id == "a"
    save_mask(tmp_path / "mask.png", np.ones((24, 32), np.uint8))
    with pytest.raises(InputError, match="32 x 24 pixels but its photograph has 24 x 32"):
        check_mask(tmp_path, "mask.png", record, 1)


def test_orientation_counts_in_the_layout_of_voc_too(tmp_path: Path) -> None:
    root = write_voc(tmp_path)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    noise(6).save(root / "JPEGImages" / "a.jpg", exif=exif)
    (record,) = read_voc(root, {"a": ("train",)}).records
    assert (record.height, record.width) == (32, 24)
    assert load_image(root, record).shape == (32, 24, 3)


@pytest.mark.skipif(not VOC_ANIMALS.is_dir(), reason=f"no photographs in {VOC_ANIMALS}")
def test_ordinary_photographs_are_as_pillow_decodes_them() -> None:
    for path in sorted((VOC_ANIMALS / "JPEGImages").glob("*.jpg"))[:20]:
        one = Photograph(path.name, ())
        record = read_photograph(path.parent, path.stem, one, ())
        with Image.open(path) as image:
            assert np.array_equal(load_image(path.parent, record), np.asarray(image.convert("RGB")))
