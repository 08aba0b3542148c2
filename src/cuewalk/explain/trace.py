"""One recorded forward pass: what every explainer of the paper (section 4.2 and tables 2, 3) needs.

Hooks on an unmodified timm model keep the values that pass by; they exist only during the call.
The trace keeps the graph above its first block, so that the gradient of any class with respect to
the attention maps can be asked for afterwards, as often as there are classes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cuewalk.errors import InputError
from cuewalk.explain.support import check_supported
from cuewalk.products import OneDnnLinear
from cuewalk.vision import Attention, Block, Mlp, VisionTransformer


@dataclass(frozen=True, eq=False)
class LinearTrace:
    """One Linear layer's forward values, detached, and its parameters."""

    x: Tensor  # (B, N, in)
    y: Tensor  # (B, N, out) with the bias
    weight: Tensor  # (out, in)
    bias: Tensor  # (out,), or a single 0
    scratch: Tensor  # memory for a weight, shared by all layers of the trace

    def magnitude(self) -> Tensor:
        """|weight|, (out, in), until the next layer asks for its own.

        Memory of its own for each layer would cost a CPU several times the computation.
        """
        out = self.scratch[: self.weight.numel()].view_as(self.weight)
        return torch.abs(self.weight, out=out)


@dataclass(frozen=True, eq=False)
class BlockTrace:
    """One block's forward values, detached. B images, N tokens, D channels, h heads of d channels.

    With the names of the method: x1 = tokens + attended and x2 = x1 + transformed. Past the
    attention there are n tokens: N, but in the last block 1, the class token.
    """

    tokens: Tensor  # (B, N, D) the block's input
    attended: Tensor  # (B, n, D) the attention branch as it is added, after LayerScale
    transformed: Tensor  # (B, n, D) the MLP branch as it is added, after LayerScale
    q: Tensor  # (B, h, N, d) after its norm, not scaled
    k: Tensor  # (B, h, N, d) after its norm
    v: Tensor  # (B, h, N, d)
    attention: Tensor  # (B, h, N, N) after softmax
    mixed: Tensor  # (B, h, N, d) attention @ v
    qkv: LinearTrace
    proj: LinearTrace
    fc1: LinearTrace
    fc2: LinearTrace


@dataclass(frozen=True, eq=False)
class Trace:
    """One forward pass of a batch of B images, recorded from some block to the last.

    Attributes:
        blocks: The recorded blocks, lowest first.
        maps: Their attention maps (B, h, N, N), still in the graph.
        logits: (B, C), still in the graph.
        head: The classification head; its input is the normed class token, (B, D).
        patches: (B, gh * gw, D) patch embeddings before the position embedding.
        embedded: (B, N, D) tokens after the position embedding.
        prefix: How many tokens (class and registers) precede the patches.
        grid: (gh, gw), rows and columns of the token grid.
    """

    blocks: list[BlockTrace]
    maps: list[Tensor]
    logits: Tensor
    head: LinearTrace
    patches: Tensor
    embedded: Tensor
    prefix: int
    grid: tuple[int, int]

    def gradients(self, classes: Tensor) -> list[Tensor]:
        """Gradient of each class's logit with respect to every recorded attention map.

        Args:
            classes: (K, B) int64, K classes for each of the B images.

        Returns:
            One tensor (K, B, h, N, N) per recorded block, lowest first.

        Raises:
            InputError: A class is not one of the model's outputs.
        """
        self.check_classes(classes)
        rows = []
        for row in classes:
            # Images do not mix in eval mode, so one pass gives every image its own gradient.
            chosen = F.one_hot(row, self.logits.shape[1]).to(self.logits)
            rows.append(torch.autograd.grad(self.logits, self.maps, chosen, retain_graph=True))
        return [torch.stack(per_block) for per_block in zip(*rows, strict=True)]

    def check_classes(self, classes: Tensor) -> None:
        """Refuse classes (K, B) that do not fit the logits (B, C).

        Raises:
            ValueError: The shape is not (K, B) with K >= 1.
            InputError: A class is not one of the model's outputs.
        """
        images, outputs = self.logits.shape
        if classes.ndim != 2 or not len(classes) or classes.shape[1] != images:
            raise ValueError(f"classes must be (K, {images}), not {tuple(classes.shape)}")
        outside = classes[(classes < 0) | (classes >= outputs)]
        if len(outside):
            raise InputError(
                f"The model has no class {int(outside[0])}: give classes 0 to {outputs - 1}."
            )

    def to_grid(self, row: Tensor) -> Tensor:
        """Lay the patch part of a row over all tokens (..., N) out as (..., gh, gw)."""
        return torch.unflatten(row[..., self.prefix :], -1, self.grid)


def record(model: nn.Module, images: Tensor, first: int | None = 0) -> Trace:
    """Run the model once and keep what the explainers need, from block `first` upwards.

    The model is left as it was found: modes, fused attention and gradient flags are restored, the
    hooks are gone, and no parameter receives a gradient.

    Args:
        model: A model that `check_supported` accepts.
        images: (B, 3, H, W), normalised, of the model's dtype and on its device.
        first: Index of the lowest block to record; None records the last block alone.

    Returns:
        The trace; it holds the graph of the recorded blocks until it is dropped.

    Raises:
        InputError: The model is not supported, or has no block `first`.
    """
    check_supported(model)
    assert isinstance(model, VisionTransformer)
    blocks = _blocks_from(model, first)
    quiet, listening = _quiet(model, blocks), _listening(model, blocks)
    with quiet, listening as seen, torch.enable_grad(), OneDnnLinear():
        logits = model(images)
    linears = [module for module in seen.inputs if isinstance(module, nn.Linear)]
    scratch = logits.new_empty(max(layer.weight.numel() for layer in linears))
    patches = seen.outputs[model.patch_embed].detach()
    # With dynamic sizes timm keeps the patches as a map, and its grid_size is not this batch's.
    height, width = patches.shape[1:3] if patches.ndim == 4 else model.patch_embed.grid_size
    return Trace(
        blocks=[_block_trace(block, seen, scratch) for block in blocks],
        maps=[seen.outputs[_attention(block).attn_drop] for block in blocks],
        logits=logits,
        head=_linear_trace(model.head, seen, scratch),
        patches=patches.flatten(1, -2),
        embedded=seen.inputs[model.norm_pre].detach(),
        prefix=model.num_prefix_tokens,
        grid=(height, width),
    )


