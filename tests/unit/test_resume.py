"""A training that was stopped after any epoch ends with the bits of one that never was."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from tiny import AUGMENT, CPU, SIDE, TARGETS, changed, classifier, noise, settings, snapshot
from torch import nn

from cuewalk.affinity.net import AffinityNet
from cuewalk.affinity.training import AffinitySettings, LabelledPhotographs, train_affinity
from cuewalk.artifacts.checkpoint import Checkpoint
from cuewalk.classifier.images import Photographs
from cuewalk.classifier.training import train
from cuewalk.distributed.group import ALONE
from cuewalk.epochs import How, Progress, Resume, plain, seed_epoch
from cuewalk.stages import affinitynet
from cuewalk.stages.runner import Job

EPOCHS = 4
JITTER = (0.3, 0.3, 0.3, 0.1)
Fit = Callable[..., Iterator[Any]]


class KilledError(Exception):
    """Stands in for a signal."""


def killer(last: int) -> Progress:
    """Progress that lets `last` epochs pass and stops in the middle of the next."""
    begun = []

    def progress(steps: Iterable[Any], total: int, text: str) -> Iterator[Any]:
        begun.append(text)
        for number, step in enumerate(steps):
            if len(begun) > last and number == 1:
                raise KilledError
            yield step

    return progress


def fit_classifier(
    model: nn.Module, resume: Resume | None = None, progress: Progress = plain, **changes: Any
) -> Iterator[Any]:
    source = Photographs(noise(8, 40, 56).__getitem__, 8, SIDE, AUGMENT, seed=3)
    asked = settings(epochs=EPOCHS, **changes)
    how = How(CPU, resume=resume, progress=progress)
    return train(model, source, TARGETS, asked, 3, how)  # type: ignore[arg-type]


def fit_affinity(
    net: nn.Module, resume: Resume | None = None, progress: Progress = plain, **changes: Any
) -> Iterator[Any]:
    labels = np.random.default_rng(1).choice(np.array([0, 1, 2, 255], np.uint8), (6, 8, 8))
    source = LabelledPhotographs(noise(6, 40, 56).__getitem__, labels, SIDE, JITTER, seed=3)
    defaults = {"batch_size": 4, "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 1e-4}
    asked = AffinitySettings(**{**defaults, **changes}, epochs=EPOCHS, loss_scale=0.25, radius=3)
    how = How(CPU, resume=resume, progress=progress)
    return train_affinity(net, source, asked, 3, how)  # type: ignore[arg-type]


def hybrid(seed: int = 0) -> nn.Module:
    return classifier(seed=seed, transformer={"drop_path": 0.3})


def affinity_net(frozen: bool) -> nn.Module:
    torch.manual_seed(0)
    backbone = timm.create_model("test_resnet", features_only=True, pretrained=False)
    return AffinityNet(backbone, 32, (8,), 8, frozen=frozen)


CASES: dict[str, tuple[Callable[[], nn.Module], Fit, dict[str, Any]]] = {
    "sgd": (hybrid, fit_classifier, {"optimizer": "sgd", "stem_learning_rate": 1e-3}),
    "adamw": (hybrid, fit_classifier, {"schedule": "cosine", "warmup_epochs": 2.5}),
    "frozen levels": (hybrid, fit_classifier, {"frozen_levels": 1}),
    "frozen batch norm": (hybrid, fit_classifier, {"batch_norm": "frozen"}),
    "affinity": (lambda: affinity_net(False), fit_affinity, {}),
    "affinity, frozen": (lambda: affinity_net(True), fit_affinity, {}),
}


def resume_in(folder: Path) -> Checkpoint:
    return Checkpoint(folder / "model.safetensors", "key")


@pytest.mark.parametrize("case", CASES)
def test_stopped_after_any_epoch(case: str, tmp_path: Path) -> None:
    make, fit, changes = CASES[case]
    whole = make()
    expected = list(fit(whole, **changes))
    assert len(expected) == EPOCHS
    for last in range(EPOCHS):
        folder = tmp_path / str(last)
        with pytest.raises(KilledError):
            list(fit(make(), resume_in(folder), killer(last), **changes))
        # The generators stand elsewhere in a new process.
        torch.manual_seed(100 + last)
        found = make()
        torch.manual_seed(200 + last)
        assert list(fit(found, resume_in(folder), **changes)) == expected
        assert not changed(snapshot(whole), found)


@pytest.mark.parametrize("case", ["sgd", "adamw", "affinity"])
def test_stopped_again_and_again(case: str, tmp_path: Path) -> None:
    make, fit, changes = CASES[case]
    whole = make()
    expected = list(fit(whole, **changes))
    for _ in range(EPOCHS - 1):
        with pytest.raises(KilledError):
            list(fit(make(), resume_in(tmp_path), killer(1), **changes))
    # The second time all epochs are done: the stage was killed before it wrote its outputs.
    for progress in (killer(1), killer(0)):
        found = make()
        assert list(fit(found, resume_in(tmp_path), progress, **changes)) == expected
        assert not changed(snapshot(whole), found)


@pytest.mark.parametrize("case", ["adamw", "affinity"])
def test_keeping_a_state_changes_nothing(case: str, tmp_path: Path) -> None:
    make, fit, changes = CASES[case]
    without, kept = make(), make()
    assert list(fit(without, **changes)) == list(fit(kept, resume_in(tmp_path), **changes))
    assert not changed(snapshot(without), kept)


@pytest.mark.parametrize("case", ["sgd", "affinity"])
def test_a_state_is_kept_before_its_epoch_is_yielded(case: str, tmp_path: Path) -> None:
    make, fit, changes = CASES[case]
    epochs = fit(make(), resume_in(tmp_path), **changes)
    first = next(epochs)
    state = resume_in(tmp_path).load()
    assert state is not None
    assert state["epochs"] == [vars(first)]


def test_the_statistics_and_the_draws_are_at_stake(tmp_path: Path) -> None:
    # Else the comparisons above would hold of a checkpoint that forgot them.
    whole = hybrid()
    before = snapshot(whole)
    list(fit_classifier(whole))
    assert any(name.endswith("running_mean") for name in changed(before, whole))
    undropped = classifier()
    list(fit_classifier(undropped))
    assert "head.weight" in changed(snapshot(whole), undropped)


def test_without_epochs_nothing_is_asked_or_kept(tmp_path: Path) -> None:
    asked = settings(epochs=0)
    source = Photographs(noise().__getitem__, 8, SIDE, AUGMENT)
    how = How(CPU, resume=resume_in(tmp_path))
    assert not list(train(hybrid(), source, TARGETS, asked, 0, how))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_each_epoch_has_an_order_and_draws_of_its_own() -> None:
    def draws(seed: int, epoch: int) -> list[list[int]]:
        order = torch.Generator()
        seed_epoch(order, seed, epoch)
        return [torch.randperm(20, generator=order).tolist(), torch.randperm(20).tolist()]

    assert draws(0, 0) == draws(0, 0)
    # Epoch 1 of seed 0 is not epoch 0 of seed 1, and the order is not the draws'.
    found = [tuple(one) for pair in ((0, 0), (0, 1), (1, 0), (1, 1)) for one in draws(*pair)]
    assert len(set(found)) == len(found)


def job_in(folder: Path, **changes: Any) -> Job:
    section = {"epochs": 3, "batch_size": 4, "learning_rate": 0.1, "momentum": 0.9}
    section |= {"weight_decay": 0.0, "loss_scale": 0.25}
    values: dict[str, Any] = {
        "cfg": {"affinitynet": section, "grid": {"radius": 3}, "seed": 0},
        "compute": {"workers": 0},
        "root": folder,
        "inputs": {},
        "outputs": {"model": folder / "model.safetensors"},
        "shard": "",
        "threads": 1,
        "code": "c0de",
        "data": "da7a",
    }
    return Job(**(values | changes))


@pytest.mark.parametrize("what", ["nothing", "code", "data", "labels", "classifier", "compute"])
def test_a_stage_goes_on_only_with_its_own_training(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    labels = np.random.default_rng(1).choice(np.array([0, 1, 2, 255], np.uint8), (6, 8, 8))

    def train_in(job: Job, net: AffinityNet, labels: np.ndarray) -> None:
        source = LabelledPhotographs(noise(6, 40, 56).__getitem__, labels, SIDE, JITTER, 0)
        history, earlier = affinitynet._train(job, net, source, CPU, ALONE)
        assert len(history) == 3
        assert (earlier > 0) == (what in {"nothing", "compute"})

    killing = killer(1)
    monkeypatch.setattr(affinitynet, "progress_in_rounds", lambda *_: killing)
    with pytest.raises(KilledError):
        train_in(job_in(tmp_path), affinity_net(True), labels)
    monkeypatch.setattr(affinitynet, "progress_in_rounds", lambda *_: plain)
    changes = {"code": {"code": "c0df"}, "data": {"data": "da7b"}}
    changes["compute"] = {"compute": {"workers": 0, "device": "cpu"}, "threads": 2}
    net = affinity_net(True)
    if what == "labels":  # another setting of the CRF made them, and affinitynet's cfg is the same
        labels = np.where(labels == 255, np.uint8(0), labels)
    if what == "classifier":
        next(net.backbone.parameters()).data += 1
    with caplog.at_level("INFO", "cuewalk"):
        train_in(job_in(tmp_path, **changes.get(what, {})), net, labels)
    assert ("going on" in caplog.text) == (what in {"nothing", "compute"})
    assert ("another training" in caplog.text) == (what not in {"nothing", "compute"})
