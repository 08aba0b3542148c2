"""Which classifiers can be built, and how a config that names another is refused."""

from typing import Any

import pytest
import timm
import torch
from timm.layers.hybrid_embed import HybridEmbed
from timm.models.vision_transformer import VisionTransformer
from tiny import changed, classifier, snapshot, spec
from torch import nn

from cuewalk.classifier.backbone import build_model, build_stem, stem_of
from cuewalk.errors import InputError

VIT = "vit_tiny_patch16_224"


def test_composed_is_a_plain_vision_transformer_on_a_cut_cnn() -> None:
    model: Any = classifier(5, image_size=64)
    assert type(model) is VisionTransformer
    assert isinstance(model.patch_embed, HybridEmbed)
    # Level 2 of a ResNet has stride 8.
    assert model.patch_embed.grid_size == (8, 8)
    assert model.pos_embed.shape == (1, 1 + 8 * 8, 32)
    assert len(model.blocks) == 2
    assert model.blocks[0].attn.num_heads == 2
    assert model.blocks[0].mlp.fc1.out_features == 64
    assert model(torch.zeros(2, 3, 64, 64)).shape == (2, 5)
    # The levels past the cut are gone.
    assert not [name for name, _ in stem_of(model).named_parameters() if "layer3" in name]


def test_composed_reads_drop_path() -> None:
    model = classifier(transformer={"blocks": 3, "drop_path": 0.2})
    rates = [getattr(block.drop_path1, "drop_prob", 0.0) for block in model.blocks]
    assert rates == pytest.approx([0.0, 0.1, 0.2])


def test_input_size_can_change() -> None:
    model = classifier(image_size=64)
    model.set_input_size((96, 96))
    assert model.patch_embed.grid_size == (12, 12)
    assert model(torch.zeros(1, 3, 96, 96)).shape == (1, 3)


def test_stem_is_the_timm_cnn_up_to_the_cut() -> None:
    stem = build_stem(spec()["stem"], weights=False)
    whole: Any = timm.create_model("resnet10t", **spec()["stem"]["options"])
    whole.load_state_dict(stem.state_dict(), strict=False)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        maps = stem.eval()(images)
        x = whole.eval().act1(whole.bn1(whole.conv1(images)))
        x = whole.layer2(whole.layer1(whole.maxpool(x)))
    assert [m.shape[-1] for m in maps] == [32, 16, 8]
    torch.testing.assert_close(maps[-1], x)


def test_named_vision_transformer_takes_size_and_classes() -> None:
    model = build_model(spec(name=VIT, image_size=64), 3)
    assert type(model) is VisionTransformer
    assert model.patch_embed.grid_size == (4, 4)
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 3)


def test_random_start_follows_the_seed() -> None:
    first = snapshot(classifier(seed=1))
    assert not changed(first, classifier(seed=1))
    assert "head.weight" in changed(first, classifier(seed=2))


def cut(name: str, level: int = 1, **options: Any) -> dict[str, Any]:
    return spec(stem={"name": name, "level": level, "options": options})


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (spec(name="vit_nothing"), ["classifier.model.name", "'vit_nothing'", "choose"]),
        (spec(name="swin_tiny_patch4_window7_224"), ["SwinTransformer", "choose a model"]),
        (spec(name="vit_relpos_small_patch16_224"), ["VisionTransformerRelPos", "choose a model"]),
        # Takes no image size at all: refused for what it is, not with timm's TypeError.
        (spec(name="resnet10t"), ["ResNet", "choose a model"]),
        (cut("resnet10t", 9), ["classifier.model.stem", "'resnet10t' at level 9", "choose"]),
        (cut("no_cnn"), ["classifier.model.stem", "'no_cnn'", "choose"]),
        (cut("resnet10t", deepness=3), ["classifier.model.stem", "'deepness'", "choose"]),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_sentence(
    wanted: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        build_model(wanted, 3)
    sentence = str(caught.value)
    assert all(word in sentence for word in words), sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")


def test_stem_that_is_no_cnn_is_refused() -> None:
    refused = False
    try:
        build_model(cut(VIT), 3)
    except InputError as error:
        refused = "classifier.model.stem" in str(error)
    assert refused


def test_weights_that_timm_cannot_fetch_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: Any, **options: Any) -> nn.Module:
        assert options["pretrained"]
        raise OSError("no network")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(InputError, match=r"classifier\.model\.weights: .*path of a local file"):
        build_model(spec(name=VIT, weights="pretrained"), 3)


@pytest.mark.parametrize(
    "changes", [{"stem": {"weights": "pretrained"}}, {"name": VIT, "weights": "pretrained"}]
)
def test_pretrained_weights_are_not_fetched_for_a_model_about_to_be_loaded(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    asked = []
    create = timm.create_model

    def noted(name: str, pretrained: bool = False, **options: Any) -> nn.Module:
        asked.append(pretrained)
        model: nn.Module = create(name, pretrained=False, **options)
        return model

    monkeypatch.setattr(timm, "create_model", noted)
    pretrained = spec(**changes)
    build_model(pretrained, 3, weights=False)
    build_model(pretrained, 3)
    assert asked == [False, True]


def test_stem_of_a_hybrid_is_its_own_module() -> None:
    model = classifier()
    assert stem_of(model) is model.patch_embed.backbone


def test_plain_vision_transformer_has_no_stem() -> None:
    model = VisionTransformer(img_size=32, patch_size=16, embed_dim=16, depth=1, num_heads=2)
    with pytest.raises(InputError, match=r"classifier\.model\.name: .*needs the CNN of a hybrid"):
        stem_of(model)
