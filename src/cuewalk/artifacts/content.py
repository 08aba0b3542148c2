"""What an artefact holds: the bytes of its files, and the values of its stores.

Bytes tell whether anything at all changed, down to a single bit. Values tell whether it matters:
the same arrays compressed another way are the same artefact to whoever reads it, and a computation
done again gives the same values. A store has a digest per array and one per photograph, so a change
can be traced to both.
"""

import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cuewalk.artifacts.digests import json_digest
from cuewalk.artifacts.store import Store, read_store

IGNORED = frozenset({".snakemake_timestamp"})
"""Files that Snakemake leaves in the folders that its jobs make."""
STORE = ".zarr.zip"
MISSING = "missing"
"""Stands for the digest of what is not there."""
ROW = 16
"""Hex digits of the digests within a store; a file's own has all 64."""


@dataclass(frozen=True)
class Content:
    """Digests of a file or folder.

    Attributes:
        digest: of the values of its stores and the bytes of its other files.
        files: path inside the folder -> SHA-256 of the bytes; "." for a single file.
        stores: path of a store inside the folder -> what `store_digests` tells.
    """

    digest: str
    files: dict[str, str]
    stores: dict[str, dict[str, Any]]


def describe(path: Path) -> Content:
    """Read a file or folder, whole.

    Raises:
        OSError: it is not there or cannot be read.
    """
    files = file_digests(path)
    stores = {name: store_digests(_decode(path / name)) for name in _stores(files)}
    return Content(_digest(files, stores), files, stores)


def file_digests(path: Path) -> dict[str, str]:
    """SHA-256 of every file's bytes, by path inside the folder; "." for a single file.

    Raises:
        OSError: it is not there or cannot be read.
    """
    names = list(files_of(path))
    found = hash_files(path / name for name in names)
    return {name: found[path / name] for name in names}


def files_of(path: Path) -> Iterator[str]:
    """Paths of the files inside a folder, sorted; "." for a single file.

    Raises:
        FileNotFoundError: neither is there.
    """
    if path.is_file():
        yield "."
        return
    if not path.is_dir():
        raise FileNotFoundError(path)
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(set(files) - IGNORED):
            yield Path(folder, name).relative_to(path).as_posix()


def hash_files(
    paths: Iterable[Path], watch: Callable[[int], None] = lambda _: None
) -> dict[Path, str]:
    """SHA-256 of files, several at a time.

    Args:
        paths: the files.
        watch: told the size of each file that is done, in bytes.

    Raises:
        OSError: one cannot be read.
    """
    listed = list(paths)
    found = {}
    with ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 1)) as pool:
        for path, (digest, size) in zip(listed, pool.map(_hash, listed), strict=True):
            found[path] = digest
            watch(size)
    return found


def store_digests(store: Store | None) -> dict[str, Any]:
    """Digests of a store's values with their types and shapes.

    Args:
        store: None for one that cannot be read; all its digests are empty.

    Returns:
        `attributes`: a digest; `arrays`: name -> digest; `rows`: photograph -> digest over its row
        of every array, in the order of the rows.
    """
    if store is None:
        return {"attributes": "", "arrays": {}, "rows": {}}
    return {
        "attributes": json_digest(store.attributes)[:ROW],
        "arrays": {n: _values({n: array}) for n, array in sorted(store.arrays.items())},
        "rows": {id: _values(store.row(id)) for id in store.ids},
    }


def _hash(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


def _stores(files: Mapping[str, str]) -> list[str]:
    """Files of a listing that are stores."""
    return [name for name in files if name.endswith(STORE)]


def _decode(path: Path) -> Store | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zarr tells of what it does not recognise
            return read_store(path)
    except Exception:  # damaged bytes make zarr and its codecs raise whatever they like
        return None


def _values(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        values = np.ascontiguousarray(array)
        digest.update(f"{name} {values.dtype.str} {list(np.shape(array))}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()[:ROW]


def _digest(files: Mapping[str, str], stores: Mapping[str, Mapping[str, Any]]) -> str:
    """Over the values of readable stores, and the bytes of everything else."""
    readable = {name: store for name, store in stores.items() if store["attributes"]}
    plain = {name: sha for name, sha in files.items() if name not in readable}
    # The rows' order counts, which sorted keys would hide; their values stand in the arrays.
    values = {
        name: [store["attributes"], store["arrays"], list(store["rows"])]
        for name, store in readable.items()
    }
    return json_digest({"files": plain, "stores": values})
