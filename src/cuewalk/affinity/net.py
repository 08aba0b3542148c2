"""AffinityNet: features whose likeness says whether two cells belong together (paper, section 4.3).

A convolutional backbone, the one the classifier was trained with, then two 1x1 convolutions on
the cell grid. Between them stand a GroupNorm and an ELU that the paper does not mention and the
released code has.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from cuewalk.errors import InputError

# Large enough for a stride of 32 to leave a map of more than one cell.
_PROBE_SIZE = 64


class AffinityHead(nn.Module):
    """Two 1x1 convolutions: conv, GroupNorm, ELU, conv, ELU (released code's AffinityNet head).

    Args:
        in_channels: channels of the features at the grid.
        channels: channels of the result; 512 in the paper's run.
        groups: groups of the GroupNorm.

    Raises:
        InputError: if `channels` is not a multiple of `groups`.
    """

    def __init__(self, in_channels: int, channels: int, groups: int = 32) -> None:
        super().__init__()
        if channels % groups:
            raise InputError(
                f"affinitynet has {channels} channels, which its {groups} normalisation groups "
                f"cannot share evenly: choose a multiple of {groups}"
            )
        self.reduce = nn.Conv2d(in_channels, channels, kernel_size=1, bias=False)
        self.norm = nn.GroupNorm(groups, channels)
        self.mix = nn.Conv2d(channels, channels, kernel_size=1, bias=False)
        nn.init.kaiming_normal_(self.reduce.weight)
        nn.init.xavier_uniform_(self.mix.weight, gain=4)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to features (B, channels, H, W), each above -1."""
        x = functional.elu(self.norm(self.reduce(x)))
        return functional.elu(self.mix(x))


class AffinityNet(nn.Module):
    """Backbone and head: images to affinity features on a square grid of cells.

    Args:
        backbone: a timm `features_only` model (a list of maps), or a module that gives one map,
            such as `vit.patch_embed.backbone` of a timm hybrid. It is used, not copied.
        channels: channels of the features.
        levels: strides of the backbone's maps to use, each resized to the grid and stacked before
            the head; () is the last map alone, as in the paper.
        grid: cells along each side of the grid.
        frozen: leave the backbone as it is: no gradients, and batch norms stay in eval mode.

    Raises:
        InputError: if the backbone has no map of a stride in `levels`.
    """

    def __init__(
        self,
        backbone: nn.Module,
        channels: int,
        levels: Sequence[int] = (),
        grid: int = 56,
        *,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.grid = grid
        self.frozen = frozen
        maps = _probe(backbone)
        self.picked = _pick([_PROBE_SIZE // x.shape[-1] for x in maps], levels)
        self.head = AffinityHead(sum(maps[i].shape[1] for i in self.picked), channels)
        if frozen:
            backbone.requires_grad_(False)
            backbone.eval()

    def train(self, mode: bool = True) -> "AffinityNet":
        """Set training mode, but never on a frozen backbone."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Map normalised images (B, 3, h, w) to features (B, channels, grid, grid)."""
        maps = _as_maps(self.backbone(images))
        size = (self.grid, self.grid)
        resized = [
            functional.interpolate(maps[i], size, mode="bilinear", align_corners=False)
            for i in self.picked
        ]
        features: Tensor = self.head(torch.cat(resized, dim=1))
        return features


def _as_maps(features: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return [features] if isinstance(features, Tensor) else list(features)


@torch.no_grad()
def _probe(backbone: nn.Module) -> list[Tensor]:
    """Maps of a blank image: the one way to learn channels and strides of any backbone."""
    weight = next(backbone.parameters())
    blank = torch.zeros(1, 3, _PROBE_SIZE, _PROBE_SIZE, dtype=weight.dtype, device=weight.device)
    training = {name: module.training for name, module in backbone.named_modules()}
    # In eval mode, so that the blank image leaves no trace in batch statistics.
    maps = _as_maps(backbone.eval()(blank))
    for name, module in backbone.named_modules():
        module.training = training[name]
    return maps


def _pick(strides: list[int], levels: Sequence[int]) -> list[int]:
    """Positions of the wanted strides among the backbone's maps; the last map if none is named."""
    for level in levels:
        if level not in strides:
            raise InputError(
                f"affinitynet level {level} is not a map of the backbone: choose among the "
                f"strides {', '.join(map(str, strides))}, or none for the last map"
            )
    return [strides.index(level) for level in levels] or [len(strides) - 1]
