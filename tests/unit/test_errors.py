"""Which errors the disk is to blame for, whatever library wraps them."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from cuewalk.errors import disk_sentence


def test_a_full_disk_as_the_system_tells_it() -> None:
    with pytest.raises(OSError) as caught, Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"x")
    assert str(disk_sentence(caught.value)).startswith("the disk is full; make room")
    assert "is full" in str(disk_sentence(OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))))


def test_a_disk_that_cannot_be_written_to() -> None:
    for number in (errno.EROFS, errno.EACCES):
        sentence = disk_sentence(OSError(number, os.strerror(number), "results/demo"))
        assert "cannot be written to" in str(sentence)
        assert "results/demo" in str(sentence)


def test_an_error_that_a_library_wraps() -> None:
    with pytest.raises(Exception) as caught:
        save_file({"w": np.zeros(3, np.float32)}, "/dev/full/w.safetensors")
    assert disk_sentence(caught.value) is None  # no folder: not the disk's fault
    wrapped = RuntimeError("I/O error: No space left on device (os error 28)")
    assert "is full" in str(disk_sentence(wrapped))


@pytest.mark.parametrize(
    "error", [ValueError("shape"), FileNotFoundError(2, "No such file"), OSError("truncated")]
)
def test_any_other_error_is_left_alone(error: Exception) -> None:
    assert disk_sentence(error) is None
