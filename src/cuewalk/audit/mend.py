"""The commands that mend a run: remove what is not as it should be, then run the workflow again."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from cuewalk.audit.judge import Judgement, Verdict

WORKFLOW = "snakemake --profile workflow/profiles/default"
"""Makes what is missing; the run's own --configfile, if it has one, has to be added."""


def command(folder: Path, judgement: Judgement) -> str:
    """What removes one artefact, to be typed where the audit was started; "" if nothing has to be.

    Args:
        folder: of the run.
        judgement: of the artefact.
    """
    if judgement.verdict is Verdict.OK or not judgement.paths:
        return ""
    paths = [as_typed(folder / path) for path in judgement.paths]
    return shlex.join(["rm", "-r", *(f"./{p}" if p.startswith("-") else p for p in paths)])


def afterwards(folder: Path, judgements: Sequence[Judgement]) -> str:
    """The run of the workflow that makes what was removed or is gone; "" if there is nothing.

    Snakemake does not look for an intermediate while what was made from it is there, so such ones
    are named.

    Args:
        folder: of the run.
        judgements: of everything in it.
    """
    made = [one for one in judgements if one.verdict not in (Verdict.OK, Verdict.ORPHAN)]
    if not made:
        return ""
    wanted = [as_typed(folder / path) for one in made if one.read for path in one.paths]
    return WORKFLOW + (f" -- all {shlex.join(wanted)}" if wanted else "")


def as_typed(path: Path) -> str:
    """A path relative to the working directory if it lies below it."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else path)
