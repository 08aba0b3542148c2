"""Photographs as tensors: sizes, ranges, and changes that only seed, epoch and index decide."""

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import noise
from torch import Tensor
from torch.utils.data import DataLoader

from cuewalk.classifier.images import (
    Augment,
    Photographs,
    normalise,
    pil_squash,
    squash,
    to_tensor,
)

ALL = Augment(flip=0.5, jitter=(0.3, 0.3, 0.3, 0.1), crop=(0.4, 1.0), erase=0.5)
NONE = Augment(flip=0.0, jitter=(0, 0, 0, 0))
COUNT = 6


def photographs(augment: Augment | None = ALL, seed: int = 0, epoch: int = 0) -> Photographs:
    images = noise(COUNT, 40, 56)
    found = Photographs(images.__getitem__, COUNT, 32, augment, seed)
    found.epoch = epoch
    return found


def items(source: Photographs, order: list[int]) -> Tensor:
    """Items read in this order, put back in order of index."""
    found = {index: source[index][0] for index in order}
    return torch.stack([found[index] for index in range(COUNT)])


def test_item_does_not_depend_on_order() -> None:
    expected = items(photographs(), [0, 1, 2, 3, 4, 5])
    assert torch.equal(items(photographs(), [5, 2, 0, 3, 1, 4]), expected)
    # Nor on what was read before.
    again = photographs()
    items(again, [3, 3, 1, 0, 2, 4, 5])
    assert torch.equal(items(again, [0, 1, 2, 3, 4, 5]), expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_item_does_not_depend_on_workers_or_batch_size(workers: int) -> None:
    loader = DataLoader(
        photographs(), 4, shuffle=True, num_workers=workers, generator=torch.Generator()
    )
    found = {
        int(i): image for images, rows in loader for i, image in zip(rows, images, strict=True)
    }
    expected = items(photographs(), list(range(COUNT)))
    assert sorted(found) == list(range(COUNT))
    assert all(torch.equal(image, expected[i]) for i, image in found.items())


def test_workers_follow_the_epoch() -> None:
    source = photographs()
    loader = DataLoader(source, COUNT, num_workers=1)
    for epoch in (0, 1):
        source.epoch = epoch
        ((images, _),) = loader
        assert torch.equal(images, items(photographs(epoch=epoch), list(range(COUNT))))


def test_item_neither_follows_nor_moves_the_global_generator() -> None:
    torch.manual_seed(1)
    first = photographs()[2][0]
    after = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), after)
    assert torch.equal(photographs()[2][0], first)


def test_item_leaves_the_generators_of_gpus_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # A model's drop path draws from them: the number of workers would decide what it draws.
    seeds: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    photographs()[0]
    assert not seeds


def test_seed_epoch_and_index_each_change_the_item() -> None:
    image = noise(1, 40, 56)[0]

    def item(seed: int, epoch: int, index: int) -> Tensor:
        source = Photographs(lambda _: image, COUNT, 32, ALL, seed)
        source.epoch = epoch
        return source[index][0]

    found = [item(0, 0, 0), item(1, 0, 0), item(0, 1, 0), item(0, 0, 1), item(1, 1, 0)]
    same = [(a, b) for a in range(5) for b in range(a) if torch.equal(found[a], found[b])]
    assert not same


def test_without_changes_the_item_is_the_squashed_photograph() -> None:
    image = noise(COUNT, 40, 56)[3]
    found, index = photographs(augment=None, seed=0, epoch=0)[3]
    assert index == 3
    small = Image.fromarray(image).resize((32, 32), Image.Resampling.BILINEAR)
    expected = (np.asarray(small).transpose(2, 0, 1) / 255 - 0.5) / 0.5
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
    assert torch.equal(photographs(augment=None, seed=9, epoch=9)[3][0], found)


def test_training_and_inference_see_the_same_photograph() -> None:
    # Save for PIL's rounding to whole values, along rows and then along columns.
    plain, changed = photographs(augment=None), photographs(augment=NONE)
    for index in range(COUNT):
        difference = (plain[index][0] - changed[index][0]).abs().max()
        assert 0 < difference <= 2 * 1.01 / 255


def test_tensors_are_normalised_to_one_around_zero() -> None:
    image = np.zeros((2, 4, 3), np.uint8)
    image[:, 2:] = (255, 51, 0)
    found = normalise(to_tensor(image))
    assert found.dtype == torch.float32
    assert found.shape == (3, 2, 4)
    expected = torch.tensor([[-1, -1, 1, 1], [-1, -1, -0.6, -0.6], [-1, -1, -1, -1]])
    torch.testing.assert_close(found, expected[:, None].expand(3, 2, 4).contiguous())


def test_flip_alone_mirrors_and_nothing_more() -> None:
    image = to_tensor(noise(1)[0])
    mirrored = Augment(flip=1.0, jitter=(0, 0, 0, 0))(image, 32)
    assert torch.equal(mirrored, image.flip(-1))
    assert torch.equal(NONE(image, 32), image)


def test_jitter_changes_colours_but_no_place() -> None:
    torch.manual_seed(0)
    image = torch.zeros(3, 32, 32)
    image[0, :, :16] = 0.5
    found = Augment(flip=0.0)(image, 32)
    assert not torch.equal(found, image)
    assert len(found[:, :, :16].flatten(1).unique(dim=1).T) == 1
    assert len(found[:, :, 16:].flatten(1).unique(dim=1).T) == 1


def test_crop_keeps_a_part_of_the_photograph() -> None:
    torch.manual_seed(0)
    rows = torch.linspace(0, 1, 64)[:, None].expand(3, 64, 64)
    spans = []
    for _ in range(20):
        found = Augment(flip=0.0, jitter=(0, 0, 0, 0), crop=(0.25, 0.25))(rows, 32)
        assert found.shape == (3, 32, 32)
        spans.append(float(found.max() - found.min()))
    # A quarter of the area at sides of 3 : 4 to 4 : 3 spans 0.43 to 0.58 of the rows.
    assert 0.38 < min(spans) < max(spans) < 0.6


def test_erase_blanks_one_rectangle_with_the_mean_colour() -> None:
    torch.manual_seed(0)
    found = Augment(flip=0.0, jitter=(0, 0, 0, 0), erase=1.0)(torch.zeros(3, 32, 32), 32)
    blank = found == 0.5
    assert ((found == 0) | blank).all()
    assert 0.015 < blank.float().mean() < 0.25
    rows, columns = blank[0].any(1), blank[0].any(0)
    assert torch.equal(blank, (rows[:, None] & columns[None]).expand(3, 32, 32))


@pytest.mark.parametrize(("height", "width"), [(20, 30), (30, 20), (64, 64), (7, 90), (16, 16)])
def test_squash_gives_the_square_whatever_the_shape(height: int, width: int) -> None:
    image = noise(1, height, width)[0]
    small = pil_squash(image, 16)
    assert small.shape == (16, 16, 3)
    assert small.dtype == np.uint8
    found = squash(to_tensor(image), 16)
    assert found.shape == (3, 16, 16)
    assert (found - to_tensor(small)).abs().max() <= 1.01 / 255
    if (height, width) == (16, 16):
        assert np.array_equal(small, image)


def test_squash_averages_over_what_it_shrinks() -> None:
    # Antialiased: stripes of one pixel become grey, they are not sampled.
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert abs(pil_squash(stripes, 8).astype(int) - 128).max() <= 8