def _blocks_from(model: VisionTransformer, first: int | None) -> list[Block]:
    blocks = [block for block in model.blocks if isinstance(block, Block)]
    if first is None:
        return blocks[-1:]
    if not 0 <= first < len(blocks):
        raise InputError(
            f"start_layer {first} is not a block of this model: give 0 to {len(blocks) - 1}."
        )
    return blocks[first:]


class _Seen:
    """First input and output of every module listened to."""

    def __init__(self) -> None:
        self.inputs: dict[nn.Module, Tensor] = {}
        self.outputs: dict[nn.Module, Tensor] = {}

    def keep(self, module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        self.inputs[module] = args[0]
        self.outputs[module] = output


@contextmanager
def _listening(model: VisionTransformer, blocks: list[Block]) -> Iterator[_Seen]:
    """Hooks that live as long as this context."""
    seen = _Seen()
    modules = [model.patch_embed, model.norm_pre, model.head]
    for block in blocks:
        attn, mlp = _attention(block), _mlp(block)
        modules += [block, block.drop_path1, block.drop_path2, mlp.fc1, mlp.fc2]
        modules += [attn.qkv, attn.q_norm, attn.k_norm, attn.attn_drop, attn.norm, attn.proj]
    hooks = [module.register_forward_hook(seen.keep) for module in modules]
    hooks.append(blocks[0].register_forward_pre_hook(_start_graph))
    try:
        with class_token_alone(model):
            yield seen
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def class_token_alone(model: VisionTransformer) -> Iterator[None]:
    """Spare a model that `check_supported` accepts what no logit depends on; undone on leaving.

    Only the class token leaves the last block, so only it passes the block's projection and MLP.
    The sums around them spread it over the other tokens' rows, which nothing reads any more.
    """
    last = _blocks_from(model, None)[0]
    cut = (_attention(last).proj, last.norm2)
    hooks = [module.register_forward_pre_hook(_class_token) for module in cut]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _start_graph(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Make a block's input the leaf of the graph: nothing below it needs a gradient."""
    return (args[0].detach().requires_grad_(), *args[1:])


def _class_token(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Go on with the first of the tokens (B, N, D) alone."""
    return (args[0][:, :1], *args[1:])


@contextmanager
def _quiet(model: VisionTransformer, blocks: list[Block]) -> Iterator[None]:
    """Eval mode, frozen parameters, visible attention; all as it was before on leaving."""
    modes = [(module, module.training) for module in model.modules()]
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    fused = [(_attention(block), _attention(block).fused_attn) for block in blocks]
    checkpointing = model.grad_checkpointing
    try:
        model.eval().requires_grad_(False)
        # Checkpointing would run every block twice, the second time without our leaf.
        model.grad_checkpointing = False
        for attn, _ in fused:
            attn.fused_attn = False  # type: ignore[misc]  # Final for TorchScript only
        yield
    finally:
        model.grad_checkpointing = checkpointing
        for attn, was_fused in fused:
            attn.fused_attn = was_fused  # type: ignore[misc]
        for parameter, needed in flags:
            parameter.requires_grad_(needed)
        for module, training in modes:
            module.training = training


def _attention(block: Block) -> Attention:
    assert isinstance(block.attn, Attention)
    return block.attn


def _mlp(block: Block) -> Mlp:
    assert isinstance(block.mlp, Mlp)
    return block.mlp


def _linear_trace(layer: nn.Module, seen: _Seen, scratch: Tensor) -> LinearTrace:
    assert isinstance(layer, nn.Linear)
    weight = layer.weight.detach()
    bias = weight.new_zeros(1) if layer.bias is None else layer.bias.detach()
    return LinearTrace(
        seen.inputs[layer].detach(), seen.outputs[layer].detach(), weight, bias, scratch
    )


def _block_trace(block: Block, seen: _Seen, scratch: Tensor) -> BlockTrace:
    attn, mlp = _attention(block), _mlp(block)
    heads = (attn.num_heads, attn.head_dim)
    v = torch.unflatten(seen.outputs[attn.qkv].detach(), -1, (3, *heads))[..., 2, :, :]
    mixed = torch.unflatten(seen.inputs[attn.norm].detach(), -1, heads)
    return BlockTrace(
        tokens=seen.inputs[block].detach(),
        attended=seen.outputs[block.drop_path1].detach(),
        transformed=seen.outputs[block.drop_path2].detach(),
        q=seen.outputs[attn.q_norm].detach(),
        k=seen.outputs[attn.k_norm].detach(),
        v=v.transpose(1, 2),
        attention=seen.outputs[attn.attn_drop].detach(),
        mixed=mixed.transpose(1, 2),
        qkv=_linear_trace(attn.qkv, seen, scratch),
        proj=_linear_trace(attn.proj, seen, scratch),
        fc1=_linear_trace(mlp.fc1, seen, scratch),
        fc2=_linear_trace(mlp.fc2, seen, scratch),
    )
