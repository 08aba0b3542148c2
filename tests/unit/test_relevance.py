"""What must hold of relevance on any model: batching, symmetry, conservation, tidiness."""

from collections.abc import Callable
from functools import partial

import pytest
import timm
import torch
from timm.layers import GluMlp, HybridEmbed
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import ParallelScalingBlock, ResPostBlock, VisionTransformer
from torch import Tensor, nn

from cuewalk.errors import InputError
from cuewalk.explain import propagate, rules
from cuewalk.explain.relevance import relevance
from cuewalk.explain.support import check_supported
from cuewalk.explain.trace import record

torch.set_num_threads(1)
SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 3, "num_heads": 3}
CLASSES = torch.tensor([[0, 2, 1], [3, 1, 1]])


def vit(**changes: object) -> VisionTransformer:
    torch.manual_seed(5)
    model = VisionTransformer(**{**SMALL, "num_classes": 4, **changes}).double().eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model


def photographs(count: int = 3, height: int = 32, width: int = 32) -> Tensor:
    generator = torch.Generator().manual_seed(9)
    return torch.randn(count, 3, height, width, dtype=torch.float64, generator=generator)


def assert_same_cue(ours: Tensor, expected: Tensor) -> None:
    assert ours.shape == expected.shape
    assert expected.max() > 0
    assert (ours - expected).abs().max() <= 1e-9 * expected.max()


def test_a_batch_equals_its_images_and_classes_one_by_one() -> None:
    model, images = vit(), photographs()
    together = relevance(model, images, CLASSES)
    assert together.shape == (2, 3, 4, 4)
    for row in range(2):
        for image in range(3):
            one = slice(image, image + 1)
            alone = relevance(model, images[one], CLASSES[row : row + 1, one])
            assert_same_cue(together[row, image], alone[0, 0])


def test_cues_are_positive_and_differ_between_classes() -> None:
    cue = relevance(vit(), photographs(), CLASSES)
    assert cue.min() >= 0
    assert not torch.allclose(cue[0, 0], cue[1, 0])
    assert_same_cue(cue[0, 2], cue[1, 2])  # the same class twice


def mirrored(model: VisionTransformer) -> VisionTransformer:
    """The model that sees a mirrored photograph as this one sees the photograph."""
    twin = vit()
    twin.load_state_dict(model.state_dict())
    with torch.no_grad():
        twin.patch_embed.proj.weight.copy_(model.patch_embed.proj.weight.flip(-1))
        grid = model.pos_embed[:, 1:].unflatten(1, model.patch_embed.grid_size)
        twin.pos_embed[:, 1:] = grid.flip(2).flatten(1, 2)
    return twin


def test_the_mirrored_model_gives_the_mirrored_cue() -> None:
    """Blocks treat tokens as a set, so mirroring kernels, positions and image mirrors the cue.

    For a fixed model no such equality holds: its kernels and positions are not symmetric.
    """
    model, images = vit(), photographs()
    cue = relevance(mirrored(model), images.flip(-1), CLASSES)
    assert_same_cue(cue, relevance(model, images, CLASSES).flip(-1))
    assert not torch.allclose(cue, cue.flip(-1))


def test_relevance_is_conserved_down_the_blocks() -> None:
    """The head starts with 1 per class, and every step keeps the sum up to the 1e-9 shifts."""
    trace = record(vit(), photographs())
    r = propagate.from_head(trace, CLASSES, rules.RELEVANCE)
    assert_total(r, 1)
    for block in reversed(trace.blocks):
        shares = propagate.to_attention(block, r, rules.RELEVANCE)
        skip, attention, value = (part.flatten(2).sum(-1) for part in shares)
        torch.testing.assert_close(attention, value, rtol=0, atol=1e-6)  # half each
        assert_total(skip + attention + value, 1)
        r = propagate.to_tokens(block, shares, rules.RELEVANCE)
        assert_total(r, 1)


def assert_total(r: Tensor, total: float) -> None:
    sums = r.flatten(2).sum(-1) if r.ndim > 2 else r
    torch.testing.assert_close(sums, torch.full_like(sums, total), rtol=0, atol=1e-6)


def test_lrp_rules_double_where_relevance_rules_conserve() -> None:
    trace = record(vit(), photographs())
    one = propagate.from_head(trace, CLASSES, rules.RELEVANCE).sum((-2, -1))
    two = propagate.from_head(trace, CLASSES, rules.LRP).sum((-2, -1))
    torch.testing.assert_close(two, 2 * one, rtol=0, atol=1e-6)


def test_the_safe_quotient_drops_zeros_and_never_divides_by_zero() -> None:
    z = torch.tensor([0.0, -1e-9, 2.0, -2.0], dtype=torch.float64)
    expected = torch.tensor([0.0, 1e9, 0.5, -0.5], dtype=torch.float64)
    torch.testing.assert_close(rules.reciprocal(z), expected, rtol=1e-8, atol=0)


def test_a_weight_changed_in_place_changes_the_cue() -> None:
    model, images = vit(), photographs()
    before = relevance(model, images, CLASSES)
    model.blocks[1].mlp.fc1.weight.data.neg_()
    after = relevance(model, images, CLASSES)
    twin = vit()
    twin.load_state_dict(model.state_dict())
    assert not torch.allclose(before, after)
    assert torch.equal(after, relevance(twin, images, CLASSES))


