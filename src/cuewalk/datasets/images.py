"""Photographs of any data set, from a file of their own or out of a MATLAB file.

However a file keeps its pixels, the rest of the program sees upright RGB of 8 bits per channel:
turned as EXIF says, 16 bits scaled down, what is transparent laid over white, colour profiles
ignored, the first picture of several.
"""

import hashlib
import io
import os
import re
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from cuewalk.artifacts.places import leads_out, within
from cuewalk.datasets.mat import read_cell, split_member
from cuewalk.datasets.record import Record
from cuewalk.errors import InputError

CELLS = "/value/img"
"""Where a MATLAB file keeps its photographs."""

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
"""Told by the bytes, whatever a file is called; Pillow would hand others to outside programs."""
MOST_PIXELS = 178_956_970
"""Of one file: what Pillow takes for a decompression bomb from there on, half a GB of RGB."""

FOLLOW = "CUEWALK_FOLLOW_LINKS"
"""Environment variable: 1 reads what links in a data set's folder lead to outside of it."""

# What Pillow raises on damaged files, depending on format and place of the damage.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError)


def load_image(root: Path, record: Record) -> NDArray[np.uint8]:
    """Photograph as upright RGB, (height, width, 3), values 0 to 255.

    Raises:
        InputError: The photograph is gone or cannot be decoded.
    """
    if member := split_member(record.path):
        return image_cell(place_in(root, member[0]), member[1])
    image, _ = decode_photograph(place_in(root, record.path))
    return np.array(image)


def decode_photograph(path: Path) -> tuple[Image.Image, str]:
    """A photograph as upright RGB, and the SHA-256 of its file's bytes in hexadecimal.

    Raises:
        InputError: The file is gone, cannot be decoded or has a kind of pixel that is no colour.
    """
    image, sha256 = decode(path)
    try:
        return _as_rgb(ImageOps.exif_transpose(image)), sha256
    except _BROKEN as error:
        raise InputError(
            f"{path}: pixels of mode {image.mode} cannot be turned into RGB ({error}); save it "
            "with 8 or 16 bits per channel."
        ) from error


def place_in(root: Path, name: str) -> Path:
    """Where a file of a data set lies that a list, table or label file names.

    Args:
        root: Folder of the data set.
        name: Path relative to it.

    Raises:
        InputError: It leads out of the folder, by its name or through a link.
    """
    path = root / name
    if leads_out(name):
        raise InputError(
            f"{root}: {name!r} leads out of this folder; name photographs and masks within it."
        )
    if not follows_links() and not within(root, path):
        raise InputError(
            f"{path}: a link leads out of {root}; copy the file there, or set {FOLLOW}=1 in the "
            "environment if you trust all links in it."
        )
    return path


def follows_links() -> bool:
    """Whether links in a data set's folder may lead out of it."""
    return os.environ.get(FOLLOW) == "1"


def place_of_mask(root: Path, name: str) -> Path:
    """The same for a mask of ground truth, whose folder the config may have put beside `root`.

    Raises:
        InputError: It leads out through a link.
    """
    return root / name if leads_out(name) else place_in(root, name)


def decode(path: Path) -> tuple[Image.Image, str]:
    """An image file as it is stored, really decoded, and the SHA-256 of its bytes in hexadecimal.

    Raises:
        InputError: The file is gone, too large or cannot be decoded.
    """
    try:
        content = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what is checked below
            image = Image.open(io.BytesIO(content), formats=FORMATS)
        if image.width * image.height > MOST_PIXELS:
            raise Image.DecompressionBombError(f"{image.width * image.height} pixels")
        image.load()  # open() alone reads the header and misses a truncated file
    except Image.DecompressionBombError as error:
        pixels = int(next(iter(re.findall(r"\d+", str(error))), 0))
        raise InputError(
            f"{path}: has {pixels:,} pixels and is not decoded, as at most {MOST_PIXELS:,} are; "
            "scale it down."
        ) from error
    except _BROKEN as error:
        raise InputError(
            f"{path}: cannot be decoded ({_reason(error)}); copy the file again."
        ) from error
    return image, hashlib.sha256(content).hexdigest()


def _reason(error: BaseException) -> str:
    # Pillow names the buffer that it was given, whose address tells nobody anything.
    known = not isinstance(error, UnidentifiedImageError)
    return " ".join(str(error).split()) if known else "empty, or no image of a known format"


def _as_rgb(image: Image.Image) -> Image.Image:
    """RGB of any image; of 32 bits per pixel nobody knows which value is white."""
    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.float64) / 257  # 65,535 becomes 255
        image = Image.fromarray(np.rint(values).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError("32 bits per pixel")
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    return image.convert("RGB")


def image_cell(path: Path, number: int) -> NDArray[np.uint8]:
    """Photograph `number` of a MATLAB file as RGB, (height, width, 3); grey gets three channels.

    Raises:
        InputError: It is missing, damaged or no photograph of 8 bits per channel.
    """
    pixels = read_cell(path, CELLS, number)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise InputError(
            f"{path}: number {number} of {CELLS} is {pixels.dtype} of shape {pixels.shape}, not "
            "a photograph; store uint8 of height x width or height x width x 3."
        )
    return np.ascontiguousarray(pixels)
