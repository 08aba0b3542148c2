"""Every explainer against the reference implementation, in float64, to 1e-9 of each map's range.

data/tiny3_model.npz holds the weights and images of a 3-block ViT; data/relevance.npz the
reference's results, its bulky ones for image 1 and classes 0 and 3 only.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from cuewalk.explain.registry import MODULES, explainer
from cuewalk.explain.relevance import attention_relevance, relevance
from cuewalk.explain.trace import Trace, record

DATA = Path(__file__).parent / "data"
GOLDEN = np.load(DATA / "relevance.npz")
TOLERANCE = 1e-9
IMAGE, CLASSES = 1, [0, 3]  # of the bulky results
LRP_EPS, TIMM_EPS = 1e-5, 1e-6  # the final norm's eps differs between the reference's two models

torch.set_num_threads(1)
METHODS = {name: explainer(name, module) for name, module in MODULES.items()}


def tiny(eps: float) -> tuple[VisionTransformer, torch.Tensor, torch.Tensor]:
    """The golden model, its 3 images, and all 5 classes for each of them."""
    saved = np.load(DATA / "tiny3_model.npz")
    model = VisionTransformer(
        img_size=64, patch_size=16, embed_dim=48, depth=3, num_heads=3, num_classes=5
    )
    weights = {key[3:]: torch.from_numpy(saved[key]) for key in saved.files if key[:3] == "sd/"}
    model.load_state_dict(weights)
    model.norm.eps = eps
    images = torch.from_numpy(saved["images"])
    return model.double().eval(), images.double(), torch.arange(5)[:, None].expand(5, 3)


def assert_same_maps(ours: torch.Tensor, golden: np.ndarray) -> None:
    """Compare maps (..., h, w), each to the tolerance times its own range."""
    assert tuple(ours.shape) == golden.shape
    reach = np.ptp(golden, axis=(-2, -1))
    worst = np.abs(ours.numpy() - golden).max((-2, -1))
    assert (reach > 0).all()
    assert (worst <= TOLERANCE * reach).all(), (worst / reach).max()


@pytest.fixture(scope="module")
def trace() -> Trace:
    model, images, _ = tiny(LRP_EPS)
    return record(model, images)


@pytest.mark.parametrize("start_layer", [0, 1])
def test_cue(start_layer: int) -> None:
    cue = relevance(*tiny(LRP_EPS), start_layer=start_layer)
    golden = GOLDEN[f"transformer_attribution_start{start_layer}"]
    assert_same_maps(cue.transpose(0, 1), golden)


def test_logits(trace: Trace) -> None:
    np.testing.assert_allclose(
        trace.logits.detach().numpy(), GOLDEN["logits_lrp_model"], rtol=0, atol=1e-12
    )


def test_attention_gradients(trace: Trace) -> None:
    classes = tiny(LRP_EPS)[2]
    for block, gradient in enumerate(trace.gradients(classes)):
        golden = GOLDEN["attn_gradient"][:, block]
        assert_same_maps(gradient[CLASSES, IMAGE], golden)


def test_attention_relevance(trace: Trace) -> None:
    classes = tiny(LRP_EPS)[2]
    for block, ours in zip((2, 1, 0), attention_relevance(trace, classes), strict=True):
        golden = GOLDEN["attn_relevance"][:, block]
        rows = ours.shape[-2]
        # In the last block only the class token's query carries relevance: we skip the rest.
        assert rows == (1 if block == 2 else 17)
        assert not golden[..., rows:, :].any()
        assert_same_maps(ours[CLASSES, IMAGE], golden[..., :rows, :])


def test_partial_lrp() -> None:
    maps = METHODS["partial_lrp"](*tiny(LRP_EPS))
    assert_same_maps(maps.transpose(0, 1), GOLDEN["partial_lrp"])


def test_lrp() -> None:
    maps = METHODS["lrp"](*tiny(LRP_EPS))
    assert_same_maps(maps[CLASSES, IMAGE], GOLDEN["full_lrp"])


@pytest.mark.parametrize(
    ("name", "options", "golden"),
    [
        ("raw_attention", {}, "raw_attention"),
        ("rollout", {}, "rollout_start0"),
        ("rollout", {"start_layer": 1}, "rollout_start1"),
    ],
)
def test_maps_without_class(name: str, options: dict[str, int], golden: str) -> None:
    maps = METHODS[name](*tiny(TIMM_EPS), **options)
    for of_class in maps:
        assert_same_maps(of_class, GOLDEN[golden])


def test_gradcam() -> None:
    maps = METHODS["gradcam"](*tiny(TIMM_EPS)).transpose(0, 1)
    golden, scaled = GOLDEN["attn_gradcam_unnormalised"], GOLDEN["attn_gradcam"]
    empty = np.isnan(scaled).all((-2, -1))  # 0 / 0 in the reference
    assert 0 < empty.sum() < empty.size
    assert not maps[empty].any()
    assert_same_maps(maps[~empty], golden[~empty])
    low, high = maps[~empty].amin((1, 2), keepdim=True), maps[~empty].amax((1, 2), keepdim=True)
    assert_same_maps((maps[~empty] - low) / (high - low), scaled[~empty])
