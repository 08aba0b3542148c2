"""Photographs of any data set, from a file of their own or out of a MATLAB file."""

import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cuewalk.datasets.mat import read_cell, split_member
from cuewalk.datasets.record import Record
from cuewalk.errors import InputError

CELLS = "/value/img"
"""Where a MATLAB file keeps its photographs."""

# What Pillow raises on damaged files, depending on format and place of the damage.
_BROKEN = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def load_image(root: Path, record: Record) -> NDArray[np.uint8]:
    """Photograph as RGB, (height, width, 3), values 0 to 255.

    Raises:
        InputError: The photograph is gone or cannot be decoded.
    """
    if member := split_member(record.path):
        return image_cell(root / member[0], member[1])
    image, _ = decode(root / record.path)
    return np.array(image.convert("RGB"))


def decode(path: Path) -> tuple[Image.Image, str]:
    """An image file, really decoded, and the SHA-256 of its bytes in hexadecimal.

    Raises:
        InputError: The file is gone or cannot be decoded.
    """
    try:
        content = path.read_bytes()
        image = Image.open(io.BytesIO(content))
        image.load()  # open() alone reads the header and misses a truncated file
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
