"""All that led to some artefacts, by following their receipts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cuewalk.artifacts.receipts import claimed_by


def ancestors(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """What the receipts say of all jobs that made these files and folders, or what they read.

    A file without a receipt, or with a damaged one, is passed over: it tells nothing.

    Returns:
        Receipts in order of the time at which their jobs ended.
    """
    found: dict[Path, dict[str, Any]] = {}
    waiting = list(paths)
    while waiting:
        claim = claimed_by(waiting.pop())
        if claim is None or claim[0].resolve() in found:
            continue
        receipt, content = claim
        found[receipt.resolve()] = content
        entries = (entry for several in content["inputs"].values() for entry in several)
        waiting += [receipt.parent / e["receipt"] for e in entries if e["receipt"]]
    return sorted(found.values(), key=lambda content: str(content["finished"]))
