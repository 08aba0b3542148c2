"""What each artefact of a run is: ok, missing, modified, stale or orphan, and why.

An artefact is modified if its bytes are not those that its receipt claims. It is stale if its bytes
are, but it would not be made like this today: from other inputs, other code, other settings. What
follows from a stale artefact is stale. Whether an input changed is decided by its values: bytes
that hold the same values make an artefact modified, and nothing that follows from it stale.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from cuewalk.artifacts.content import MISSING
from cuewalk.audit.folder import Artefact, Run, name_of
from cuewalk.audit.reasons import bytes_reason, code_reason, file_reason, settings_reasons
from cuewalk.audit.strays import orphan_shards, stray_groups


class Verdict(StrEnum):
    """What an artefact is."""

    OK = "ok"
    MISSING = "missing"
    MODIFIED = "modified"
    STALE = "stale"
    ORPHAN = "orphan"


@dataclass
class Judgement:
    """What one artefact, or a group of files that no receipt claims, is, and why.

    Attributes:
        name: as `cues/train-000`, within its run.
        stage: that made it, "" where unknown.
        shard: that it is of, "" for none.
        verdict: what it is.
        reason: why, "" where it is ok.
        paths: what there is of it, within the run: outputs and receipt.
        read: whether an artefact that is ok was made from it.
    """

    name: str
    stage: str
    shard: str
    verdict: Verdict = Verdict.OK
    reason: str = ""
    paths: list[str] = field(default_factory=list)
    read: bool = False

    def settle(self, verdict: Verdict, reason: str) -> None:
        """Set the verdict unless there is one already: the first one found says most."""
        if self.verdict is Verdict.OK and reason:
            self.verdict, self.reason = verdict, reason


def judge(run: Run, watch: Callable[[int], None] = lambda _: None) -> list[Judgement]:
    """Judge everything in a run's folder.

    Args:
        run: as it was loaded.
        watch: told the size of each file that has been read, in bytes.

    Returns:
        A judgement per artefact, per artefact that is gone, and per group of unclaimed files.
    """
    run.hash(watch)
    found = {key: _judgement(run, artefact) for key, artefact in run.artefacts.items()}
    _add_missing(run, found)
    for key in orphan_shards(run):
        # What the run no longer asks for need not be mended.
        found[key].verdict = Verdict.ORPHAN
        found[key].reason = f"the run no longer has a shard {found[key].shard}"
    settings = settings_reasons(run)
    for key, artefact in run.artefacts.items():
        found[key].settle(Verdict.STALE, _inputs_reason(run, artefact))
        found[key].settle(Verdict.STALE, settings.get(key, ""))
        if artefact.content is not None:
            found[key].settle(Verdict.STALE, code_reason(artefact.content))
            found[key].settle(Verdict.STALE, file_reason(artefact.content))
    _spread(run, found)
    return [*found.values(), *_strays(run, found)]


def _judgement(run: Run, artefact: Artefact) -> Judgement:
    """By the artefact's own bytes."""
    outputs = artefact.outputs()
    there = [path for path in outputs if (run.folder / path).exists()]
    own = Judgement(
        artefact.name, artefact.stage, artefact.shard, paths=sorted([*there, artefact.key])
    )
    own.settle(Verdict.MODIFIED, artefact.damage)
    for path, output in outputs.items():
        differing = run.differing(path, output)
        gone = [name for name, digest in differing.items() if digest is None]
        if path not in there:
            own.settle(Verdict.MISSING, f"{path} is gone")
        elif gone:
            more = f" and {len(gone) - 1} more files are" if len(gone) > 1 else " is"
            own.settle(Verdict.MISSING, f"{path}/{gone[0]}{more} gone")
    for path, output in outputs.items():
        if own.verdict is Verdict.OK and (differing := run.differing(path, output)):
            own.settle(Verdict.MODIFIED, bytes_reason(run, path, output, differing))
    return own


def _add_missing(run: Run, found: dict[str, Judgement]) -> None:
    """Artefacts that some receipt names as an input and that have none of their own any more."""
    for artefact in run.artefacts.values():
        for entry in artefact.inputs():
            if entry["receipt"] is None:
                continue
            key = artefact.place(entry["receipt"])
            if key not in found and not _outside(key):
                reason = f"its receipt {key} is gone, and {artefact.name} was made from it"
                found[key] = Judgement(
                    name_of(key), entry["stage"], entry["shard"], Verdict.MISSING, reason
                )


def _inputs_reason(run: Run, artefact: Artefact) -> str:
    """Why what was read is not what lies there now; "" if it is."""
    for entry in artefact.inputs():
        path = artefact.place(entry["path"])
        claim = run.artefacts.get(artefact.place(entry["receipt"])) if entry["receipt"] else None
        if claim is not None and claim.key == path:
            now = claim.content["digest"] if claim.content else MISSING
        else:
            now = run.content(path, claim.outputs().get(path) if claim else None)
        if now == MISSING:
            return f"{path}, which it was made from, is gone"
        if now != entry["content"]:
            return f"{path} is not what it was made from"
    return ""


def _spread(run: Run, found: dict[str, Judgement]) -> None:
    """What follows from something stale or missing is stale; note what is still read."""
    reads = {
        key: {artefact.place(e["receipt"]) for e in artefact.inputs() if e["receipt"]}
        for key, artefact in run.artefacts.items()
    }
    changed = True
    while changed:
        changed = False
        for key, keys in reads.items():
            for other in sorted(keys & found.keys()):
                source = found[other]
                bad = source.verdict in (Verdict.STALE, Verdict.MISSING)
                if bad and found[key].verdict is Verdict.OK:
                    reason = f"follows from {source.name}, which is {source.verdict}"
                    found[key].settle(Verdict.STALE, reason)
                    changed = True
    for key, keys in reads.items():
        if found[key].verdict is Verdict.OK:
            for other in keys & found.keys():
                found[other].read = True


def _strays(run: Run, found: dict[str, Judgement]) -> list[Judgement]:
    """Files that nobody claims: with the artefact whose receipt is gone or damaged, or orphans."""
    unsure = [key for key, one in found.items() if one.verdict is Verdict.MISSING]
    unsure += [key for key, artefact in run.artefacts.items() if artefact.content is None]
    orphans = []
    for group, owner in stray_groups(run, unsure):
        if owner is not None:
            found[owner].paths = sorted({*found[owner].paths, group})
        else:
            reason = "no receipt claims it"
            orphans.append(Judgement(group, "", "", Verdict.ORPHAN, reason, [group]))
    return orphans


def _outside(key: str) -> bool:
    return key.startswith(("..", "/"))
