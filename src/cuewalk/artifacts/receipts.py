"""Receipts: a JSON file beside each artefact that says what it is, and from what it was made.

A receipt names every input by the receipt that claims it and by the digest of what was read, and
every output by digests of its content; so a results folder proves itself, without Snakemake's
memory. There is one way to write a given receipt, and it holds its own digest: a bit that flips
in it shows, even in white space.

A folder `X` has its receipt in `X.json` beside it; a file `x.csv` in `x.json`, or in `receipt.json`
of its folder. Paths in a receipt are relative to the folder that it lies in.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cuewalk.artifacts.atomic import atomic_file
from cuewalk.artifacts.content import (
    MISSING,
    Content,
    describe,
    file_digests,
)
from cuewalk.artifacts.digests import json_digest
from cuewalk.artifacts.places import leads_out

FORMAT = 1
NAME = "receipt.json"


class DamagedError(ValueError):
    """A receipt that is not, byte for byte, what a stage once wrote; says why."""


def write_receipt(path: Path, content: Mapping[str, Any]) -> None:
    """Write a receipt, sealed with its own digest, whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_text(_text({**content, "digest": json_digest(content)}))


def read_receipt(path: Path) -> dict[str, Any]:
    """What a receipt says, its own digest included.

    Raises:
        FileNotFoundError: it is not there.
        DamagedError: its bytes are not what was written, or it claims what lies elsewhere.
    """
    raw = path.read_bytes()
    try:
        content = json.loads(raw)
        sealed = dict(content)
        digest = sealed.pop("digest")
    except (ValueError, TypeError, KeyError, RecursionError):
        raise DamagedError(
            "the receipt is damaged: it is not one that this version wrote"
        ) from None
    if sealed.get("format") != FORMAT:
        raise DamagedError("the receipt is damaged, or another version wrote it")
    if digest != json_digest(sealed) or raw != _text(content).encode():
        raise DamagedError("the receipt is damaged: its digest does not fit")
    if far := next(_far(sealed), None):
        raise DamagedError(f"the receipt claims {far}, which lies out of its folder")
    return dict(content)


def _far(content: Mapping[str, Any]) -> Iterator[str]:
    """Outputs, and files in them, that lie out of the receipt's folder, as none does that we wrote.

    A digest does not seal a receipt against whoever made it.
    """
    for output in content.get("outputs", {}).values():
        yield from filter(leads_out, (output["path"], *output["files"], *output["stores"]))


def claimed_by(path: Path) -> tuple[Path, dict[str, Any]] | None:
    """The receipt that claims a file or folder as an output, and what it says; None if none does.

    A receipt claims itself.
    """
    for candidate in _candidates(path):
        try:
            content = read_receipt(candidate)
        except (OSError, DamagedError):
            continue
        if candidate == path or output_of(candidate, content, path):
            return candidate, content
    return None


def output_of(receipt: Path, content: Mapping[str, Any], path: Path) -> dict[str, Any] | None:
    """What a receipt says of the output that lies at `path`; None if it claims no such output."""
    wanted = os.path.normpath(path)
    for output in content["outputs"].values():
        if os.path.normpath(receipt.parent / output["path"]) == wanted:
            return dict(output)
    return None


def describe_inputs(receipt: Path, inputs: Mapping[str, Iterable[Path]]) -> dict[str, Any]:
    """The inputs as a receipt at `receipt` names them, by the content that lies there now.

    Returns:
        Name -> for each path: `path`, `content` (a digest), and of the receipt that claims it
        `receipt`, `stage`, `shard`, `product`; all None for a file that has no receipt.
    """
    return {name: [_input(receipt, path) for path in paths] for name, paths in inputs.items()}


def describe_outputs(receipt: Path, outputs: Mapping[str, Path]) -> dict[str, Any]:
    """The outputs as a receipt at `receipt` names them: `path`, `content`, `files`, `stores`.

    Raises:
        OSError: one is not there.
    """
    return {
        name: as_output(relative(path, receipt.parent), describe(path))
        for name, path in outputs.items()
    }


def as_output(path: str, content: Content) -> dict[str, Any]:
    """One output as a receipt names it."""
    found = asdict(content)
    return {"path": path, "content": found.pop("digest"), **found}


def product(outputs: Mapping[str, Mapping[str, Any]]) -> str:
    """Digest of what a stage made; computed again from the same, it is the same."""
    return json_digest({name: output["content"] for name, output in outputs.items()})


def relative(path: Path, folder: Path) -> str:
    """A path as seen from a folder; an absolute one outside the folder's tree stays as it is."""
    here = os.path.relpath(path, folder)
    # Results may be moved; the user's own files stay where they are.
    far = path.is_absolute() and not folder.is_absolute()
    return str(path) if far else Path(here).as_posix()


def content_of(path: Path, output: Mapping[str, Any] | None) -> str:
    """Digest of the content of a file or folder, or `MISSING`.

    Args:
        path: where it lies.
        output: what its receipt says of it, if it has one; where the bytes are still the same, so
            are the values, and no store has to be read.
    """
    try:
        if output is not None and file_digests(path) == output["files"]:
            return str(output["content"])
        return describe(path).digest
    except OSError:
        return MISSING


def _input(receipt: Path, path: Path) -> dict[str, Any]:
    found = claimed_by(path)
    entry: dict[str, Any] = {"path": relative(path, receipt.parent)}
    if found is None:
        about = dict.fromkeys(("receipt", "stage", "shard", "product"))
        return {**entry, "content": content_of(path, None), **about}
    claim, content = found
    own = claim == path
    return {
        **entry,
        # A stage that reads a receipt reads its times too, which the product leaves out.
        "content": content["digest"] if own else content_of(path, output_of(claim, content, path)),
        "receipt": relative(claim, receipt.parent),
        **{key: content[key] for key in ("stage", "shard", "product")},
    }


def _candidates(path: Path) -> list[Path]:
    beside = [path.with_name(f"{path.name}.json"), path.with_suffix(".json"), path.parent / NAME]
    return list(dict.fromkeys(beside))


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, sort_keys=True) + "\n"
