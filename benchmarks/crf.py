"""Claim: the dense CRF under both alphas costs less than two runs of pydensecrf.

A photograph that comes with scikit-learn, shrunk to 500 x 375, a cue of one class with soft edges.
Each way has a process of its own, since ours sets up its process's memory as stage `crf` does; they
run in turn. Time of day, so only on a quiet machine is it the claim's figure.
"""

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial

import numpy as np
from paired import Limits, Part, Row, at_least, compare, main
from PIL import Image
from pydensecrf import densecrf
from sklearn.datasets import load_sample_image

from cuewalk.crf import CrfSettings, dense_crf_pair
from cuewalk.stages.memory import keep_freed_memory

ALPHAS = (4, 32)
SETTINGS = CrfSettings()


@cache
def made(width: int = 500, height: int = 375) -> tuple[np.ndarray, np.ndarray]:
    """A photograph (H, W, 3) and the cue (1, H, W) of its flower, float32 in [0, 1]."""
    photograph = Image.fromarray(load_sample_image("flower.jpg")).resize((width, height))
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    cue = np.exp(-(((x - 0.5) / 0.2) ** 2) - ((y - 0.45) / 0.3) ** 2)
    return np.array(photograph), cue[None].astype(np.float32)


def both(image: np.ndarray, cue: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ours."""
    return dense_crf_pair(image, cue, *ALPHAS, SETTINGS)


def separately(image: np.ndarray, cue: np.ndarray) -> list[np.ndarray]:
    """The plain way: for each alpha a CRF of its own."""
    height, width = image.shape[:2]
    found = []
    for alpha in ALPHAS:
        probabilities = np.concatenate([(1 - cue) ** alpha, cue])
        energy = -np.log(np.clip(probabilities, 1e-5, 1)).reshape(2, -1)
        field = densecrf.DenseCRF2D(width, height, 2)
        field.setUnaryEnergy(energy.astype(np.float32))
        field.addPairwiseGaussian(sxy=3, compat=3)
        field.addPairwiseBilateral(sxy=80, srgb=13, rgbim=image, compat=10)
        found.append(np.array(field.inference(SETTINGS.iterations)).reshape(probabilities.shape))
    return found


def repeat(work: Callable[..., object], size: tuple[int, int], times: int) -> None:
    """What a process does."""
    inputs = made(*size)
    for _ in range(times):
        work(*inputs)


def rows(quick: bool = False) -> list[Row]:
    """The claim as measured."""
    size, times, rounds = ((100, 75), 1, 1) if quick else ((500, 375), 5, 9)
    inputs = made(*size)
    for one, other in zip(both(*inputs), separately(*inputs), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)
    process = partial(ProcessPoolExecutor, 1, multiprocessing.get_context("spawn"))
    with process(initializer=keep_freed_memory) as keeping, process() as usual:
        ours, handing_back = (
            partial(wait, pool, repeat, both, size, times) for pool in (keeping, usual)
        )
        plain = partial(wait, usual, repeat, separately, size, times)
        claim = "dense CRF, two alphas: two pydensecrf runs / ours"
        parts = [
            Part(claim, ours, at_least(1.6, 2)),
            Part(f"{claim}, handing memory back", handing_back, Limits(least=True)),
        ]
        return compare(plain, parts, rounds=rounds, clock=time.perf_counter)


def wait(pool: ProcessPoolExecutor, work: Callable[..., object], *arguments: object) -> None:
    """Run work in a process."""
    pool.submit(work, *arguments).result()


if __name__ == "__main__":
    main(rows, __doc__)
