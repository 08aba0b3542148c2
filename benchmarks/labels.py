"""Claim: the pairs of confident labels are sorted faster than image by image with NumPy.

A batch of 8 label grids of 56 x 56 cells, as a step of AffinityNet's training takes it. The plain
way makes the three float32 masks of the released code's loader for each image.
"""

from functools import partial

import numpy as np
import torch
from paired import Part, Row, Work, at_least, compare, main

from cuewalk.affinity.pairs import NEUTRAL, offsets, pair_kinds, source, target


def made(images: int, cells: int) -> np.ndarray:
    """Label grids (images, cells, cells), uint8: a class amid a neutral ring and background."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:cells, :cells] / cells - 0.5
    distance = np.hypot(y, x) + 0.05 * rng.standard_normal((images, cells, cells))
    return np.select([distance < 0.2, distance < 0.3], [1, NEUTRAL], 0).astype(np.uint8)


def one_by_one(labels: np.ndarray) -> list[np.ndarray]:
    """The plain way: background, foreground and negative masks (images, offsets, P), float32."""
    found = []
    for label in labels:
        here = source(label).reshape(-1)
        there = np.stack([target(label, dy, dx).reshape(-1) for dy, dx in offsets()])
        known = (here != NEUTRAL) & (there != NEUTRAL)
        equal = here == there
        same = equal & known
        kinds = (same & (here == 0), same & (here != 0), known & ~equal)
        found.append([kind.astype(np.float32) for kind in kinds])
    return [np.stack(kind) for kind in zip(*found, strict=True)]


def rows(quick: bool = False) -> list[Row]:
    """The claim as measured."""
    torch.set_num_threads(1)
    images, cells, repeats = (2, 16, 1) if quick else (8, 56, 50)
    labels = made(images, cells)
    batch = torch.from_numpy(labels)
    for one, other in zip(pair_kinds(batch), one_by_one(labels), strict=True):
        np.testing.assert_array_equal(one.numpy(), other)
    ours = partial(_often, repeats, partial(pair_kinds, batch))
    plain = partial(_often, repeats, partial(one_by_one, labels))
    part = Part("confident labels, pairs: NumPy image by image / ours", ours, at_least(4))
    return compare(plain, [part], rounds=1 if quick else 9)


def _often(times: int, work: Work) -> None:
    """So short a work is timed many times over."""
    for _ in range(times):
        work()


if __name__ == "__main__":
    main(rows, __doc__)
