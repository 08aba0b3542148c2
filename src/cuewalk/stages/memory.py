"""How a stage's process deals with its memory."""

import ctypes

# Of malloc.h: from which size on memory comes from the system, and how much may lie idle.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
_LARGEST, _ANY = 2**31 - 1, -1


def keep_freed_memory() -> None:
    """Let this process keep what it frees; does nothing where the C library is not glibc.

    Steps of a CRF, or of a network's layers, ask for large buffers of the same sizes again and
    again. glibc gives those back to the system, which hands them out again filled with zeros, and
    that takes time.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_MMAP_THRESHOLD, _LARGEST)
        library.mallopt(_TRIM_THRESHOLD, _ANY)
