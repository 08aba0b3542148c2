"""Claim: the random walk's time and memory grow no faster than the number of cells.

168 x 168 cells are nine times 56 x 56. Time is that of one image, where the pattern of the matrix
is known from others; memory the most that a first image takes, its pattern included.
"""

from functools import partial

import torch
from paired import Part, Row, Work, at_most, compare, main, peak_growth
from walk import made, sparse

STEPS = 256


def prepared(cells: int) -> Work:
    """One image's walk on so many cells, after a small one that loads what torch loads."""
    sparse(*made(16), STEPS)
    return partial(sparse, *made(cells), STEPS)


def rows(quick: bool = False) -> list[Row]:
    """The claims as measured."""
    torch.set_num_threads(1)
    small, large = (16, 48) if quick else (56, 168)
    part = Part("random walk, time: 28,224 cells / 3,136", prepared(large), at_most(12, 9))
    time = compare(prepared(small), [part], rounds=1 if quick else 5)
    few, many = (peak_growth(prepared, cells, apart=not quick) for cells in (small, large))
    memory = at_most(12, 9).row(
        "random walk, memory: 28,224 cells / 3,136",
        many / max(few, 1e-3),
        f"{few:.1f} MB to {many:.1f} MB, of the process",
    )
    return [*time, memory]


if __name__ == "__main__":
    main(rows, __doc__)
