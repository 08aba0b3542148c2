"""The processes that train one network together, and what they tell one another.

Each holds the whole network and a share of every batch. The sum over the processes of what they
compute from their shares is what one process computes from the whole batch, up to rounding.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist


@dataclass(frozen=True)
class Group:
    """One process among those of torch's process group; by default alone, without any.

    All have to call the methods that communicate, in the same order.

    Attributes:
        rank: of this process, from 0.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Which of `count` things are this process's: all are somebody's, and none is twice.

        Shares differ by one at most and may be empty.
        """
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)

    def sum(self, value: Tensor) -> Tensor:
        """Sum of a tensor, of one shape everywhere, over the processes; carries no gradient."""
        if self.size == 1:
            return value.detach()
        total = value.detach().clone()
        dist.all_reduce(total)
        return total

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace the gradients of parameters by their sums; those without one stay without."""
        found = [p.grad for p in parameters if p.grad is not None]
        if self.size == 1 or not found:
            return
        # One message: the time of many small ones is all latency.
        total = self.sum(torch.cat([grad.reshape(-1) for grad in found]))
        parts = torch.split(total, [grad.numel() for grad in found])
        for grad, part in zip(found, parts, strict=True):
            grad.copy_(part.view_as(grad))

    def broadcast(self, value: Any) -> Any:
        """What the first process gave, in every process; must be picklable."""
        if self.size == 1:
            return value
        box = [value if self.first else None]
        dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]


ALONE = Group()
"""A training in one process."""
