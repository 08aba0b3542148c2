"""Relevance against a second derivation, written from the method's table and nothing else.

One image and one class at a time; own forward pass from the model's parameters; every rule as the
vector-Jacobian product x * d<S, f(x)>/dx with the literal safe quotient; full N x N rollout.
"""

from collections.abc import Callable
from functools import partial

import pytest
import timm
import torch
from timm.layers import HybridEmbed
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor

from cuewalk.explain.relevance import relevance

torch.set_num_threads(1)


def quotient(a: Tensor, z: Tensor) -> Tensor:
    shifted = z.clamp(min=1e-9) + z.clamp(max=1e-9)
    shifted = torch.where(shifted == 0, torch.full_like(z, 1e-9), shifted)
    return torch.where(z == 0, torch.zeros_like(z), a / shifted)


def shares(f: Callable[..., Tensor], r: Tensor, *inputs: Tensor) -> list[Tensor]:
    """Each input times the gradient of <r / f, f> with respect to it."""
    leaves = [x.detach().requires_grad_() for x in inputs]
    z = f(*leaves)
    slopes = torch.autograd.grad(z, leaves, quotient(r, z.detach()))
    return [x * slope for x, slope in zip(inputs, slopes, strict=True)]


def linear_rule(x: Tensor, w: Tensor, r: Tensor) -> Tensor:
    def positive_part(up: Tensor, down: Tensor) -> Tensor:
        return up @ w.clamp(min=0).T + down @ w.clamp(max=0).T

    return sum(shares(positive_part, r, x.clamp(min=0), x.clamp(max=0)))


def add_rule(u: Tensor, v: Tensor, r: Tensor) -> list[Tensor]:
    parts = shares(torch.add, r, u, v)
    sums = [part.sum() for part in parts]
    whole = sums[0].abs() + sums[1].abs()
    return [
        part * quotient(quotient(total.abs(), whole) * r.sum(), total)
        for part, total in zip(parts, sums, strict=True)
    ]


def clone_rule(x: Tensor, *parts: Tensor) -> Tensor:
    return x * sum(quotient(part, x) for part in parts)


def forward_block(block: Block, x0: Tensor) -> dict[str, Tensor]:
    """One block on tokens (N, D), every intermediate value by name."""
    n, heads = len(x0), block.attn.num_heads
    t = {"x0": x0, "qkv_in": block.norm1(x0)}
    q, k, t["v"] = block.attn.qkv(t["qkv_in"]).reshape(n, 3, heads, -1).permute(1, 2, 0, 3)
    t["q"], t["k"] = block.attn.q_norm(q), block.attn.k_norm(k)
    t["A"] = (t["q"] @ t["k"].mT / t["q"].shape[-1] ** 0.5).softmax(-1)
    t["proj_in"] = block.attn.norm((t["A"] @ t["v"]).transpose(0, 1).reshape(n, -1))
    t["branch1"] = block.ls1(block.attn.proj(t["proj_in"]))
    t["x1"] = x0 + t["branch1"]
    t["fc1_in"] = block.norm2(t["x1"])
    t["fc2_in"] = block.mlp.norm(block.mlp.act(block.mlp.fc1(t["fc1_in"])))
    t["branch2"] = block.ls2(block.mlp.fc2(t["fc2_in"]))
    t["x2"] = t["x1"] + t["branch2"]
    return t


def block_rule(block: Block, t: dict[str, Tensor], r: Tensor) -> tuple[Tensor, Tensor]:
    """Relevance of a block's output -> that of its attention map and of its input."""
    n, heads = len(r), block.attn.num_heads
    skip, branch = add_rule(t["x1"], t["branch2"], r)
    branch = linear_rule(t["fc2_in"], block.mlp.fc2.weight, branch)
    branch = linear_rule(t["fc1_in"], block.mlp.fc1.weight, branch)
    r = clone_rule(t["x1"], skip, branch)
    skip, branch = add_rule(t["x0"], t["branch1"], r)
    branch = linear_rule(t["proj_in"], block.attn.proj.weight, branch)
    branch = branch.reshape(n, heads, -1).transpose(0, 1)
    on_map, on_v = (part / 2 for part in shares(torch.matmul, branch, t["A"], t["v"]))
    on_q, on_k = (
        part / 2 for part in shares(lambda q, k: q @ k.transpose(-2, -1), on_map, t["q"], t["k"])
    )
    branch = torch.stack([on_q, on_k, on_v]).permute(2, 0, 1, 3).reshape(n, -1)
    branch = linear_rule(t["qkv_in"], block.attn.qkv.weight, branch)
    return on_map, clone_rule(t["x0"], skip, branch)


