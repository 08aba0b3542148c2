"""What a run is going to do: a list of all its jobs, written when it starts.

The list, `logs/plan.json`, names each job's log and receipt within the run's folder, so the folder
may be looked at from anywhere. Beside it the run's own process tells that it lives, as jobs do.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cuewalk.artifacts.atomic import atomic_file, remove_leftovers
from cuewalk.artifacts.places import leads_out
from cuewalk.errors import InputError
from cuewalk.watch.pulse import SUFFIX, printable, state_path

PLAN = Path("logs", "plan.json")
RUN_STATE = Path("logs", f"run{SUFFIX}")


@dataclass(frozen=True)
class PlannedJob:
    """A job of a run.

    Attributes:
        stage: its rule.
        log: path of its log within the run's folder.
        receipt: of its receipt.
        photographs: that it is about, to compare it with others of its stage; 0 if not known.
        needed: whether it had to be done when the run started.
    """

    stage: str
    log: str
    receipt: str
    photographs: int
    needed: bool

    @property
    def name(self) -> str:
        """How people call it: `cues/train-000`, `classifier`."""
        return self.log.removeprefix("logs/").removesuffix(".log")


@dataclass(frozen=True)
class Plan:
    """All jobs of a run, and its stages in the order of the pipeline."""

    stages: tuple[str, ...]
    jobs: tuple[PlannedJob, ...]


def write_plan(folder: Path, plan: Plan) -> None:
    """Replace a run's plan, and forget what earlier processes told of the jobs that it needs.

    A disk that is full costs the plan, not the run.

    Args:
        folder: of the run.
        plan: of the run.
    """
    with suppress(OSError):
        for job in plan.jobs:
            if job.needed:
                state_path(folder / job.log).unlink(missing_ok=True)
        remove_leftovers(folder / PLAN)
        with atomic_file(folder / PLAN) as temporary:
            temporary.write_text(json.dumps(asdict(plan), indent=1) + "\n")


def read_plan(folder: Path) -> Plan | None:
    """A run's plan; None if it has none.

    Raises:
        InputError: what lies there is no plan.
    """
    path = folder / PLAN
    try:
        content = json.loads(path.read_text())
        jobs = tuple(map(_job, content["jobs"]))
        return Plan(_texts(content["stages"]), jobs)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(
            f"{path}: not a plan that cuewalk wrote ({error}); delete it, the next start of the "
            "run writes another."
        ) from error


def _job(content: dict[str, Any]) -> PlannedJob:
    job = PlannedJob(**content)
    _texts([job.stage, job.log, job.receipt])
    if leads_out(job.log) or leads_out(job.receipt):
        raise ValueError(f"{job.log!r} or {job.receipt!r} leads out of the run's folder")
    return PlannedJob(job.stage, job.log, job.receipt, int(job.photographs), bool(job.needed))


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    if not all(isinstance(value, str) and value == printable(value) for value in values):
        raise TypeError("a name is no text that prints")
    return tuple(values)
