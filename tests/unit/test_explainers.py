"""What must hold of every explainer in the registry, and of chance, GradCAM and LRP alone."""

import gc
from functools import partial

import pytest
import timm
import torch
from timm.layers import HybridEmbed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from cuewalk.errors import InputError
from cuewalk.explain.lrp import _to_pixels
from cuewalk.explain.registry import MODULES, explainer
from cuewalk.explain.trace import record

torch.set_num_threads(1)
METHODS = {name: explainer(name, module) for name, module in MODULES.items()}
CLASSES = torch.tensor([[0, 2, 1], [3, 1, 0]])
PREFIX = 3  # a class token and two registers
BY_CLASS = {"relevance", "gradcam", "partial_lrp", "lrp", "random"}
SYMMETRIC = [name for name in METHODS if name != "random"]


def vit(**changes: object) -> VisionTransformer:
    torch.manual_seed(11)
    size = {"img_size": (24, 40), "patch_size": 8, "embed_dim": 24, "depth": 3, "num_heads": 3}
    model = VisionTransformer(**{**size, "num_classes": 4, "reg_tokens": 2, **changes})
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.double().eval()


def hybrid() -> VisionTransformer:
    stem = timm.create_model("resnet10t", features_only=True, out_indices=(2,))
    return vit(patch_size=1, embed_layer=partial(HybridEmbed, backbone=stem))


def photographs(height: int = 24, width: int = 40) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(3, 3, height, width, dtype=torch.float64, generator=generator)


def assert_same_maps(ours: Tensor, expected: Tensor) -> None:
    assert ours.shape == expected.shape
    assert (ours - expected).abs().max() <= 1e-9 * expected.abs().max()


@pytest.mark.parametrize("name", METHODS)
def test_shape_and_dtype(name: str) -> None:
    size = (24, 40) if name == "lrp" else (3, 5)
    double = METHODS[name](vit(), photographs(), CLASSES)
    single = METHODS[name](vit().float(), photographs().float(), CLASSES)
    assert double.shape == single.shape == (2, 3, *size)
    assert (double.dtype, single.dtype) == (torch.float64, torch.float32)
    assert double.isfinite().all()
    assert single.isfinite().all()
    if name != "lrp":
        assert double.min() >= 0


@pytest.mark.parametrize("name", METHODS)
def test_a_batch_equals_its_images_and_classes_one_by_one(name: str) -> None:
    together = METHODS[name](vit(), photographs(), CLASSES)
    for row in range(2):
        for image in range(3):
            one = slice(image, image + 1)
            alone = METHODS[name](vit(), photographs()[one], CLASSES[row : row + 1, one])
            assert_same_maps(together[row, image], alone[0, 0])


@pytest.mark.parametrize("name", METHODS)
def test_maps_depend_on_the_class_where_the_method_does(name: str) -> None:
    maps = METHODS[name](vit(), photographs(), CLASSES)
    same = torch.allclose(maps[0], maps[1], rtol=1e-4, atol=0)
    assert same == (name not in BY_CLASS)


@pytest.mark.parametrize("name", SYMMETRIC)
def test_the_mirrored_model_gives_the_mirrored_map(name: str) -> None:
    model, mirrored = vit(), vit()
    with torch.no_grad():
        mirrored.patch_embed.proj.weight.copy_(model.patch_embed.proj.weight.flip(-1))
        grid = model.pos_embed[:, PREFIX:].unflatten(1, (3, 5))
        mirrored.pos_embed[:, PREFIX:] = grid.flip(2).flatten(1, 2)
    maps = METHODS[name](mirrored, photographs().flip(-1), CLASSES)
    assert_same_maps(maps, METHODS[name](model, photographs(), CLASSES).flip(-1))
    assert not torch.allclose(maps, maps.flip(-1), rtol=1e-3)


@pytest.mark.parametrize("name", METHODS)
def test_hybrids_are_explained_except_by_lrp(name: str) -> None:
    if name == "lrp":
        with pytest.raises(InputError, match="no rule for this model's stem, a HybridEmbed"):
            METHODS[name](hybrid(), photographs(), CLASSES)
    else:
        assert METHODS[name](hybrid(), photographs(), CLASSES).shape == (2, 3, 3, 5)


@pytest.mark.parametrize("name", METHODS)
def test_unsupported_models_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="pools by 'avg'"):
        METHODS[name](vit(global_pool="avg"), photographs(), CLASSES)


@pytest.mark.parametrize("name", SYMMETRIC)
def test_classes_that_the_model_lacks_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="no class 4"):
        METHODS[name](vit(), photographs(), CLASSES + 1)


