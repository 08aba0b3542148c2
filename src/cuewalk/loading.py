"""Photographs loaded in batches, ahead of the network that wants them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import torch
from torch.utils.data import DataLoader, Dataset

from cuewalk.errors import InputError


class Batched:
    """Items of a data set, stacked batch by batch.

    Args:
        items: anything with a length whose items are tensors or tuples with tensors.
        batches: the indices of each batch's items; iterated anew each time.
        workers: processes that load while the caller computes; 0: the caller itself.
        generator: that the workers' seeds are drawn from.
    """

    def __init__(
        self,
        items: Any,
        batches: Iterable[Sequence[int]],
        workers: int,
        generator: torch.Generator | None = None,
    ) -> None:
        self._loader = DataLoader(
            cast(Dataset[Any], items),
            batch_sampler=cast(Any, batches),
            num_workers=workers,
            generator=generator,
        )

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        """Raises InputError as the items do, in one sentence, whichever process loads them."""
        try:
            yield from self._loader
        except InputError as error:
            # torch puts the traceback of a worker before the sentence.
            raise InputError(str(error).rsplit("InputError: ", 1)[-1].strip()) from error
