"""Photographs of any data set, from a file of their own or out of a MATLAB file."""

import hashlib
import io
import os
import re
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cuewalk.artifacts.places import leads_out, within
from cuewalk.datasets.mat import read_cell, split_member
from cuewalk.datasets.record import Record
from cuewalk.errors import InputError

CELLS = "/value/img"
"""Where a MATLAB file keeps its photographs."""

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
"""Of image files, by their content; others may run programs to be read, as EPS does."""
MOST_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)
"""Of an image file; Pillow looks before it decodes, and above half of it warns."""
FOLLOW = "CUEWALK_FOLLOW_LINKS"
"""Environment variable: 1 reads what links in a data set's folder lead to outside of it."""

# What Pillow raises on damaged files, depending on format and place of the damage.
_BROKEN = (OSError, SyntaxError, ValueError)


def load_image(root: Path, record: Record) -> NDArray[np.uint8]:
    """Photograph as RGB, (height, width, 3), values 0 to 255.

    Raises:
        InputError: The photograph is gone or cannot be decoded.
    """
    if member := split_member(record.path):
        return image_cell(place_in(root, member[0]), member[1])
    image, _ = decode(place_in(root, record.path))
    return np.array(image.convert("RGB"))


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
    if os.environ.get(FOLLOW) != "1" and not within(root, path):
        raise InputError(
            f"{path}: a link leads out of {root}; copy the file there, or set {FOLLOW}=1 in the "
            "environment if you trust all links in it."
        )
    return path


def decode(path: Path) -> tuple[Image.Image, str]:
    """An image file, really decoded, and the SHA-256 of its bytes in hexadecimal.

    Raises:
        InputError: The file is gone, cannot be decoded or has more than `MOST_PIXELS`.
    """
    try:
        content = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=FORMATS)
            image.load()  # open() alone reads the header and misses a truncated file
    except Image.DecompressionBombError as error:
        pixels = int(next(iter(re.findall(r"\d+", str(error))), 0))
        raise InputError(
            f"{path}: has {pixels:,} pixels and is not decoded, as at most {MOST_PIXELS:,} are; "
            "scale it down."
        ) from error
    except _BROKEN as error:
        raise InputError(f"{path}: cannot be decoded ({error}); copy the file again.") from error
    return image, hashlib.sha256(content).hexdigest()


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
