"""Removed pixels against a loop over pixels, and the symmetries of the two directions."""

import numpy as np
import pytest
import torch

from cuewalk.evaluate.perturbation import FRACTIONS, perturbed, pixel_counts, removal_order

HEIGHT, WIDTH = 6, 7
PIXELS = HEIGHT * WIDTH


def maps(count: int = 3, *, values: int | None = None, dtype: str = "float32") -> torch.Tensor:
    """Maps in [0, 1); of that many different values, so with ties, or of none alike."""
    rng = np.random.default_rng(0)
    size = (count, HEIGHT, WIDTH)
    if values is not None:
        drawn = rng.integers(0, values, size) / values
    else:
        drawn = np.stack([rng.permutation(PIXELS).reshape(size[1:]) for _ in range(count)]) / PIXELS
    return torch.from_numpy(drawn.astype(dtype))


def images(count: int = 3, dtype: str = "float32") -> torch.Tensor:
    drawn = np.random.default_rng(1).uniform(0.1, 1, (count, 3, HEIGHT, WIDTH))
    return torch.from_numpy(drawn.astype(dtype))


def test_counts_of_the_papers_images() -> None:
    expected = [5017, 10035, 15052, 20070, 25088, 30105, 35123, 40140, 45158]
    assert pixel_counts(224 * 224) == expected


def test_counts_are_tenths_rounded_down() -> None:
    assert FRACTIONS == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    for pixels in (1, 9, 10, 99, 100, 64 * 64, 224 * 224, 384 * 384):
        assert pixel_counts(pixels) == [tenth * pixels // 10 for tenth in range(1, 10)]


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("values", [None, 4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_against_a_loop_over_pixels(positive: bool, values: int | None, dtype: str) -> None:
    ranked, whole = maps(values=values, dtype=dtype), images(dtype=dtype)
    orders = removal_order(ranked, positive)
    assert orders.dtype == torch.int64
    found = perturbed(whole, orders)
    assert found.dtype == whole.dtype
    assert found.shape == (3, 9, 3, HEIGHT, WIDTH)
    for image in range(3):
        flat = ranked[image].flatten().tolist()
        order = sorted(range(PIXELS), key=lambda p: (-flat[p] if positive else flat[p], p))
        assert orders[image].tolist() == order
        for level in range(9):
            expected = whole[image].clone()
            for pixel in order[: PIXELS * (level + 1) // 10]:
                expected[:, pixel // WIDTH, pixel % WIDTH] = 0
            assert torch.equal(found[image, level], expected)


def test_a_batch_is_its_images() -> None:
    orders = removal_order(maps(), True)
    found = perturbed(images(), orders)
    for image in range(3):
        order = removal_order(maps()[image : image + 1], True)
        assert torch.equal(order[0], orders[image])
        assert torch.equal(perturbed(images()[image : image + 1], order)[0], found[image])


def test_the_images_given_stay_whole() -> None:
    whole = images()
    perturbed(whole, removal_order(maps(), True))
    assert torch.equal(whole, images())


def test_without_ties_the_directions_are_reverses() -> None:
    positive, negative = removal_order(maps(), True), removal_order(maps(), False)
    assert torch.equal(positive.flip(1), negative)


def test_negating_the_map_swaps_the_directions() -> None:
    tied = maps(values=4)
    assert torch.equal(removal_order(-tied, True), removal_order(tied, False))
    assert torch.equal(removal_order(-tied, False), removal_order(tied, True))


def test_a_constant_map_removes_the_same_both_ways() -> None:
    flat = torch.full((2, HEIGHT, WIDTH), 0.3)
    for positive in (True, False):
        order = removal_order(flat, positive)
        assert torch.equal(order, torch.arange(PIXELS).expand(2, -1))


@pytest.mark.parametrize("positive", [True, False])
def test_mirrored_map_and_image_give_the_mirrored_result(positive: bool) -> None:
    plain = perturbed(images(), removal_order(maps(), positive))
    mirrored = perturbed(images().flip(-1), removal_order(maps().flip(-1), positive))
    assert torch.equal(mirrored.flip(-1), plain)


def test_levels_are_nested() -> None:
    black = perturbed(images(), removal_order(maps(values=3), True)) == 0
    assert (black[:, 1:] | ~black[:, :-1]).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_everything_stays_on_the_device_given(dtype: torch.dtype) -> None:
    # The meta device refuses to meet the CPU, like a GPU, but is on every machine.
    whole = torch.empty(2, 3, HEIGHT, WIDTH, device="meta", dtype=dtype)
    found = perturbed(whole, removal_order(whole[:, 0], True))
    assert (found.device.type, found.dtype) == ("meta", dtype)


@pytest.mark.parametrize("shape", [(2, PIXELS), (3, PIXELS - 1), (3, HEIGHT, WIDTH)])
def test_orders_must_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        perturbed(images(), torch.zeros(shape, dtype=torch.int64))
