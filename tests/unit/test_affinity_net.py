"""Properties of AffinityNet: which maps it reads, its size, and a backbone that stays frozen."""

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional

from cuewalk.affinity.loss import affinities, affinity_loss
from cuewalk.affinity.net import AffinityHead, AffinityNet
from cuewalk.errors import InputError


def features_only() -> nn.Module:
    model: nn.Module = timm.create_model("test_resnet", features_only=True, pretrained=False)
    return model


def hybrid_backbone() -> nn.Module:
    vit = timm.create_model("vit_base_r50_s16_224", depth=1, embed_dim=32, num_heads=2)
    return vit.get_submodule("patch_embed.backbone")


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_papers_network_has_the_papers_size() -> None:
    net = AffinityNet(hybrid_backbone(), 512).eval()
    assert round(parameters(net.backbone) / 1e6, 2) == 11.89
    assert parameters(net.head) == 1024 * 512 + 512 * 512 + 2 * 512
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        last = functional.interpolate(net.backbone(images), (56, 56), mode="bilinear")
        torch.testing.assert_close(net(images), net.head(last))


def test_hybrid_backbone_offers_its_last_map_only() -> None:
    backbone = hybrid_backbone()
    assert AffinityNet(backbone, 32, levels=(16,)).head.reduce.in_channels == 1024
    with pytest.raises(InputError, match=r"level 8 is not a map of the backbone.* strides 16,"):
        AffinityNet(backbone, 32, levels=(8, 16))


def test_levels_of_a_features_only_backbone_are_stacked() -> None:
    backbone = features_only().eval()
    images = torch.randn(2, 3, 64, 96)
    maps = dict(zip(backbone.feature_info.reduction(), backbone(images), strict=True))  # type: ignore[operator,union-attr]
    strides = sorted(maps)
    for levels, used in [((), strides[-1:]), (strides[:2], strides[:2]), ((8,), [8])]:
        net = AffinityNet(backbone, 32, levels, grid=12)
        resized = [functional.interpolate(maps[s], (12, 12), mode="bilinear") for s in used]
        features = net(images)
        assert features.shape == (2, 32, 12, 12)
        torch.testing.assert_close(features, net.head(torch.cat(resized, dim=1)))


def test_head_starts_from_the_released_codes_spread() -> None:
    head = AffinityHead(256, 128)
    # Kaiming normal: deviation sqrt(2 / fan in). Xavier uniform: bound gain sqrt(6 / both fans).
    assert head.reduce.weight.std().item() == pytest.approx((2 / 256) ** 0.5, rel=0.05)
    bound = 4 * (6 / (128 + 128)) ** 0.5
    assert 0.99 * bound < head.mix.weight.abs().max().item() <= bound


def test_head_refuses_channels_that_groups_cannot_share() -> None:
    with pytest.raises(InputError, match="choose a multiple of 32"):
        AffinityHead(8, 48)


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_backbone_stays_as_it_was(frozen: bool) -> None:
    backbone = features_only().train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    net = AffinityNet(backbone, 32, grid=12, frozen=frozen)
    # Looking at the feature maps must leave neither statistics nor modes changed.
    assert all(torch.equal(before[name], value) for name, value in backbone.state_dict().items())
    assert backbone.training is not frozen
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=0.1)
    head_before = net.head.mix.weight.clone()
    labels = torch.randint(0, 3, (2, 12, 12), dtype=torch.uint8)
    loss = affinity_loss(affinities(net(torch.randn(2, 3, 64, 64))), labels)
    loss.total.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    after = backbone.state_dict()
    for kind in ("running_mean", "weight"):
        same = [torch.equal(before[name], after[name]) for name in after if name.endswith(kind)]
        assert same
        assert all(same) if frozen else not any(same)
    assert all((p.grad is None) is frozen for p in backbone.parameters())
    assert not torch.equal(head_before, net.head.mix.weight)
