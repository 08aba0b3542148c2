"""Training of AffinityNet: labels stay on their photographs, and equal seeds give equal bits."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import timm
import torch
from tiny import CPU, changed, noise, snapshot
from torch import Tensor, nn

from cuewalk.affinity.loss import affinities, affinity_loss
from cuewalk.affinity.net import AffinityNet
from cuewalk.affinity.training import (
    AffinityEpoch,
    AffinitySettings,
    LabelledPhotographs,
    train_affinity,
)
from cuewalk.epochs import How
from cuewalk.errors import InputError
from cuewalk.stages import affinitynet

COUNT, SIDE, GRID, RADIUS = 6, 32, 8, 3
JITTER = (0.3, 0.3, 0.3, 0.1)


def settings(**changes: Any) -> AffinitySettings:
    defaults: dict[str, Any] = {
        "epochs": 2,
        "batch_size": 4,
        "learning_rate": 0.1,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "loss_scale": 0.25,
        "radius": RADIUS,
    }
    return AffinitySettings(**(defaults | changes))


def network(frozen: bool = False) -> AffinityNet:
    torch.manual_seed(0)
    backbone = timm.create_model("test_resnet", features_only=True, pretrained=False)
    return AffinityNet(backbone, 32, (8,), GRID, frozen=frozen)


def random_photographs() -> LabelledPhotographs:
    labels = np.random.default_rng(1).choice(
        np.array([0, 1, 2, 255], np.uint8), (COUNT, GRID, GRID)
    )
    return LabelledPhotographs(noise(COUNT, 40, 56).__getitem__, labels, SIDE, JITTER, seed=0)


def halves(jitter: tuple[float, ...] = (0, 0, 0, 0), seed: int = 0) -> LabelledPhotographs:
    """White on the left, where the label is class 1, and black on the right."""
    images = np.zeros((COUNT, 40, 56, 3), np.uint8)
    images[:, :, :28] = 255
    labels = np.zeros((COUNT, GRID, GRID), np.uint8)
    labels[:, :, : GRID // 2] = 1
    return LabelledPhotographs(images.__getitem__, labels, SIDE, jitter, seed)


def run(
    net: AffinityNet,
    photographs: LabelledPhotographs | None = None,
    *,
    seed: int = 0,
    workers: int = 0,
    **changes: Any,
) -> list[AffinityEpoch]:
    source = photographs or random_photographs()
    return list(train_affinity(net, source, settings(**changes), seed, How(CPU, workers)))


@pytest.mark.parametrize("workers", [0, 2])
def test_same_seed_gives_the_same_bits(workers: int) -> None:
    first, again = network(), network()
    assert run(first, workers=workers) == run(again)
    assert not changed(snapshot(first), again)


def test_another_seed_gives_other_weights() -> None:
    first, other = network(), network()
    run(first, seed=0)
    run(other, seed=1)
    assert "head.mix.weight" in changed(snapshot(first), other)


def test_item_depends_on_seed_epoch_and_index_alone() -> None:
    source = random_photographs()
    expected = [source[i] for i in range(COUNT)]
    torch.manual_seed(5)
    for i in (4, 0, 5, 5, 2, 1, 3):
        assert all(map(torch.equal, random_photographs()[i], expected[i]))
    source.epoch = 1
    assert not any(torch.equal(source[i][0], expected[i][0]) for i in range(COUNT))
    other = halves(JITTER, seed=1)
    assert not all(torch.equal(halves(JITTER)[i][0], other[i][0]) for i in range(COUNT))


@pytest.mark.parametrize("jitter", [(0, 0, 0, 0), JITTER])
def test_image_and_label_are_mirrored_together(jitter: tuple[float, ...]) -> None:
    source = halves(jitter)
    mirrored = []
    for epoch in range(4):
        source.epoch = epoch
        for i in range(COUNT):
            image, label = source[i]
            assert image.shape == (3, SIDE, SIDE)
            assert label.shape == (GRID, GRID)
            light = nn.functional.adaptive_avg_pool2d(image.mean(0)[None, None], GRID)[0, 0]
            # Away from the seam, where the resize blurs.
            inside = [0, 1, 2, 5, 6, 7]
            white = light > light.mean()
            assert torch.equal(white[:, inside], (label == 1)[:, inside])
            mirrored.append(bool(label[0, -1] == 1))
    assert 0.2 < np.mean(mirrored) < 0.8


def test_without_changes_the_item_is_the_normalised_photograph() -> None:
    image, label = next(item for item in map(halves().__getitem__, range(COUNT)) if item[1][0, 0])
    assert image[:, :, 0].eq(1).all()
    assert image[:, :, -1].eq(-1).all()
    assert torch.equal(label, torch.from_numpy(halves().labels[0]))


def pair_means(net: AffinityNet) -> tuple[Tensor, Tensor]:
    """Mean affinity of the pairs that belong together, and of those that do not."""
    image, label = halves()[0]
    with torch.no_grad():
        found = affinity_loss(
            affinities(net.eval()(image[None]), RADIUS), label[None], radius=RADIUS
        )
    return torch.exp(-(found.fg + found.bg) / 2), 1 - torch.exp(-found.neg)


def test_loss_falls_and_affinities_part_on_a_problem_that_can_be_learnt() -> None:
    net = network(frozen=True)
    history = run(net, halves(), epochs=10, batch_size=2)
    assert history[-1].loss < 0.5 * history[0].loss
    together, apart = pair_means(net)
    assert apart < 0.5 < together


def test_frozen_backbone_is_left_unchanged() -> None:
    net = network(frozen=True)
    before, head = snapshot(net.backbone), snapshot(net.head)
    run(net)
    assert not changed(before, net.backbone)
    assert changed(head, net.head) == set(head)


def test_trained_backbone_learns_up_to_the_level_in_use() -> None:
    net = network()
    before = snapshot(net.backbone)
    run(net)
    moved = changed(before, net.backbone)
    assert {"conv1.0.weight", "layer1.0.conv1.weight", "bn1.running_mean"} <= moved


def test_rate_falls_linearly_from_epoch_to_epoch() -> None:
    history = run(network(frozen=True), epochs=4)
    assert [epoch.epoch for epoch in history] == [1, 2, 3, 4]
    assert [epoch.learning_rate for epoch in history] == pytest.approx([0.1, 0.075, 0.05, 0.025])


def test_optimizer_steps_at_that_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[float] = []
    step = torch.optim.SGD.step

    def noted(self: torch.optim.SGD, *args: Any) -> Any:
        found.extend(group["lr"] for group in self.param_groups)
        return step(self, *args)

    monkeypatch.setattr(torch.optim.SGD, "step", noted)
    run(network(frozen=True))
    assert found == pytest.approx([0.1, 0.1, 0.05, 0.05])  # 6 photographs in batches of 4


@pytest.mark.parametrize("scale", [0.25, 1.0])
def test_history_holds_the_loss_and_its_parts(scale: float) -> None:
    net = network(frozen=True)
    source = random_photographs()
    images, labels = (torch.stack(part) for part in zip(*map(source.__getitem__, range(COUNT)),
                                                        strict=True))  # fmt: skip
    with torch.no_grad():
        expected = affinity_loss(
            affinities(net(images), RADIUS), labels, scale=scale, radius=RADIUS
        )
    (epoch,) = run(net, source, epochs=1, batch_size=COUNT, loss_scale=scale)
    row = asdict(epoch)
    assert row["loss"] == pytest.approx(expected.total.item(), rel=1e-5)
    assert row["foreground"] == pytest.approx(expected.fg.item(), rel=1e-5)
    assert row["background"] == pytest.approx(expected.bg.item(), rel=1e-5)
    assert row["negative"] == pytest.approx(expected.neg.item(), rel=1e-5)
    parts = row["foreground"] + row["background"] + 2 * row["negative"]
    assert row["loss"] == pytest.approx(scale * parts, rel=1e-5)


def test_loss_that_is_not_finite_is_refused_by_the_name_of_the_key() -> None:
    with pytest.raises(
        InputError, match=r"^affinitynet\.learning_rate: .*choose a smaller rate\.$"
    ):
        run(network(), learning_rate=1e30)


def test_item_leaves_the_generators_of_gpus_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    random_photographs()[0]
    assert not seeds


@pytest.mark.parametrize(
    ("foreground", "negative", "key"), [(0, 0, "crf.alpha_low"), (9, 0, "crf.alpha_high")]
)
def test_labels_that_nothing_can_be_learnt_from(foreground, negative, key):
    with pytest.raises(InputError, match=f"^{key}: .* nothing to learn"):
        affinitynet._check_pairs(foreground, negative)
    affinitynet._check_pairs(1, 1)
