"""One training in several processes of this machine (config key `compute.processes`).

The stage itself only starts them and watches. Each runs the stage's function on its share of every
batch; the first one writes, reports and logs. If one ends before its time, all are ended.
"""

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from multiprocessing import get_context, get_start_method, parent_process, set_start_method
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from typing import Any

import torch
from torch import distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from cuewalk.distributed.group import ALONE, Group
from cuewalk.errors import InputError
from cuewalk.stages.memory import keep_freed_memory
from cuewalk.stages.runner import Job, Stage, Work, log, log_to

Run = Callable[[Job, Group], Work]

HOST = "localhost"
PATIENCE = timedelta(minutes=30)
"""To wait for the others before a process that lives but no longer answers fails the training."""
GRACE = 5.0
"""Seconds between asking a process to end and ending it."""
LONGEST = 2000
"""Characters of an error that are told; more could fill the pipe, and nobody would read on."""


def in_processes(run: Run) -> Stage:
    """Make a stage of a function that may share its work among processes."""

    def stage(job: Job) -> Work:
        count = job.compute["processes"]
        return run(job, ALONE) if count == 1 else _run_several(run, job, count)

    return stage


def _run_several(run: Run, job: Job, count: int) -> Work:
    """Run the function in that many processes; gives what the first one returns.

    Raises:
        InputError: what one of them refused, that one was killed, or that the device allows fewer.
        RuntimeError: any other failure of theirs; the traceback is in the log.
    """
    _check_gpus(job.compute["device"], count)
    context = get_context("spawn")  # forked threads and GPUs do not work
    # Port 0: the system picks a free one.
    store = TCPStore(HOST, 0, is_master=True, wait_for_workers=False)
    told: SimpleQueue[tuple[str, Any]] = context.SimpleQueue()
    share = replace(job, threads=max(1, job.threads // count))
    shared = store.port, get_start_method(), run, share, told
    processes: list[BaseProcess] = [
        context.Process(target=_work, args=(Group(rank, count), *shared)) for rank in range(count)
    ]
    try:
        for process in processes:
            process.start()
        ends = _watch(processes)
    finally:
        _end(processes)
    return _outcome(told, ends)


def _check_gpus(device: str, count: int) -> None:
    gpus = torch.cuda.device_count()
    if device != "cpu" and (gpus or device == "cuda") and count > gpus:
        raise InputError(
            f"compute.processes: {count}, but each takes a GPU and torch finds {gpus} on this "
            "machine; set at most so many, or device cpu."
        )


def _watch(processes: Sequence[BaseProcess]) -> list[int | None]:
    """Wait until all have ended, or one with an error; exit codes, None of those that still run."""
    running = list(processes)
    while running and not any(process.exitcode for process in processes):
        wait([process.sentinel for process in running])
        running = [process for process in running if process.exitcode is None]
    return [process.exitcode for process in processes]


def _end(processes: Sequence[BaseProcess]) -> None:
    for finish in (BaseProcess.terminate, BaseProcess.kill):
        alive = [p for p in processes if p.pid is not None and p.exitcode is None]
        for process in alive:
            finish(process)
        for process in alive:
            process.join(GRACE)


def _outcome(told: "SimpleQueue[tuple[str, Any]]", ends: Sequence[int | None]) -> Work:
    """What became of the processes, by what they told and their exit codes."""
    said: dict[str, Any] = {}
    while not told.empty():
        kind, what = told.get()
        said.setdefault(kind, what)
    if "refused" in said:
        raise InputError(said["refused"])
    # The others fail because one was killed, never the other way round.
    for rank, code in enumerate(ends):
        if code is not None and code < 0:
            raise InputError(
                f"compute.processes: training process {rank + 1} of {len(ends)} was killed by "
                f"{signal.Signals(-code).name}, for want of memory perhaps; start again to go on "
                "from the last whole epoch, with fewer processes if memory is short."
            )
    if "failed" in said:
        raise RuntimeError(said["failed"])
    if any(ends) or "done" not in said:
        raise RuntimeError(f"training processes ended early, with exit codes {list(ends)}")
    done: Work = said["done"]
    return done


def _work(
    group: Group,
    port: int,
    start_method: str,
    run: Run,
    job: Job,
    told: "SimpleQueue[tuple[str, Any]]",
) -> None:
    """One process, from start to end; tells what came of it."""
    _end_with_parent()
    keep_freed_memory()
    # Those that load photographs start as in a training in one process.
    set_start_method(start_method, force=True)
    if job.log:
        log_to(job.log, job.shard, append=True)
    if not group.first:
        os.environ["CUEWALK_QUIET"] = "1"
        log.setLevel(logging.ERROR)
    try:
        with _joined(group, port, job.compute["device"]):
            work = run(job, group)
    except InputError as error:
        told.put(("refused", str(error)[:LONGEST]))
        sys.exit(1)
    except Exception as error:
        told.put(("failed", f"{type(error).__name__}: {error}"[:LONGEST]))
        log.error("process %d of %d: %s", group.rank + 1, group.size, traceback.format_exc())
        sys.exit(1)
    if group.first:
        told.put(("done", work))


def _end_with_parent() -> None:
    """Let this process live no longer than the stage, and leave Ctrl-C to that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def follow() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextmanager
def _joined(group: Group, port: int, device: str) -> Iterator[None]:
    """Connect with the other processes; with GPUs, each takes the one of its own number."""
    backend = "gloo"
    if device != "cpu" and torch.cuda.is_available():
        torch.cuda.set_device(group.rank)
        backend = "cpu:gloo,cuda:nccl"
    store = TCPStore(HOST, port, is_master=False, timeout=PATIENCE)
    dist.init_process_group(
        backend, store=store, rank=group.rank, world_size=group.size, timeout=PATIENCE
    )
    yield
    # Not after an error: some of the others may be waiting for what will never come.
    dist.destroy_process_group()
