"""One GPU for every job on a machine that nobody else shares out.

A scheduler gives a job its GPU and says so in CUDA_VISIBLE_DEVICES. A workstation does not: all
jobs would use the first one. There a job takes a lock on one of them and shows itself no other. The
system lets go of the lock when the process ends, however it ends.

Nothing here imports torch: the workflow asks, too, how many GPUs there are.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

VISIBLE = "CUDA_VISIBLE_DEVICES"
SCHEDULERS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "PE_HOSTFILE")
"""Environment variables by which schedulers tell a process that it is a job of theirs."""
_held: list[FileLock] = []


def gpus() -> tuple[str, ...]:
    """CUDA's names of this machine's GPUs: those that CUDA_VISIBLE_DEVICES leaves, or all.

    Returns:
        An empty tuple where there is none, or no NVIDIA driver to ask.
    """
    visible = os.environ.get(VISIBLE)
    if visible is not None:
        names = (name.strip() for name in visible.split(","))
        return tuple(name for name in names if name not in {"", "-1", "NoDevFiles"})
    try:
        ran = subprocess.run(
            ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(ran.stdout.split())


def gpus_of_a_job(wanted: str) -> int:
    """How many GPUs, 0 or 1, a job that runs a network asks for.

    Args:
        wanted: `compute.device`: auto, cpu, cuda or mps. With auto it depends on this machine.
    """
    return int(wanted == "cuda" or (wanted == "auto" and bool(gpus())))


def take_gpu(folder: Path | None = None, *, every: float = 0.5) -> str | None:
    """Choose a GPU that no other job has, wait if need be, and keep it to the process's end.

    It has to come before CUDA starts. A job of a scheduler, or one that is shown one GPU alone,
    uses what it was given.

    Args:
        folder: where the locks lie, on a disk of this machine; None for a temporary folder of the
            user's, so that runs in other folders are seen, but not those of other users.
        every: seconds between two looks.

    Returns:
        The GPU's name; None where there was nothing to choose.
    """
    if VISIBLE in os.environ and any(name in os.environ for name in SCHEDULERS):
        return None
    names = gpus()
    if not names or (VISIBLE in os.environ and len(names) == 1):
        return None
    place = folder or Path(tempfile.gettempdir(), f"cuewalk-gpus-{os.getuid()}")
    place.mkdir(parents=True, exist_ok=True)
    while (taken := _take_free(place, names)) is None:
        time.sleep(every)
    os.environ[VISIBLE] = taken
    return taken


def _take_free(place: Path, names: Sequence[str]) -> str | None:
    """Lock the first GPU that is free; None if all are taken."""
    for name in names:
        # Not by thread: what loads photographs, or ends the process, may be another one.
        lock = FileLock(place / f"{name.replace('/', '-')}.lock", thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        _held.append(lock)  # a lock that is forgotten is let go
        return name
    return None
