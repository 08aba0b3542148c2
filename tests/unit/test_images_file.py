"""Photographs from files and out of MATLAB files, and that only the latter load h5py."""

import hashlib
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from mats import FILE, photograph, write_mat
from PIL import Image

from cuewalk.datasets.images import decode, image_cell, load_image
from cuewalk.datasets.mat import count_cells, read_cell, split_member
from cuewalk.datasets.record import Record
from cuewalk.errors import InputError


def record(path: str) -> Record:
    return Record("a", path, ("val",), (), 1, 1, "0" * 64)


def test_decode_gives_image_and_digest(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2), (1, 2, 3)).save(tmp_path / "a.png")
    image, sha256 = decode(tmp_path / "a.png")
    assert (image.size, image.mode) == ((3, 2), "RGB")
    assert sha256 == hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("file.mat::17", ("file.mat", 17)),
        ("sub/file.mat::0", ("sub/file.mat", 0)),
        ("file.mat", None),
        ("file.mat::", None),
        ("file.mat::-1", None),
        ("file.mat::1.jpg", None),
        ("JPEGImages/2007_000032.jpg", None),
    ],
)
def test_split_member(path: str, member: tuple[str, int] | None) -> None:
    assert split_member(path) == member


@pytest.mark.parametrize("row", [False, True])
def test_load_image_of_a_mat(tmp_path: Path, row: bool) -> None:
    write_mat(tmp_path, row=row)
    for number in (0, 1):
        found = load_image(tmp_path, record(f"{FILE}::{number}"))
        assert found.dtype == np.uint8
        assert found.flags.c_contiguous
        assert np.array_equal(found, photograph(number))


def test_grey_gets_three_channels(tmp_path: Path) -> None:
    write_mat(tmp_path)
    found = load_image(tmp_path, record(f"{FILE}::2"))
    assert found.shape == (12, 18, 3)
    for channel in range(3):
        assert np.array_equal(found[..., channel], photograph(2))


def test_count_cells(tmp_path: Path) -> None:
    assert count_cells(write_mat(tmp_path), "/value/img") == 3


def fails(path: Path, number: int, *parts: str) -> None:
    with pytest.raises(InputError) as caught:
        image_cell(path, number)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    assert message.endswith(".")
    for part in parts:
        assert part in message, message


def test_missing_mat(tmp_path: Path) -> None:
    fails(tmp_path / FILE, 0, "no such file")


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file, as an older MATLAB writes it"])
def test_mat_that_is_not_hdf5(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    fails(tmp_path / FILE, 0, "cannot be read as HDF5", "7.3")


def test_truncated_mat(tmp_path: Path) -> None:
    path = write_mat(tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    fails(path, 0, "cannot be read as HDF5")


def test_damaged_photograph_in_a_mat(tmp_path: Path) -> None:
    path = write_mat(tmp_path)
    with h5py.File(path) as file:
        chunk = file["/#refs#/0"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + chunk.size] = bytes(chunk.size)
    path.write_bytes(content)
    fails(path, 0, "number 0 of /value/img", "copy the file again")
    assert np.array_equal(image_cell(path, 1), photograph(1))


def test_number_beyond_the_last(tmp_path: Path) -> None:
    fails(write_mat(tmp_path), 3, "number 3 of /value/img")


def test_mat_without_the_array(tmp_path: Path) -> None:
    with h5py.File(tmp_path / FILE, "w") as file:
        file["/value/other"] = np.zeros(3)
    fails(tmp_path / FILE, 0, "/value/img", "copy the file again")


def test_array_that_is_a_group_or_no_references(tmp_path: Path) -> None:
    with h5py.File(tmp_path / FILE, "w") as file:
        file["/value/img/deeper"] = np.zeros(3)
        file["/value/gt"] = np.zeros((3, 1))
    fails(tmp_path / FILE, 0, "/value/img")
    with pytest.raises(InputError, match="/value/img"):
        count_cells(tmp_path / FILE, "/value/img")
    with pytest.raises(InputError, match="number 0 of /value/gt"):
        read_cell(tmp_path / FILE, "/value/gt", 0)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 5, 4), np.uint8),
        np.zeros((4, 5, 3), np.float64),
        np.zeros(4, np.uint8),
        np.zeros((2, 4, 5, 3), np.uint8),
    ],
)
def test_array_that_is_no_photograph(tmp_path: Path, array: np.ndarray) -> None:
    fails(write_mat(tmp_path, [array], []), 0, "number 0", str(array.dtype), str(array.shape))


def loads_h5py(folder: Path, path: str) -> bool:
    code = (
        "import sys; from pathlib import Path; from cuewalk.datasets.images import load_image; "
        "from cuewalk.datasets.record import Record; "
        f"load_image(Path(), Record('a', '{path}', (), (), 1, 1, '')); print('h5py' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return ran.stdout.strip() == "True"


def test_h5py_is_loaded_for_a_mat_alone(tmp_path: Path) -> None:
    write_mat(tmp_path)
    Image.new("RGB", (3, 2)).save(tmp_path / "a.png")
    assert not loads_h5py(tmp_path, "a.png")
    assert loads_h5py(tmp_path, f"{FILE}::0")
