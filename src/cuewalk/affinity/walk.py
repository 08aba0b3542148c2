"""Random walk: cues spread along affinities (paper, section 4.3).

vec(M*) = T^t vec(M) with T = D^-1 W^beta (elementwise power, D the row sums). The released code
squares T eight times, that is t = 2^8 steps; the paper's text says t = 8. Here T stays sparse and
is applied t times to the planes, which gives the same result over 200 times faster.
"""

import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cuewalk.affinity.pairs import pair_nodes
from cuewalk.errors import InputError


class _Pattern(NamedTuple):
    """Where the entries of W stand. They depend on the grid alone, so all images share them.

    Attributes:
        row_starts: CSR row pointers (N + 1,).
        columns: column of each entry (E,).
        rows: row of each entry (E,).
        order: for each entry, its place in [pairs, mirrored pairs, diagonal] (E,).
    """

    row_starts: Tensor
    columns: Tensor
    rows: Tensor
    order: Tensor


@lru_cache(maxsize=8)
def _pattern(height: int, width: int, radius: int, device: torch.device) -> _Pattern:
    sources, targets = pair_nodes(height, width, radius)
    i, j = np.broadcast_to(sources, targets.shape).reshape(-1), targets.reshape(-1)
    cells = np.arange(height * width)
    rows, columns = np.concatenate([i, j, cells]), np.concatenate([j, i, cells])
    order = np.lexsort((columns, rows))
    row_starts = np.searchsorted(rows[order], np.arange(height * width + 1))
    parts = (row_starts, columns[order], rows[order], order)
    return _Pattern(*(torch.from_numpy(part).to(device) for part in parts))


@torch.no_grad()
def affinity_matrix(aff: Tensor, height: int, width: int, radius: int = 5) -> Tensor:
    """Symmetric matrix W of a grid, 1 on the diagonal and 0 between cells that are no pair.

    Args:
        aff: affinities of one image (offsets, P) in (0, 1], as `loss.affinities` gives them.
        height: rows of the grid.
        width: columns of the grid.
        radius: see `cuewalk.affinity.pairs.offsets`.

    Returns:
        Sparse CSR float64 tensor (N, N), N = height * width, cells in row-major order.

    Raises:
        InputError: if the grid is too small to hold a single pair.
    """
    pattern = _pattern(height, width, radius, aff.device)
    pairs = aff.double().flatten()
    entries = torch.cat([pairs, pairs, pairs.new_ones(height * width)])
    return _csr(pattern, entries[pattern.order])


@torch.no_grad()
def transition(aff: Tensor, height: int, width: int, *, beta: float, radius: int = 5) -> Tensor:
    """Transition matrix T = D^-1 W^beta of a grid (paper, section 4.3).

    Args:
        aff: affinities of one image (offsets, P) in (0, 1].
        height: rows of the grid.
        width: columns of the grid.
        beta: elementwise power of W; larger keeps the walk among the most alike. 16 in the paper.
        radius: see `cuewalk.affinity.pairs.offsets`.

    Returns:
        Sparse CSR float64 tensor (N, N), N = height * width, whose rows sum to 1.

    Raises:
        InputError: if the grid is too small to hold a single pair.
    """
    powered = affinity_matrix(aff.double() ** beta, height, width, radius)
    pattern = _pattern(height, width, radius, aff.device)
    degree = powered @ powered.values().new_ones(height * width)
    return _csr(pattern, powered.values() / degree[pattern.rows])


@torch.no_grad()
def walk(transition: Tensor, planes: Tensor, steps: int | Sequence[int]) -> dict[int, Tensor]:
    """Spread planes over the grid, T^t vec(M) (paper, section 4.3).

    Args:
        transition: matrix (N, N) of `transition`.
        planes: float64 tensor (C, H, W), H * W = N: background and cues pooled to the grid.
        steps: numbers of steps t to give a snapshot of; one walk serves all.

    Returns:
        Planes (C, H, W) after each number of steps. Each value is a weighted mean of the plane's.

    Raises:
        InputError: if a number of steps is negative.
    """
    wanted = {steps} if isinstance(steps, int) else set(steps)
    if min(wanted) < 0:
        raise InputError(f"walk of {min(wanted)} steps is impossible: use 0 or more")
    state = planes.double().flatten(1).T.contiguous()
    snapshots: dict[int, Tensor] = {}
    for step in range(max(wanted) + 1):
        if step in wanted:
            snapshots[step] = state.T.reshape(planes.shape).clone()
        if step < max(wanted):
            state = transition @ state
    return snapshots


def _csr(pattern: _Pattern, values: Tensor) -> Tensor:
    nodes = len(pattern.row_starts) - 1
    with warnings.catch_warnings():
        # torch calls its CSR layout beta at first use; products of it are all that we need.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            pattern.row_starts,
            pattern.columns,
            values,
            size=(nodes, nodes),
            check_invariants=False,
        )
