"""Fine-tuning of the classifier: the same bits from the same seed, its rates, loss and figures."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import torch
from tiny import CPU, SIDE, TARGETS, changed, classifier, fit, photographs, settings, snapshot

from cuewalk.classifier.backbone import stem_of
from cuewalk.classifier.images import Photographs
from cuewalk.classifier.training import (
    as_row,
    make_optimizer,
    rate_factor,
    train,
)
from cuewalk.epochs import How
from cuewalk.errors import InputError


@pytest.mark.parametrize("changes", [{"optimizer": "sgd"}, {"optimizer": "adamw"}, {"workers": 2}])
def test_same_seed_gives_the_same_bits(changes: dict[str, Any]) -> None:
    # Whatever the workers, though drop path and the photographs' changes both draw at random.
    same = changes | {"workers": 0}
    first, again = (classifier(transformer={"drop_path": 0.2}) for _ in range(2))
    assert fit(first, **changes) == fit(again, **same)
    assert not changed(snapshot(first), again)


def test_another_seed_gives_other_weights() -> None:
    first, other = classifier(), classifier()
    fit(first, seed=0)
    fit(other, seed=1)
    assert "head.weight" in changed(snapshot(first), other)


def test_every_parameter_learns() -> None:
    model = classifier()
    before = snapshot(model)
    fit(model)
    assert changed(before, model) == set(before)


def test_stem_has_a_learning_rate_of_its_own() -> None:
    model = classifier()
    own = {id(p) for p in stem_of(model).parameters()}

    def rates(**changes: Any) -> list[tuple[float, bool]]:
        groups = make_optimizer(model, settings(**changes)).param_groups
        assert all(len({id(p) in own for p in group["params"]}) == 1 for group in groups)
        return [(group["lr"], id(group["params"][0]) in own) for group in groups]

    assert rates() == [(1e-2, False), (1e-2, True)]
    assert rates(stem_learning_rate=1e-3) == [(1e-2, False), (1e-3, True)]
    assert rates(stem_learning_rate=0.0) == [(1e-2, False)]


def test_linear_rate_is_constant_within_an_epoch() -> None:
    linear = settings(epochs=4)
    moments = (0, 0.5, 0.99, 1, 1.7, 2, 3, 3.99)
    expected = [1, 1, 1, 0.75, 0.75, 0.5, 0.25, 0.25]
    assert [rate_factor(linear, moment) for moment in moments] == pytest.approx(expected)


def test_cosine_rate_falls_to_zero() -> None:
    cosine = settings(epochs=8, schedule="cosine")
    found = [rate_factor(cosine, moment) for moment in np.linspace(0, 8, 33)]
    assert found == sorted(found, reverse=True)
    expected = [1, (1 + 0.5**0.5) / 2, 0.5, 0]
    assert [found[i] for i in (0, 8, 16, 32)] == pytest.approx(expected, abs=1e-12)
    assert rate_factor(cosine, 7.99) < 1e-5


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_warm_up_rises_from_zero_to_the_schedule(schedule: str) -> None:
    warm = settings(epochs=10, schedule=schedule, warmup_epochs=2.0)
    full = settings(epochs=10, schedule=schedule)
    shares = [rate_factor(warm, m) / rate_factor(full, m) for m in (0, 0.5, 1, 1.5, 2, 5, 9)]
    assert shares == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1, 1], abs=1e-3)
    assert shares[0] > 0


def test_optimizer_steps_at_the_rates_of_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    step = torch.optim.SGD.step

    def noted(self: torch.optim.SGD, *args: Any) -> Any:
        found.append([group["lr"] for group in self.param_groups])
        return step(self, *args)

    monkeypatch.setattr(torch.optim.SGD, "step", noted)
    asked: dict[str, Any] = {"optimizer": "sgd", "schedule": "cosine", "stem_learning_rate": 1e-3}
    history = fit(classifier(), **asked)
    moments = [0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3]  # 8 photographs in batches of 3, twice
    factors = [rate_factor(settings(**asked), moment) for moment in moments]
    expected = np.outer(factors, [1e-2, 1e-3])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert [epoch.learning_rate for epoch in history] == [expected[0, 0], expected[3, 0]]


def test_loss_is_the_mean_binary_cross_entropy_with_logits() -> None:
    model = classifier().eval()
    with torch.no_grad():
        logits = model(torch.stack([photographs(None)[i][0] for i in range(8)])).double()
    chance = 1 / (1 + torch.exp(-logits))
    expected = -torch.where(TARGETS > 0, chance, 1 - chance).log().mean()
    # With next to no learning rate it is the same in each batch, the last and smaller one too.
    frozen: dict[str, Any] = {"learning_rate": 1e-12, "batch_norm": "frozen", "augment": None}
    (epoch,) = fit(model, epochs=1, optimizer="sgd", **frozen)
    assert epoch.train_loss == pytest.approx(expected.item(), rel=1e-5)
    row = {"epoch": 1, "learning_rate": 1e-12, "train_loss": epoch.train_loss}
    assert as_row(epoch) == asdict(epoch) == row


def test_loss_falls_on_a_problem_that_can_be_learnt() -> None:
    # The classes of a photograph are the colours that it is bright in.
    bright = (40 + 160 * TARGETS.numpy()).astype(np.uint8)
    images = np.broadcast_to(bright[:, None, None], (8, SIDE, SIDE, 3))
    source = Photographs(images.__getitem__, 8, SIDE)
    asked = settings(epochs=24, batch_size=8, learning_rate=3e-3)
    history = list(train(classifier(), source, TARGETS, asked, 0, How(CPU)))
    assert [epoch.epoch for epoch in history] == list(range(1, 25))
    assert history[-1].train_loss < 0.65 * history[0].train_loss


def test_loss_that_is_not_finite_is_refused_by_the_name_of_the_key() -> None:
    with pytest.raises(
        InputError, match=r"^classifier\.training\.learning_rate: .* epoch \d;"
    ) as e:
        fit(classifier(), optimizer="sgd", learning_rate=1e30, batch_size=1, augment=None)
    assert "nan" in str(e.value) or "inf" in str(e.value)


def test_progress_wraps_every_epoch() -> None:
    seen: list[tuple[int, str, int]] = []

    def progress(steps: Iterable[Any], total: int, text: str) -> list[Any]:
        found = list(steps)
        seen.append((total, text, len(found)))
        return found

    source = photographs()
    epochs = train(classifier(), source, TARGETS, settings(), 0, How(CPU, progress=progress))
    assert len(list(epochs)) == 2
    assert seen == [(8, "classifier epoch 1/2", 3), (8, "classifier epoch 2/2", 3)]
