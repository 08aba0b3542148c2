"""Claim: sparse steps walk far faster than squaring the dense matrix, as the released code does.

One image, one class and its background, 56 x 56 cells, 256 steps. Both start from the same
affinities; the plain way fills W, takes its power, divides the rows and squares eight times.
"""

from functools import partial

import torch
from paired import Part, Row, at_least, compare, main
from torch import Tensor

from cuewalk.affinity.pairs import offsets, pair_nodes, source
from cuewalk.affinity.walk import transition, walk

BETA = 16


def made(cells: int) -> tuple[Tensor, Tensor]:
    """Affinities (offsets, P) and two planes (2, cells, cells) by chance, float64."""
    torch.manual_seed(0)
    planes = torch.rand(2, cells, cells, dtype=torch.float64)
    affinity = torch.exp(-0.3 * torch.rand(len(offsets()), source(planes)[0].numel()))
    return affinity, planes


def sparse(affinity: Tensor, planes: Tensor, steps: int) -> Tensor:
    """Ours."""
    height, width = planes.shape[1:]
    return walk(transition(affinity, height, width, beta=BETA), planes, steps)[steps]


def dense(affinity: Tensor, planes: Tensor, squarings: int) -> Tensor:
    """The plain way."""
    height, width = planes.shape[1:]
    sources, targets = (torch.from_numpy(nodes) for nodes in pair_nodes(height, width))
    weights = torch.eye(height * width, dtype=torch.float64)
    weights[sources.expand_as(targets), targets] = affinity.double()
    weights[targets, sources.expand_as(targets)] = affinity.double()
    steps = weights.pow_(BETA)
    steps /= steps.sum(1, keepdim=True)
    for _ in range(squarings):
        steps = steps @ steps
    return (planes.flatten(1) @ steps.T).reshape(planes.shape)


def rows(quick: bool = False) -> list[Row]:
    """The claim as measured."""
    torch.set_num_threads(1)
    cells, squarings = (16, 3) if quick else (56, 8)
    inputs = made(cells)
    ours, plain = partial(sparse, *inputs, 2**squarings), partial(dense, *inputs, squarings)
    torch.testing.assert_close(ours(), plain(), rtol=0, atol=1e-11)
    claim = "random walk, 256 steps: eight dense float64 squarings / ours"
    return compare(plain, [Part(claim, ours, at_least(150, 400))], rounds=1 if quick else 2)


if __name__ == "__main__":
    main(rows, __doc__)
