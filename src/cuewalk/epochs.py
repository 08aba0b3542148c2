"""What the trainings of classifier and AffinityNet share: data order, seeds, steps, resuming.

An epoch is a function of the weights, the optimiser's state, the seed and the epoch's number alone.
So a training that was stopped between two epochs ends as one that never was. In several processes
(`distributed.group`) the batches are the same as in one, and each process takes a share of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, asdict, dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import BatchSampler, RandomSampler, Sampler

from cuewalk.distributed.group import ALONE, Group
from cuewalk.loading import Batched

Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]


class Dataclass(Protocol):
    """Any dataclass, as a line of history.csv is one."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


Line = TypeVar("Line", bound=Dataclass)


class Resume(Protocol):
    """Keeps the state of a training from epoch to epoch, beyond the end of the process."""

    def load(self) -> dict[str, Any] | None:
        """What was saved last, its tensors on the CPU; None to start anew."""

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep a state: tensors, numbers and strings in dicts and lists, free to change after."""


class Photos(Protocol):
    """Photographs changed at random, each item a pure function of seed, epoch and index."""

    epoch: int

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Tensor, Any]: ...


def plain(steps: Iterable[Any], total: int, text: str) -> Iterable[Any]:
    """Progress that shows none."""
    return steps


@dataclass(frozen=True)
class How:
    """How to train, never what comes out, up to rounding.

    Attributes:
        device: that the network is on.
        workers: processes that load photographs, for each process that trains.
        progress: wraps the iterable of an epoch's steps (steps, photographs in all, text).
        resume: asked for a state before the first epoch, whose epochs are then yielded without
            being trained, and given the state after each; in the first process of the group alone.
        group: the processes that train together.
    """

    device: torch.device
    workers: int = 0
    progress: Progress = plain
    resume: Resume | None = None
    group: Group = ALONE


class Step(NamedTuple):
    """The photographs of one step.

    Attributes:
        batch: places in the epoch's order; as many as photographs in all processes.
        part: tensors of this process's share, cut along their first axis; it may be empty.
    """

    batch: range
    part: list[Tensor]


class Batches:
    """The batches of an epoch, in an order that seed and epoch decide.

    Args:
        photographs: to draw from.
        size: photographs of a batch in all processes together; the last one may be smaller.
    """

    def __init__(self, photographs: Photos, size: int, how: How) -> None:
        self.photographs, self.size, self.how = photographs, size, how
        self.order = torch.Generator()
        draws = RandomSampler(cast(Any, photographs), generator=self.order)
        shares = _Shares(BatchSampler(draws, size, False), how.group)
        self.loader = Batched(photographs, shares, how.workers, self.order)

    def __len__(self) -> int:
        return len(self.loader)

    def epoch(self, name: str, seed: int, epoch: int, epochs: int) -> Iterable[Step]:
        """The steps of an epoch that counts from 0, under the eyes of `how.progress`.

        Torch's global generators are seeded.
        """
        self.photographs.epoch = epoch
        seed_epoch(self.order, seed, epoch)
        text = f"{name} epoch {epoch + 1}/{epochs}"
        return self.how.progress(self._steps(), len(self.photographs), text)

    def _steps(self) -> Iterator[Step]:
        for number, part in enumerate(self.loader):
            start = number * self.size
            batch = range(start, min(start + self.size, len(self.photographs)))
            own = len(batch[self.how.group.share(len(batch))])
            yield Step(batch, [tensor[:own].to(self.how.device) for tensor in part])


class _Shares(Sampler[list[int]]):
    """This process's shares of batches; where one is empty, a photograph that nobody looks at."""

    def __init__(self, whole: BatchSampler, group: Group) -> None:
        self.whole, self.group = whole, group

    def __len__(self) -> int:
        return len(self.whole)

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.whole:
            yield batch[self.group.share(len(batch))] or batch[:1]


def seed_epoch(order: torch.Generator, seed: int, epoch: int) -> None:
    """Seed all that an epoch draws: the order of photographs, and torch's global generators.

    Args:
        order: of the photographs.
        seed: 0 or above, as `epoch`.
    """
    of_order, of_model = np.random.SeedSequence((seed, epoch)).generate_state(2).tolist()
    order.manual_seed(of_order)
    torch.manual_seed(of_model)


def descend(optimizer: torch.optim.Optimizer, loss: Tensor, group: Group) -> None:
    """One step of the optimiser.

    Args:
        loss: scalar, this process's part; the sum over the processes is the loss of the batch.
    """
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    group.sum_gradients(p for part in optimizer.param_groups for p in part["params"])
    optimizer.step()


def run_epochs(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    epochs: int,
    train_epoch: Callable[[int], Line],
    line: type[Line],
    how: How,
) -> Iterator[Line]:
    """Train epoch by epoch, from where `how.resume` was left.

    Args:
        epochs: in all.
        train_epoch: trains one, counting from 0; gives its line of history.csv.
        line: what such a line is made of.

    Yields:
        The lines of all epochs, those done before too.
    """
    done = [line(**row) for row in _restore(network, optimizer, how)]
    yield from done
    for epoch in range(len(done), epochs):
        done.append(train_epoch(epoch))
        _keep(network, optimizer, [asdict(one) for one in done], how)
        yield done[-1]


def _restore(
    network: nn.Module, optimizer: torch.optim.Optimizer, how: How
) -> list[dict[str, Any]]:
    """Put network and optimiser where `_keep` found them; rows of the epochs done, [] if none."""
    state = how.resume.load() if how.resume and how.group.first else None
    state = how.group.broadcast(state)
    if state is None:
        return []
    network.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    rows: list[dict[str, Any]] = state["epochs"]
    return rows


def _keep(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    epochs: Sequence[Mapping[str, Any]],
    how: How,
) -> None:
    """Save network and optimiser, if anyone wants them, with the rows of the epochs done."""
    if how.resume and how.group.first:
        state = {"model": network.state_dict(), "optimizer": optimizer.state_dict()}
        how.resume.save({**state, "epochs": [dict(row) for row in epochs]})
