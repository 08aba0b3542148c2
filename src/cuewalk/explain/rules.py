"""How relevance passes through one layer, from its output to its input (paper, section 4.2).

A layer computed z = f(x); r (the paper's R) is the relevance on z, and its rule says how much of r
each x receives. The paper's formula, r_j = sum_i x_j dz_i/dx_j, lacks the factor r_i / z_i that the
authors' code has; these are the rules of the code. r carries the classes in front, (K, B, ...),
while forward values are (B, ...). Softmax, GELU, LayerNorm, LayerScale and dropout pass r on
unchanged.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from cuewalk.explain.trace import LinearTrace
from cuewalk.products import product

EPS = 1e-9


def reciprocal(z: Tensor, eps: float = EPS) -> Tensor:
    """1 / (z + eps), and 0 where z is exactly 0: relevance of nothing is dropped.

    The shift is towards plus whatever the sign of z, and z = -eps gives 1 / eps, as in the authors'
    code.
    """
    # Arithmetic instead of masks: comparing and masking cost a CPU far more.
    inverse = (z + eps).reciprocal_().nan_to_num_(nan=math.nan, posinf=1 / eps)
    return inverse.mul_(z.sgn().square_())


def linear(layer: LinearTrace, r: Tensor) -> Tensor:
    """Linear: share r_i by the contributions x_j w_ij that are positive (alpha 1, beta 0).

    r_j = sum_i max(x_j w_ij, 0) r_i / z+_i with z+_i = sum_j max(x_j w_ij, 0); the bias gets none.
    Since max(a, 0) = (a + |a|) / 2, both sums are plain products with w and |w|, and the layer's
    own output already holds one of them.

    Args:
        layer: The layer's forward values, x (B, N, in) and z + bias (B, N, out).
        r: (K, B, N, out), overwritten.

    Returns:
        (K, B, N, in).
    """
    # |w| is not kept between calls: it costs 1 / (K B N) of a product, and cannot go stale.
    x, size, weight = layer.x, layer.x.abs(), layer.magnitude()
    twice = product(size, weight.mT).add_(layer.y).sub_(layer.bias)
    # Without a positive term the sum is 0 up to rounding and hands nothing on: r / inf = 0.
    share = r.div_(torch.threshold_(twice, 0, math.inf).add_(2 * EPS))
    return product(share, layer.weight).mul_(x).addcmul_(product(share, weight), size)


def linear_halves(layer: LinearTrace, r: Tensor) -> Tensor:
    """Linear in the LRP baselines: positive and negative inputs each share the whole of r.

    So every layer about doubles the total. Shapes as in `linear`.
    """

    def half(sign: int) -> Tensor:
        x, weight = (sign * layer.x).clamp(min=0), (sign * layer.weight).clamp(min=0)
        return product(r * reciprocal(product(x, weight.mT)), weight).mul_(x)

    return half(1).add_(half(-1))


def add(u: Tensor, v: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
    """Sum u + v: share by contribution, then rescale both so that they total r's own sum.

    The paper's normalisation: with a and b the shares, a gets the part |A| / (|A| + |B|) of the
    total and b the rest, A and B being the shares' sums over tokens and channels.

    Args:
        u: (B, N, D).
        v: (B, N, D).
        r: (K, B, N, D).

    Returns:
        The relevance of u and of v, each (K, B, N, D).
    """
    a, b = add_plain(u, v, r)
    sum_a, sum_b = (part.sum((-2, -1), keepdim=True) for part in (a, b))
    total = r.sum((-2, -1), keepdim=True) * reciprocal(sum_a.abs() + sum_b.abs())
    a *= sum_a.abs() * total * reciprocal(sum_a)
    b *= sum_b.abs() * total * reciprocal(sum_b)
    return a, b


def add_plain(u: Tensor, v: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
    """Sum u + v in the LRP baselines: share by contribution, no rescaling. Shapes as in `add`."""
    share = r * reciprocal(u + v)
    return u * share, share.mul_(v)


def clone(x: Tensor, *parts: Tensor) -> Tensor:
    """A value used more than once collects what its uses received: x sum_i r_i / x."""
    return (x * reciprocal(x)) * sum(parts[1:], parts[0])


def matmul(a: Tensor, b: Tensor, product: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
    """Matrix product a @ b: both factors share by contribution, and each gets half.

    Args:
        a: (B, h, n, m).
        b: (B, h, m, p).
        product: (B, h, n, p), a @ b.
        r: (K, B, h, n, p).

    Returns:
        The relevance of a, (K, B, h, n, m), and of b, (K, B, h, m, p).
    """
    share = r * reciprocal(product).div_(2)
    return (share @ b.mT).mul_(a), (a.mT @ share).mul_(b)


class Rules(NamedTuple):
    """The two rules in which the methods differ."""

    linear: Callable[[LinearTrace, Tensor], Tensor]
    add: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


RELEVANCE = Rules(linear, add)
LRP = Rules(linear_halves, add_plain)
