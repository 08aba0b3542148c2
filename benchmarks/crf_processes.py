"""Claim: the dense CRF in two processes is nearly twice as fast as in one.

pydensecrf holds the interpreter lock, so jobs are processes; these share nothing but the machine.
Time of day: only on two quiet cores is it the claim's figure.
"""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from crf import both, repeat
from paired import Part, Row, at_least, compare, main


def share(pool: ProcessPoolExecutor, jobs: int, images: int, size: tuple[int, int]) -> None:
    """Cut the work into so many jobs and wait for all."""
    waiting = [pool.submit(repeat, both, size, images // jobs) for _ in range(jobs)]
    for one in waiting:
        one.result()


def rows(quick: bool = False) -> list[Row]:
    """The claim as measured."""
    images, size = (2, (100, 75)) if quick else (8, (500, 375))
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        one, two = (partial(share, pool, jobs, images, size) for jobs in (1, 2))
        part = Part("dense CRF: one process / two processes", two, at_least(1.8, 1.95))
        return compare(one, [part], rounds=1 if quick else 5, clock=time.perf_counter)


if __name__ == "__main__":
    main(rows, __doc__)
