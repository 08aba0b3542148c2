"""How far a run is: what its plan asks for, what its jobs tell of themselves, what lies there.

Only reads, while others write. A job is done if its receipt is there, which a job writes last.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from cuewalk.watch.plan import RUN_STATE, PlannedJob, read_plan
from cuewalk.watch.pulse import BEAT, State, read_state, seems_alive, state_path


class Phase(StrEnum):
    """Of a job or of a run."""

    DONE = "done"
    RUNNING = "running"
    LEFT = "left"
    FAILED = "failed"
    DIED = "died"


class RunPhase(StrEnum):
    """What can be said of a run as a whole."""

    NOT_STARTED = "not started"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    INCOMPLETE = "incomplete"
    UNPLANNED = "unplanned"


@dataclass(frozen=True)
class JobNow:
    """A job as it is now.

    Attributes:
        name: as `cues/train-000`.
        stage: its rule.
        phase: what can be said of it.
        log: path of its log.
        weight: photographs that it is about, at least 1.
        images: photographs handled so far.
        total: to handle, 0 if not known.
        rate: images a second.
        seconds: that its work took; 0 if it is not done, or another run did it.
        lived: seconds that its process lived so far, loading its modules included.
        text: what it is doing, or what went wrong.
        host: where it runs, or ran.
        pid: its process there.
    """

    name: str
    stage: str
    phase: Phase
    log: str
    weight: int = 1
    images: int = 0
    total: int = 0
    rate: float = 0.0
    seconds: float = 0.0
    lived: float = 0.0
    text: str = ""
    host: str = ""
    pid: int = 0

    @property
    def seconds_left(self) -> float | None:
        """Of a running job, by its own speed."""
        return (self.total - self.images) / self.rate if self.total and self.rate else None


@dataclass(frozen=True)
class StageNow:
    """The jobs of a stage, counted.

    Attributes:
        stage: its rule.
        done: jobs that are.
        running: jobs that are.
        left: jobs that are neither, failed ones included.
        images: photographs handled so far.
        rate: images a second of one job; None if not known.
        seconds_left: of all its jobs one after another, at that speed; None if not known.
    """

    stage: str
    done: int
    running: int
    left: int
    images: int
    rate: float | None
    seconds_left: float | None


@dataclass(frozen=True)
class RunNow:
    """A run as it is now.

    Attributes:
        folder: its folder.
        phase: what can be said of it.
        stages: in the order of the pipeline.
        jobs: those that are running, failed or died.
        host: where Snakemake runs, or ran last.
        pid: its process there.
        seconds: since it started, up to its last sign of life.
        silent: seconds since then, by this machine's clock.
        seconds_left: at the present speed, with as many jobs at once as now; of what has a speed.
        unknown: stages with jobs left whose speed is not known yet.
        log: Snakemake's own log, where it told.
    """

    folder: str
    phase: RunPhase
    stages: tuple[StageNow, ...] = ()
    jobs: tuple[JobNow, ...] = ()
    host: str = ""
    pid: int = 0
    seconds: float = 0.0
    silent: float = 0.0
    seconds_left: float | None = None
    unknown: tuple[str, ...] = ()
    log: str = ""

    def count(self, phase: str) -> int:
        """Jobs that are `done`, `running` or `left`."""
        return sum(int(getattr(stage, phase)) for stage in self.stages)


@dataclass
class _Look:
    """States of processes, and which of them live."""

    states: dict[Path, State] = field(default_factory=dict)
    alive: set[Path] = field(default_factory=set)


def run_status(folder: Path, wait: Callable[[float], None] = time.sleep) -> RunNow:
    """Look at a run.

    Args:
        folder: of the run; it need not be there.
        wait: called with seconds, where only a second look can tell whether a process lives.

    Raises:
        InputError: the plan cannot be read.
    """
    plan = read_plan(folder)
    if plan is None:
        return _without_plan(folder)
    own = folder / RUN_STATE
    look = _look([own, *(state_path(folder / job.log) for job in plan.jobs)], wait)
    jobs = [_job_now(folder, job, look) for job in plan.jobs]
    stages = [_stage_now(name, [j for j in jobs if j.stage == name]) for name in plan.stages]
    stages = [stage for stage in stages if stage.done + stage.running + stage.left]
    running = [job.seconds_left or 0.0 for job in jobs if job.phase is Phase.RUNNING]
    known = sum(stage.seconds_left or 0.0 for stage in stages)
    state = look.states.get(own)
    now = RunNow(
        str(folder),
        _run_phase(state, own in look.alive, jobs),
        tuple(stages),
        tuple(job for job in jobs if job.phase not in (Phase.DONE, Phase.LEFT)),
        seconds_left=max(known / max(1, len(running)), *running, 0.0),
        unknown=tuple(s.stage for s in stages if s.seconds_left is None),
    )
    if state is None:
        return now
    seconds, silent = state.beat - state.started, max(0.0, time.time() - state.beat)
    return replace(
        now, host=state.host, pid=state.pid, seconds=seconds, silent=silent, log=state.text
    )


def _look(paths: Iterable[Path], wait: Callable[[float], None]) -> _Look:
    look = _Look()
    unsure = []
    for path in paths:
        state = read_state(path)
        if state is not None:
            look.states[path] = state
            alive = seems_alive(state, time.time())
            if alive:
                look.alive.add(path)
            elif alive is None:
                unsure.append(path)
            elif state.state == "running":  # it is gone: since when, and with which last word?
                look.states[path] = read_state(path) or state
    if unsure:
        wait(2 * BEAT)
    for path in unsure:
        now = read_state(path) or look.states[path]
        if now.state == "running" and now.beats != look.states[path].beats:
            look.alive.add(path)
        look.states[path] = now
    return look


def _job_now(folder: Path, job: PlannedJob, look: _Look) -> JobNow:
    path = state_path(folder / job.log)
    state = look.states.get(path)
    about = (job.name, job.stage)
    log, weight = str(folder / job.log), max(1, job.photographs)
    # What lies there of a job that is to be done again says nothing before it began.
    done = not job.needed or (state is not None and state.state == "done")
    if done and (folder / job.receipt).exists():
        images, seconds = _took(folder / job.receipt, state)
        lived = max(seconds, state.beat - state.started) if state and seconds else seconds
        return JobNow(*about, Phase.DONE, log, weight, images, seconds=seconds, lived=lived)
    if state is None or done:
        return JobNow(*about, Phase.LEFT, log, weight)
    phase = Phase.FAILED
    if state.state == "running":
        phase = Phase.RUNNING if path in look.alive else Phase.DIED
    return JobNow(
        *about, phase, log, weight, state.done, state.total, state.rate,
        lived=state.beat - state.started, text=state.text, host=state.host, pid=state.pid,
    )  # fmt: skip


def _took(receipt: Path, state: State | None) -> tuple[int, float]:
    """Photographs and seconds of a finished job; no seconds if it did not compute."""
    if state is not None and state.state == "done" and not state.reused:
        return state.done, state.seconds
    try:
        content = json.loads(receipt.read_text())
        reused = content.get("reused_from") is not None
        return int(content["images"]), 0.0 if reused else float(content["seconds"])
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return 0, 0.0


def _stage_now(stage: str, jobs: Sequence[JobNow]) -> StageNow:
    done = [job for job in jobs if job.phase is Phase.DONE]
    running = [job for job in jobs if job.phase is Phase.RUNNING]
    left = [job for job in jobs if job.phase not in (Phase.DONE, Phase.RUNNING)]
    timed = [job for job in done if job.seconds]
    moving = [job for job in running if job.seconds_left is not None]
    # Seconds for each photograph that a job is about: what it took, or is going to take.
    spent = sum(job.lived for job in timed)
    spent += sum(job.lived + (job.seconds_left or 0.0) for job in moving)
    weight = sum(job.weight for job in (*timed, *moving))
    each = spent / weight if weight else None
    ahead = [job.seconds_left for job in moving]
    waiting = [job.weight for job in (*left, *(job for job in running if job not in moving))]
    if each is None and waiting:
        seconds_left = None
    else:
        seconds_left = sum(s or 0.0 for s in ahead) + sum(waiting) * (each or 0.0)
    rates = [job.rate for job in moving]
    rate = sum(rates) / len(rates) if rates else None
    if rate is None and timed:
        rate = sum(job.images for job in timed) / sum(job.seconds for job in timed)
    images = sum(job.images for job in jobs)
    return StageNow(stage, len(done), len(running), len(left), images, rate, seconds_left)


def _run_phase(state: State | None, alive: bool, jobs: Sequence[JobNow]) -> RunPhase:
    if alive:
        return RunPhase.RUNNING
    if any(job.phase is Phase.FAILED for job in jobs):
        return RunPhase.FAILED
    if state is None or state.state != "done":
        return RunPhase.INTERRUPTED
    complete = all(job.phase is Phase.DONE for job in jobs)
    return RunPhase.FINISHED if complete else RunPhase.INCOMPLETE


def _without_plan(folder: Path) -> RunNow:
    """By the receipts alone, which do not tell what is left."""
    found: dict[str, list[JobNow]] = {}
    for path in sorted(p for depth in ("*", "*/*", "*/*/*") for p in folder.glob(f"{depth}.json")):
        try:
            stage = str(json.loads(path.read_text())["stage"])
        except (OSError, ValueError, TypeError, LookupError, RecursionError):
            continue
        images, seconds = _took(path, None)
        job = JobNow(str(path), stage, Phase.DONE, "", images=images, seconds=seconds)
        found.setdefault(stage, []).append(job)
    if not found:
        return RunNow(str(folder), RunPhase.NOT_STARTED)
    stages = tuple(_stage_now(stage, jobs) for stage, jobs in found.items())
    return RunNow(str(folder), RunPhase.UNPLANNED, stages)
