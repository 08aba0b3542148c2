"""Random walk: cues spread along affinities (paper, section 4.3).

vec(M*) = T^t vec(M) with T = D^-1 W^beta (elementwise power, D the row sums). The released code
squares T eight times, that is t = 2^8 steps; the paper's text says t = 8. Here T stays sparse, and
T^t is summed up from Chebyshev polynomials of T: 139 products with the planes instead of 256
steps, to the same result up to rounding, hundreds of times faster than the squarings.
"""

import math
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
    # A walk mostly reads the matrix: 32 bits for its places make it a quarter smaller.
    sources, targets = (nodes.astype(np.int32) for nodes in pair_nodes(height, width, radius))
    i, j = np.broadcast_to(sources, targets.shape).reshape(-1), targets.reshape(-1)
    cells = np.arange(height * width, dtype=np.int32)
    rows, columns = np.concatenate([i, j, cells]), np.concatenate([j, i, cells])
    order = np.lexsort((columns, rows)).astype(np.int32)
    rows, columns = rows[order], columns[order]
    row_starts = np.searchsorted(rows, np.arange(height * width + 1)).astype(np.int32)
    parts = (row_starts, columns, rows, order)
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
    return _csr(pattern, entries.index_select(0, pattern.order))


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
    powered.values().div_(degree.index_select(0, pattern.rows))
    return powered


@torch.no_grad()
def walk(transition: Tensor, planes: Tensor, steps: int | Sequence[int]) -> dict[int, Tensor]:
    """Spread planes over the grid, T^t vec(M) (paper, section 4.3).

    T has the eigenvalues of a symmetric matrix with none beyond 1 in size, where
    x^t = sum_k a_k T_k(x) in Chebyshev polynomials T_k, and all a_k far above sqrt(t) are
    negligible. T_k+1(x) = 2 x T_k(x) - T_k-1(x) gives each for one product.

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
    start = planes.double().flatten(1).T.contiguous()
    weights = {t: chebyshev_weights(t) for t in wanted}
    sums = {t: torch.zeros_like(start) for t in wanted}
    before, term = start, start
    for degree in range(max(map(len, weights.values()))):
        if degree == 1:
            term = transition @ start
        elif degree > 1:
            before, term = term, torch.addmm(before, transition, term, beta=-1, alpha=2)
        for t, weight in weights.items():
            if degree < len(weight) and weight[degree]:
                sums[t].add_(term, alpha=weight[degree])
    # A weighted mean lies between the plane's ends; rounding alone would leave them.
    low, high = start.amin(0), start.amax(0)
    return {t: total.clamp_(low, high).T.reshape(planes.shape) for t, total in sums.items()}


@lru_cache(maxsize=32)
def chebyshev_weights(power: int) -> tuple[float, ...]:
    """Weights a_k of x^power = sum_k a_k T_k(x), those that matter in float64.

    a_k is how likely a fair walk on the line is k from its start after `power` steps; they sum
    to 1, and what lies beyond the last one given to less than 2^-53 (Hoeffding's inequality).
    """
    reach = min(power, math.ceil(math.sqrt(2 * power * 54 * math.log(2))))
    weights, left = [0.0] * (reach + 1), power // 2
    chance = math.comb(power, left) / 2**power
    for k in range(power % 2, reach + 1, 2):
        weights[k] = 2 * chance if k else chance
        chance *= left / (power - left + 1)
        left -= 1
    return tuple(weights)


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
