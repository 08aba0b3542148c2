"""One photograph through a run: what every stage keeps of it, and whether it still is that."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from cuewalk.artifacts.content import ROW, hash_files, store_digests
from cuewalk.artifacts.store import read_store
from cuewalk.audit.folder import Artefact, Run
from cuewalk.errors import InputError


@dataclass(frozen=True)
class Trace:
    """What one artefact keeps of a photograph.

    Attributes:
        stage: that made it.
        path: of the store, file or table, within the run.
        digest: of the photograph's row, or of the file's bytes, as the receipt says; hex.
        now: the same as it is now; "" if it cannot be read.
        values: name -> what there is, in words.
    """

    stage: str
    path: str
    digest: str
    now: str
    values: dict[str, str] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether it still is what the receipt says."""
        return self.digest == self.now


def follow(run: Run, id: str) -> list[Trace]:
    """Everything that a run keeps of a photograph, in the order in which it was made.

    Raises:
        InputError: no stage knows the photograph.
    """
    artefacts = [a for a in run.artefacts.values() if a.content is not None]
    artefacts.sort(key=lambda a: str((a.content or {})["finished"]))
    found = [trace for artefact in artefacts for trace in _traces(run, artefact, id)]
    if not found:
        near = get_close_matches(id, sorted(known_ids(run)), 3, 0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "see the tables in dataset/."
        raise InputError(f"{run.folder}: has no photograph {id}; {hint}")
    return found


def known_ids(run: Run) -> set[str]:
    """Every photograph that some store or table of the run has a row for."""
    ids: set[str] = set()
    for artefact in run.artefacts.values():
        for path, output in artefact.outputs().items():
            for store in output["stores"].values():
                ids |= store["rows"].keys()
            ids |= {row["id"] for name in _tables(output) for row in _rows(run, path, name)}
    return ids


def _traces(run: Run, artefact: Artefact, id: str) -> Iterator[Trace]:
    for path, output in artefact.outputs().items():
        for name, store in output["stores"].items():
            if id in store["rows"]:
                yield _of_store(run, artefact, f"{path}/{name}", store["rows"][id], id)
        for name in _tables(output):
            for row in (row for row in _rows(run, path, name) if row["id"] == id):
                values = {key: value for key, value in row.items() if key != "id"}
                yield _of_file(run, artefact, _join(path, name), output["files"][name], values)
        for name, digest in output["files"].items():
            if Path(name).stem == id and name not in output["stores"]:
                yield _of_file(run, artefact, _join(path, name), digest, {})


def _of_store(run: Run, artefact: Artefact, path: str, digest: str, id: str) -> Trace:
    if path not in run.files:
        return Trace(artefact.stage, path, digest, "")
    try:
        store = read_store(run.folder / path)
        now, row = store_digests(store)["rows"][id], store.row(id)
    except Exception:  # damaged bytes make zarr and its codecs raise whatever they like
        return Trace(artefact.stage, path, digest, "")
    values = {name: in_words(array) for name, array in row.items()}
    return Trace(artefact.stage, path, digest, now, values)


def _of_file(run: Run, artefact: Artefact, path: str, digest: str, values: dict[str, str]) -> Trace:
    place = run.folder / path
    now = hash_files([place])[place][:ROW] if path in run.files else ""
    size = {"size": f"{place.stat().st_size} bytes"} if now and not values else {}
    return Trace(artefact.stage, path, digest[:ROW], now, values or size)


def in_words(array: np.ndarray) -> str:
    """Type, shape and range of an array; all values if they are few."""
    if array.size <= 8:
        return f"{array.dtype} {array.tolist()}"
    low, high, mean = (float(f(array)) for f in (np.min, np.max, np.mean))
    shape = "x".join(map(str, array.shape))
    return f"{array.dtype} {shape}, {low:.4g} to {high:.4g}, mean {mean:.4g}"


def _tables(output: dict[str, Any]) -> list[str]:
    """Files of an output that may have a row per photograph."""
    files: dict[str, str] = output["files"]
    path = str(output["path"])
    return [name for name in files if (path if name == "." else name).endswith(".csv")]


def _rows(run: Run, path: str, name: str) -> Iterator[dict[str, str]]:
    if _join(path, name) not in run.files:
        return
    try:
        with (run.folder / _join(path, name)).open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames and reader.fieldnames[0] == "id":
                yield from ({k: str(v) for k, v in row.items() if k} for row in reader)
    except (OSError, UnicodeError, csv.Error):
        return


def _join(path: str, name: str) -> str:
    return path if name == "." else f"{path}/{name}"