def test_grids_follow_the_input_size() -> None:
    model = vit()
    model.set_input_size(img_size=(24, 40))
    assert relevance(model, photographs(1, 24, 40), CLASSES[:, :1]).shape == (2, 1, 3, 5)
    dynamic = vit(dynamic_img_size=True)
    wide = relevance(dynamic, photographs(1, 16, 48), CLASSES[:, :1])
    assert wide.shape == (2, 1, 2, 6)
    dynamic.set_input_size(img_size=(16, 48))
    assert_same_cue(relevance(dynamic, photographs(1, 16, 48), CLASSES[:, :1]), wide)


def composed_hybrid() -> VisionTransformer:
    stem = timm.create_model("resnet10t", features_only=True, out_indices=(2,))
    return vit(patch_size=1, embed_layer=partial(HybridEmbed, backbone=stem))


@pytest.mark.parametrize("make", [vit, composed_hybrid])
def test_the_model_is_left_as_it_was_found(make: Callable[[], VisionTransformer]) -> None:
    model = make().train()
    model.head.weight.requires_grad_(False)
    model.blocks[0].attn.fused_attn = False
    model.blocks[1].eval()
    model.set_grad_checkpointing()
    before = state(model)
    with torch.no_grad():
        first = relevance(model, photographs(), CLASSES)
    assert state(model) == before
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(first, relevance(model.eval(), photographs(), CLASSES))
    assert not first.requires_grad


def test_the_model_is_left_as_it_was_found_after_a_failure() -> None:
    model = vit().train()
    before = state(model)
    with pytest.raises(AssertionError):
        record(model, photographs(1, 16, 16))
    assert state(model) == before


def state(model: VisionTransformer) -> list[object]:
    """Everything a recording touches on its way: modes, hooks, flags, buffers' sums."""
    modules = list(model.modules())
    hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in modules]
    assert sum(map(sum, hooks)) == 0
    return [
        [module.training for module in modules],
        [parameter.requires_grad for parameter in model.parameters()],
        [block.attn.fused_attn for block in model.blocks],
        [value.double().sum().item() for value in model.state_dict().values()],
        model.grad_checkpointing,
    ]


def test_recording_leaves_the_logits_as_they_are() -> None:
    """Also where the last block goes on with the class token alone."""
    model, images = vit(reg_tokens=2, init_values=0.5), photographs()
    for first in (0, 2, None):
        logits = record(model, images, first).logits
        torch.testing.assert_close(logits, model(images), rtol=1e-12, atol=1e-12)


def test_start_layer_needs_no_graph_below_itself() -> None:
    images = photographs().requires_grad_()
    trace = record(vit(), images, first=2)
    assert len(trace.blocks) == len(trace.maps) == 1
    assert nodes(trace.logits.grad_fn) < nodes(record(vit(), images).logits.grad_fn) / 2


def nodes(function: torch.autograd.graph.Node | None) -> int:
    """Operations in a graph, each once; a parameter that wants a gradient would be among them."""
    seen, waiting, leaves = set(), [function], 0
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            leaves += node.name() == "torch::autograd::AccumulateGrad"
            waiting += [before for before, _ in node.next_functions]
    assert leaves == 1  # the input of the first recorded block
    return len(seen)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: timm.create_model("swin_tiny_patch4_window7_224"), "SwinTransformer"),
        (lambda: nn.Linear(2, 2), "Linear"),
        (lambda: VisionTransformerDistilled(**SMALL), "VisionTransformerDistilled"),
        (lambda: vit(global_pool="avg"), "pools by 'avg'"),
        (lambda: vit(global_pool="map"), "pools by 'map'"),
        (lambda: vit(global_pool=""), "pools by 'nothing'"),
        (lambda: vit(num_classes=0), "no linear head"),
        (lambda: vit(block_fn=ResPostBlock), "block 0 is a ResPostBlock"),
        (lambda: vit(block_fn=ParallelScalingBlock), "block 0 is a ParallelScalingBlock"),
        (lambda: vit(mlp_layer=GluMlp), "GluMlp"),
        (lambda: vit(attn_layer="diff"), "DiffAttention"),
        (lambda: gated(vit()), "block 1 gates its attention"),
    ],
)
def test_other_models_are_refused_by_name(make: Callable[[], nn.Module], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        check_supported(make())


def gated(model: VisionTransformer) -> VisionTransformer:
    model.blocks[1].attn.gate = nn.Linear(24, 24)
    return model


def test_hybrids_of_timm_are_supported() -> None:
    check_supported(timm.create_model("vit_tiny_r_s16_p8_224", num_classes=3))


@pytest.mark.parametrize("label", [-1, 4])
def test_a_class_the_model_lacks_is_refused(label: int) -> None:
    with pytest.raises(InputError, match=f"no class {label}: give classes 0 to 3"):
        relevance(vit(), photographs(), torch.full((1, 3), label))


def test_classes_must_fit_the_images() -> None:
    with pytest.raises(ValueError, match=r"\(K, 3\), not \(2, 1\)"):
        relevance(vit(), photographs(), CLASSES[:, :1])


@pytest.mark.parametrize("layer", [-1, 3])
def test_a_start_layer_the_model_lacks_is_refused(layer: int) -> None:
    with pytest.raises(InputError, match=f"start_layer {layer} is not a block .* 0 to 2"):
        relevance(vit(), photographs(), CLASSES, start_layer=layer)
