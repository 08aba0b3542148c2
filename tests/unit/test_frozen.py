"""What a config freezes stays as it is, and all else learns."""

from typing import Any

import pytest
from timm.models.vision_transformer import VisionTransformer
from tiny import SIDE, changed, classifier, fit, snapshot

from cuewalk.classifier.backbone import stem_of
from cuewalk.classifier.training import freeze_levels
from cuewalk.errors import InputError

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
# Of the stem of tests/unit/tiny.py: all of level 0, and what levels 1 and 2 add.
LEVEL_0, LEVEL_1, LEVEL_2 = ("conv1.", "bn1."), ("layer1.",), ("layer2.",)


@pytest.mark.parametrize("batch_norm", ["frozen", "trained"])
def test_batch_norm_statistics_move_only_when_trained(batch_norm: str) -> None:
    model = classifier()
    before = snapshot(model)
    fit(model, batch_norm=batch_norm)
    moved = changed(before, model)
    statistics = {name for name in before if name.endswith(STATISTICS)}
    assert statistics
    assert moved & statistics == (statistics if batch_norm == "trained" else set())
    # Their scales and offsets learn either way.
    assert moved >= {n for n in before if "bn" in n and n.endswith(("weight", "bias"))}


@pytest.mark.parametrize(
    ("levels", "parts"),
    [
        (0, ()),
        pytest.param(
            1,
            LEVEL_0,
        ),
        (2, LEVEL_0 + LEVEL_1),
        (3, LEVEL_0 + LEVEL_1 + LEVEL_2),
    ],
)
def test_frozen_levels_and_they_alone_do_not_learn(levels: int, parts: tuple[str, ...]) -> None:
    model = classifier()
    freeze_levels(model, levels)
    names = [name for name, _ in model.named_parameters()]
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    stem = tuple(f"patch_embed.backbone.{part}" for part in parts)
    assert frozen == {name for name in names if name.startswith(stem)}
    before = snapshot(model)
    fit(model, frozen_levels=levels, batch_norm="frozen")
    assert changed(before, model) & set(names) == set(names) - frozen


@pytest.mark.parametrize("how", [{"frozen_levels": 3}, {"stem_learning_rate": 0.0}])
def test_frozen_stem_stays_as_it_is_when_batch_norms_are_trained(how: dict[str, Any]) -> None:
    model = classifier()
    before = snapshot(stem_of(model))
    fit(model, batch_norm="trained", **how)
    assert not changed(before, stem_of(model))


@pytest.mark.parametrize(
    ("name", "last", "first_to_learn"),
    [
        ("mobilenetv2_050", "blocks.1.1.bn3.bias", "blocks.2.0.conv_pw.weight"),
        ("regnetx_002", "s1.b1.downsample.bn.bias", "s2.b1.conv1.conv.weight"),
        pytest.param(
            "convnext_atto",
            "stages_1.blocks.1.mlp.fc2.bias",
            "stages_2.downsample.0.weight",
        ),
    ],
)
def test_levels_of_other_cnns_are_frozen(name: str, last: str, first_to_learn: str) -> None:
    model = classifier(stem={"name": name, "level": 2, "options": {}}, image_size=64)
    freeze_levels(model, 2)
    learns = {n: p.requires_grad for n, p in stem_of(model).named_parameters()}
    assert not learns[last]
    assert learns[first_to_learn]


@pytest.mark.parametrize("kind", ["composed", "plain"])
def test_more_levels_than_the_stem_has_are_refused(kind: str) -> None:
    plain: dict[str, Any] = {"patch_size": 16, "embed_dim": 16, "depth": 1, "num_heads": 2}
    model = classifier() if kind == "composed" else VisionTransformer(img_size=SIDE, **plain)
    with pytest.raises(InputError, match=r"^classifier\.training\.frozen_levels: 4 levels .*\.$"):
        freeze_levels(model, 4)
