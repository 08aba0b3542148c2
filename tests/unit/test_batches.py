"""Results do not depend on how many photographs a batch has, on shards, or on threads.

Where float32 is added up in another order, cues differ by rounding that the method amplifies, as it
divides by sums that pass through 0: a typical map by a millionth of its range, none by a hundredth.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import SIDE, classifier, noise, spec

from cuewalk.affinity.loss import affinities
from cuewalk.artifacts.store import read_store
from cuewalk.classifier.images import normalise
from cuewalk.datasets.record import Record, write_index
from cuewalk.errors import InputError
from cuewalk.evaluate.perturbation import answers, perturbed, removal_order
from cuewalk.stages import cues
from cuewalk.stages.networks import save_model
from cuewalk.stages.runner import Job

TYPICAL, WORST = 1e-5, 1e-2
CLASSES = ("cat", "cow", "dog")
COUNT = 9


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Leave torch's threads as they were found."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The stage `cues` on one shard of nine photographs with one to three classes."""
    folder = tmp_path_factory.mktemp("batches")
    records = []
    for number, pixels in enumerate(noise(COUNT, 40, 56)):
        id = f"photograph_{number}"
        Image.fromarray(pixels).save(folder / f"{id}.png")
        labels = CLASSES[: 1 + number % 3]
        records.append(Record(id, f"{id}.png", ("evaluate",), labels, 40, 56, ""))
    write_index(folder / "index.csv", records)
    about = {"model": spec(), "classes": CLASSES}
    save_model(classifier(), folder / "model.safetensors", about)
    return Job(
        cfg={"cues": {"sizes": [SIDE], "flip": True, "start_layer": 0}},
        compute={"device": "cpu", "batch_size": 4, "workers": 0},
        root=folder,
        inputs={"index": [folder / "index.csv"], "model": [folder / "model.safetensors"]},
        outputs={},
        shard="evaluate-000",
        threads=1,
        dataset={"shards": {"evaluate": 1}},
    )


def grids(job: Job, folder: Path, shards: int = 1) -> dict[str, np.ndarray]:
    """Every photograph's grids (K, 2, gh, gw) of its own classes, from that many shards."""
    found = {}
    for number in range(shards):
        outputs = {"cues": folder / f"evaluate-{number:03d}"}
        dataset = {"shards": {"evaluate": shards}}
        cues.run(replace(job, outputs=outputs, shard=f"evaluate-{number:03d}", dataset=dataset))
        store = read_store(outputs["cues"] / "cues.zarr.zip")
        for id in store.ids:
            row = store.row(id)
            found[id] = row[f"grid_{SIDE}"][row["class_id"] >= 0]
    return found


def assert_alike(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    errors = []
    for id, maps in expected.items():
        assert found[id].shape == maps.shape
        reach = np.ptp(maps, axis=(-2, -1))
        assert (reach > 0).all()
        errors += list((np.abs(found[id] - maps).max((-2, -1)) / reach).flat)
    assert np.median(errors) < TYPICAL
    assert max(errors) < WORST


@pytest.mark.parametrize("size", [1, 2, COUNT])
def test_cues_do_not_depend_on_the_batch_size(whole: Job, tmp_path: Path, size: int) -> None:
    other = replace(whole, compute={**whole.compute, "batch_size": size})
    assert_alike(grids(other, tmp_path / "other"), grids(whole, tmp_path / "whole"))


def test_cues_do_not_depend_on_the_shards(whole: Job, tmp_path: Path) -> None:
    assert_alike(grids(whole, tmp_path / "three", 3), grids(whole, tmp_path / "one"))


def test_cues_do_not_depend_on_the_threads(whole: Job, tmp_path: Path) -> None:
    assert_alike(grids(replace(whole, threads=2), tmp_path / "two"), grids(whole, tmp_path / "one"))


@pytest.mark.parametrize("workers", [1, 2])
def test_cues_are_the_same_bits_whoever_loads(whole: Job, tmp_path: Path, workers: int) -> None:
    other = replace(whole, compute={**whole.compute, "workers": workers})
    found, expected = grids(other, tmp_path / "other"), grids(whole, tmp_path / "whole")
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[id], maps) for id, maps in expected.items())


@pytest.mark.parametrize("workers", [0, 2])
def test_a_photograph_gone_is_told_in_one_sentence(
    whole: Job, tmp_path: Path, workers: int
) -> None:
    copy = shutil.copytree(whole.root, tmp_path / "copy")
    (copy / "photograph_5.png").write_bytes(b"")
    compute = {**whole.compute, "workers": workers}
    with pytest.raises(InputError) as caught:
        grids(replace(whole, root=copy, compute=compute), tmp_path / "out")
    assert str(caught.value).startswith(f"{copy / 'photograph_5.png'}: cannot be decoded")
    assert "\n" not in str(caught.value)


def test_cues_of_other_photographs_would_be_noticed(whole: Job, tmp_path: Path) -> None:
    expected = grids(whole, tmp_path)
    moved = dict(
        zip(expected, [*list(expected.values())[3:], *list(expected.values())[:3]], strict=True)
    )
    with pytest.raises(AssertionError):
        assert_alike(moved, expected)


@pytest.mark.parametrize("size", [1, 18, 100])
def test_answers_do_not_depend_on_the_batch_size(size: int) -> None:
    model = classifier().double().eval()
    image, maps = torch.rand(3, SIDE, SIDE).double(), torch.rand(3, SIDE, SIDE)
    orders = removal_order(maps, positive=True)
    found, expected = (answers(model, image, orders, n) for n in (size, 9))
    assert found.shape == (3, 9, 3)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_answers_are_those_of_the_network_to_each_image_alone() -> None:
    model = classifier().double().eval()
    image, maps = torch.rand(3, SIDE, SIDE).double(), torch.rand(2, SIDE, SIDE)
    orders = removal_order(maps, positive=False)
    found = answers(model, image, orders, 9)
    with torch.no_grad():
        for row, levels in enumerate(perturbed(image.expand(2, -1, -1, -1), orders)):
            expected = torch.cat([model(normalise(level)[None]) for level in levels])
            torch.testing.assert_close(found[row], expected, rtol=0, atol=1e-12)


def test_affinities_do_not_depend_on_the_batch() -> None:
    # Large enough that a batch and its images are cut into different parts of channels.
    features = torch.randn(6, 96, 28, 28, dtype=torch.float64, requires_grad=True)
    together = affinities(features)
    gradient = torch.autograd.grad(together.square().sum(), features)[0]
    for image in range(6):
        one = features[image : image + 1].detach().requires_grad_()
        alone = affinities(one)
        torch.testing.assert_close(alone[0], together[image], rtol=0, atol=1e-12)
        own = torch.autograd.grad(alone.square().sum(), one)[0]
        torch.testing.assert_close(own[0], gradient[image], rtol=0, atol=1e-12)
