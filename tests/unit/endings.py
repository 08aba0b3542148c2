"""How a process of a group may end before its time; apart from `ranks`, to import little."""

import os
import signal

import torch

from cuewalk.distributed.group import Group
from cuewalk.errors import InputError
from cuewalk.stages.runner import Job


def killed(job: Job, group: Group) -> int:
    """The last process is killed while the others wait for it."""
    if group.rank == group.size - 1:
        os.kill(os.getpid(), signal.SIGKILL)
    group.sum(torch.ones(1))
    return 0


def refusing(job: Job, group: Group) -> int:
    """The last process finds something wrong with its share."""
    if group.rank == group.size - 1:
        raise InputError("dog.jpg: cannot be read; replace it.")
    group.sum(torch.ones(1))
    return 0