def literal(model: VisionTransformer, image: Tensor, label: int, start_layer: int) -> Tensor:
    """The cue (gh, gw) of one class in one image (3, H, W)."""
    x = model.norm_pre(model._pos_embed(model.patch_embed(image[None])))[0]
    values = []
    for block in model.blocks:
        values.append(forward_block(block, x))
        x = values[-1]["x2"]
    pooled = model.fc_norm(model.norm(x)[0])
    logit = model.head(pooled)[label]
    slopes = torch.autograd.grad(logit, [t["A"] for t in values])

    values = [{name: value.detach() for name, value in t.items()} for t in values]
    chosen = torch.zeros(model.num_classes, dtype=x.dtype)
    chosen[label] = 1
    r = torch.zeros_like(x)
    pooled = pooled.detach()
    r[0] = clone_rule(pooled, linear_rule(pooled, model.head.weight, chosen))
    c = torch.eye(len(x), dtype=x.dtype)
    for index in range(len(values) - 1, start_layer - 1, -1):
        on_map, r = block_rule(model.blocks[index], values[index], r)
        c = c + c @ (slopes[index] * on_map).clamp(min=0).mean(0)
    return c[0, model.num_prefix_tokens :].reshape(model.patch_embed.grid_size)


def awaken(model: torch.nn.Module) -> torch.nn.Module:
    """Random values in place of every constant initialisation, norms' statistics included."""
    generator = torch.Generator().manual_seed(7)
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            noise = torch.randn(value.shape, generator=generator)
            value.copy_(1 + 0.3 * noise.abs() if "var" in name else value + 0.1 * noise)
    return model.double().eval()


SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 3, "num_heads": 3}


def vit(**changes: object) -> VisionTransformer:
    return awaken(VisionTransformer(**{**SMALL, "num_classes": 4, **changes}))


def hybrid() -> VisionTransformer:
    """A composed hybrid: a ResNet's first stages under transformer blocks, stride 8."""
    stem = timm.create_model("resnet10t", features_only=True, out_indices=(2,))
    return vit(img_size=48, patch_size=1, embed_layer=partial(HybridEmbed, backbone=stem))


VARIANTS = {
    "plain": vit,
    "hybrid": hybrid,
    "registers": partial(vit, reg_tokens=3, no_embed_class=True),
    "layer scale": partial(vit, init_values=0.5),
    "query and key norms": partial(vit, qk_norm=True),
    "inner norms": partial(vit, scale_attn_norm=True, scale_mlp_norm=True),
    "rectangle": partial(vit, img_size=(24, 40)),
    "norm before, no biases": partial(vit, pre_norm=True, qkv_bias=False, proj_bias=False),
    "norm after pooling": partial(vit, fc_norm=True),
}


@pytest.mark.parametrize("start_layer", [0, 1])
@pytest.mark.parametrize("variant", VARIANTS)
def test_closed_forms_equal_the_literal_rules(variant: str, start_layer: int) -> None:
    model = VARIANTS[variant]()
    height, width = model.patch_embed.img_size
    generator = torch.Generator().manual_seed(3)
    images = torch.randn(2, 3, height, width, dtype=torch.float64, generator=generator)
    classes = torch.tensor([[0, 2], [3, 1]])
    ours = relevance(model, images, classes, start_layer=start_layer)
    for row in range(2):
        for image in range(2):
            expected = literal(model, images[image], int(classes[row, image]), start_layer)
            assert ours[row, image].shape == expected.shape
            reach = expected.max() - expected.min()
            assert reach > 0
            assert (ours[row, image] - expected).abs().max() <= 1e-9 * reach
