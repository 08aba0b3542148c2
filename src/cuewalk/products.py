"""Products of float32 matrices on a CPU through oneDNN, where torch has it.

Torch itself takes MKL for them, which is about half as fast on AMD's processors. The operator used
here is the one that torch.compile puts in place. Everything else is left to torch.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_HAS_ONEDNN: bool = torch.backends.mkldnn.is_available() and hasattr(  # type: ignore[no-untyped-call]
    torch.ops.mkldnn, "_linear_pointwise"
)


def product(rows: Tensor, matrix: Tensor, bias: Tensor | None = None) -> Tensor:
    """Matrix product of rows (..., m) and a weight (m, n), either contiguous or transposed.

    Args:
        rows: (..., m).
        matrix: (m, n).
        bias: (n,), added to every row.

    Returns:
        (..., n).
    """
    if _suits(rows):
        result: Tensor = torch.ops.mkldnn._linear_pointwise(rows, matrix.mT, bias, "none", [], "")
        return result
    return rows @ matrix if bias is None else rows @ matrix + bias


class OneDnnLinear(TorchFunctionMode):
    """While this context lasts, every Linear layer is computed by `product`, backward too."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """What torch calls instead of each of its functions."""
        if func is F.linear and not kwargs and _suits(args[0]):
            return _Linear.apply(*args, *[None] * (3 - len(args)))
        return func(*args, **(kwargs or {}))


class _Linear(torch.autograd.Function):
    """x W^T + b, and the gradient of each that wants one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """x (..., in), weight (out, in), bias (out,); gives (..., out)."""
        # A frozen weight's gradient is not wanted, so its input needs no memory.
        ctx.save_for_backward(x if ctx.needs_input_grad[1] else None, weight)
        return product(x, weight.mT, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Of grad (..., out), the gradients of x, weight and bias."""
        x, weight = ctx.saved_tensors
        for_x, for_weight, for_bias = ctx.needs_input_grad
        rows = grad.flatten(0, -2)
        return (
            product(grad, weight) if for_x else None,
            product(x.flatten(0, -2).mT, rows).mT if for_weight else None,
            rows.sum(0) if for_bias else None,
        )


def _suits(rows: Tensor) -> bool:
    """Whether oneDNN can take them: it wants float32 and at least one element."""
    single = rows.dtype == torch.float32 and rows.device.type == "cpu" and rows.numel() > 0
    return _HAS_ONEDNN and single and not torch.is_autocast_enabled("cpu")