@pytest.mark.parametrize("name", METHODS)
def test_no_tensor_and_no_hook_is_left_behind(name: str) -> None:
    model, images = vit(), photographs()
    METHODS[name](model, images, CLASSES)
    gc.collect()
    gc.disable()  # what only a collection would free counts as left behind
    try:
        before = living_tensors()
        for _ in range(3):
            METHODS[name](model, images, CLASSES)
        assert living_tensors() == before
    finally:
        gc.enable()
    for module in model.modules():
        assert not (module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)


def living_tensors() -> int:
    return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())


def test_attention_baselines_token_by_token() -> None:
    """Raw attention, GradCAM and rollout in plain loops, registers left out of every mean."""
    trace = record(vit(), photographs())
    attention = [block.attention for block in trace.blocks]  # each (B, h, N, N)
    slopes = trace.gradients(CLASSES)[-1]
    tokens, heads = attention[0].shape[-1], attention[0].shape[1]
    patches = range(PREFIX, tokens)
    for image in range(3):
        last = attention[-1][image]
        raw = [sum(last[h, 0, t] for h in range(heads)) / heads for t in patches]
        assert_same_maps(
            METHODS["raw_attention"](vit(), photographs(), CLASSES)[1, image], grid(raw)
        )

        slope = slopes[1, image]
        weights = [sum(slope[h, 0, t] for t in patches) / len(patches) for h in range(heads)]
        cam = [sum(weights[h] * last[h, 0, t] for h in range(heads)) / heads for t in patches]
        cam = [value.clamp(min=0) for value in cam]
        assert_same_maps(METHODS["gradcam"](vit(), photographs(), CLASSES)[1, image], grid(cam))

        product = torch.eye(tokens, dtype=torch.float64)
        for maps in attention[1:]:
            # Rows of A sum to 1, so those of A + I sum to 2.
            product = (maps[image].mean(0) + torch.eye(tokens)) / 2 @ product
        rolled = METHODS["rollout"](vit(), photographs(), CLASSES, start_layer=1)[1, image]
        assert_same_maps(rolled, product[0, PREFIX:].reshape(3, 5))


def grid(values: list[Tensor]) -> Tensor:
    return torch.stack(values).reshape(3, 5)


def test_chance_follows_seed_class_and_image_only() -> None:
    random = METHODS["random"]
    maps = random(vit(), photographs(), CLASSES)
    assert torch.equal(maps, random(vit(depth=1), photographs(), CLASSES))
    assert torch.equal(maps[0, 1], random(vit(), photographs()[1:], CLASSES[:1, 1:])[0, 0])
    different = [
        maps[0, 0],
        maps[0, 1],
        maps[1, 0],
        random(vit(), photographs(), CLASSES, seed=1)[0, 0],
    ]
    for index, one in enumerate(different):
        for other in different[:index]:
            assert (one != other).any()
    many = random(vit(), photographs(), torch.arange(200)[:, None].expand(200, 3))
    assert many.max() < 1
    assert abs(many.mean() - 0.5) < 0.02


def test_chance_follows_dynamic_sizes() -> None:
    model = vit(dynamic_img_size=True)
    assert METHODS["random"](model, photographs(16, 48), CLASSES).shape == (2, 3, 2, 6)


def test_pixels_seen_by_no_patch_get_no_relevance() -> None:
    """27 x 44 pixels in patches of 8 leave a margin of 3 rows and 4 columns."""
    model = vit(img_size=(27, 44))
    images = photographs(27, 44).clamp(-1, 1)  # so that cropping keeps the extremes
    maps = METHODS["lrp"](model, images, CLASSES)
    assert maps.shape == (2, 3, 27, 44)
    assert not maps[..., 24:, :].any()
    assert not maps[..., 40:].any()
    assert_same_maps(maps[..., :24, :40], METHODS["lrp"](vit(), images[..., :24, :40], CLASSES))


def test_pixels_conserve_the_relevance_of_their_patch() -> None:
    images = photographs()
    r = torch.randn(2, 3, 24, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    pixels = _to_pixels(vit().patch_embed.proj, images, r)
    per_patch = pixels.unfold(-2, 8, 8).unfold(-2, 8, 8).sum((-2, -1))
    torch.testing.assert_close(per_patch, r.sum(2), rtol=0, atol=1e-6)


def test_a_stem_that_pads_has_no_lrp() -> None:
    model = vit(dynamic_img_size=True, dynamic_img_pad=True)
    with pytest.raises(InputError, match="PatchEmbed with a CNN or padding"):
        METHODS["lrp"](model, photographs(), CLASSES)
