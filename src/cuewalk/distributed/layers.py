"""Layers that see more than one photograph at a time, made to see the whole batch of all processes.

torch's SyncBatchNorm does the same for batch norms, on GPUs only.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from cuewalk.distributed.group import Group
from cuewalk.errors import InputError
from cuewalk.vision import BatchNormAct2d, DropBlock2d, DropPath

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, BatchNormAct2d)


def synchronise(network: nn.Module, group: Group) -> None:
    """Replace in place the layers whose result depends on the batch or on how it is cut.

    Parameters, statistics and their names stay. A process alone keeps its layers.

    Raises:
        InputError: a layer that draws for every value or an unknown batch norm; it is named.
    """
    if group.size == 1:
        return
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, _BatchNorm | DropPath | DropBlock2d | _DropoutNd):
                setattr(parent, name, _shared(layer, group))


def _shared(layer: nn.Module, group: Group) -> nn.Module:
    if type(layer) in BATCH_NORMS and layer.affine and layer.track_running_stats:
        return SharedBatchNorm(layer, group)  # type: ignore[arg-type]
    if type(layer) is DropPath:
        return SharedDropPath(layer, group)
    if isinstance(layer, _DropoutNd) and not layer.p:
        return layer
    raise InputError(
        f"compute.processes: a layer of the network ({type(layer).__name__}) cannot be trained in "
        "several processes; set 1."
    )


class _Normalise(torch.autograd.Function):
    """(x - mean) / sqrt(var + eps) * weight + bias, whose mean and variance depend on all of x.

    With h = (x - mean) / sqrt(var + eps), dx = weight / sqrt(var + eps) * (dy - E[dy] - h E[dy h]),
    means over the batch of all processes. Gradients of weight and bias are this process's part.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        var: Tensor,
        eps: float,
        count: float,
        group: Group,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, (var + eps).rsqrt())
        ctx.count, ctx.group = count, group
        return F.batch_norm(x, mean, var, weight, bias, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, scale = ctx.saved_tensors
        axes, shape = _other_axes(x), _along_channels(x)
        h = (x - mean.view(shape)) * scale.view(shape)
        own = torch.stack([grad.sum(axes), (grad * h).sum(axes)])
        whole = (ctx.group.sum(own) / ctx.count).view(2, *shape)
        slope = (grad - whole[0] - h * whole[1]) * (weight * scale).view(shape)
        return slope, own[1], own[0], None, None, None, None, None


class SharedBatchNorm(_BatchNorm):
    """A batch norm over the batch of all processes, with the parameters and buffers of another.

    In evaluation mode it is the other one.
    """

    def __init__(self, layer: _BatchNorm, group: Group) -> None:
        super().__init__(layer.num_features, layer.eps, layer.momentum)
        self.group = group
        self.weight, self.bias = layer.weight, layer.bias
        self.running_mean, self.running_var = layer.running_mean, layer.running_var
        self.num_batches_tracked = layer.num_batches_tracked
        # timm's own drop and activate, too.
        self.drop = getattr(layer, "drop", nn.Identity())
        self.act = getattr(layer, "act", nn.Identity())
        self.train(layer.training)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, ...); B is this process's share and may be 0.

        Raises:
            ValueError: one value for each channel in all processes together, as torch's does.
        """
        if not self.training:
            y = F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        else:
            mean, var, count = self._statistics(x.detach())
            y = _Normalise.apply(x, self.weight, self.bias, mean, var, self.eps, count, self.group)
        result: Tensor = self.act(self.drop(y))
        return result

    @torch.no_grad()
    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor, float]:
        """Mean and variance (C,) of the whole batch, values for each channel; updates buffers."""
        axes = _other_axes(x)
        sums = self.group.sum(torch.cat([x.sum(axes), x.new_tensor([len(x)])]))
        count = sums[-1].item() * x.shape[2:].numel()
        if count == 1:
            raise ValueError("Expected more than 1 value per channel when training")
        mean = sums[:-1] / count
        # In two passes: the difference of large squares would lose digits.
        var = self.group.sum((x - mean.view(_along_channels(x))).square().sum(axes)) / count
        assert self.num_batches_tracked is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        self.num_batches_tracked += 1
        weight = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, weight)
        self.running_var.lerp_(var * (count / (count - 1)), weight)
        return mean, var, count


def _other_axes(x: Tensor) -> list[int]:
    return [axis for axis in range(x.ndim) if axis != 1]


def _along_channels(x: Tensor) -> list[int]:
    return [-1 if axis == 1 else 1 for axis in range(x.ndim)]


class SharedDropPath(nn.Module):
    """timm's drop path, which draws for the whole batch and takes its share.

    The generators of all processes stand alike, so that all draw the same.
    """

    def __init__(self, layer: DropPath, group: Group) -> None:
        super().__init__()
        self.layer, self.group = layer, group
        self.train(layer.training)

    def forward(self, x: Tensor) -> Tensor:
        """Drop photographs of (B, ...); B is this process's share and may be 0."""
        if not self.training or not self.layer.drop_prob:
            return x
        count = int(self.group.sum(torch.tensor(len(x), device=x.device)).item())
        ones = x.new_ones((count, *[1] * (x.ndim - 1)))
        kept: Tensor = self.layer(ones)[self.group.share(count)]
        return x * kept
