"""What lies in a run's folder and is none of it: files without a receipt, shards it had once."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from cuewalk.artifacts.receipts import NAME
from cuewalk.audit.folder import Run


def orphan_shards(run: Run) -> list[str]:
    """Receipts of shards that the run no longer has, as the tables, which gather shards, tell.

    Nothing is said of a kind of shard (`train`, `evaluate`) that none of those names.
    """
    living = _living(run)
    kinds = {_kind(shard) for shard in living}
    return [
        key
        for key, artefact in run.artefacts.items()
        if artefact.shard and artefact.shard not in living and _kind(artefact.shard) in kinds
    ]


def stray_groups(run: Run, unsure: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Files that no receipt claims, a whole folder at once where nothing in it is claimed.

    Args:
        run: as it was loaded.
        unsure: keys of receipts that are gone or damaged: what lies where they would claim it is
            theirs.

    Yields:
        A path within the run, and the key of the receipt that it goes with, None if none does.
    """
    known = run.claimed().keys() | run.artefacts.keys()
    taken = {".", *(str(parent) for path in known for parent in PurePosixPath(path).parents)}
    groups = {_outermost(path, taken) for path in run.files - known}
    for group in sorted(groups):
        yield group, next((key for key in unsure if _goes_with(group, key)), None)


def _living(run: Run) -> set[str]:
    tables = [run.artefacts[key] for key in run.artefacts if key.startswith("metrics/")]
    entries = (entry for table in tables for entry in table.inputs())
    return {str(entry["shard"]) for entry in entries if entry["shard"]}


def _kind(shard: str) -> str:
    return shard.rsplit("-", 1)[0]


def _outermost(path: str, taken: set[str]) -> str:
    """The file, or the largest folder around it that holds nothing claimed."""
    folders = [str(p) for p in PurePosixPath(path).parents if str(p) not in taken]
    return folders[-1] if folders else path


def _goes_with(path: str, key: str) -> bool:
    """Whether a receipt at `key` would claim what lies at `path`."""
    here, receipt = PurePosixPath(path), PurePosixPath(key)
    if receipt.name == NAME:
        return receipt.parent in (here, here.parent)
    bare = receipt.with_suffix("")
    return bare in (here, here.with_suffix("")) or bare in here.parents
