"""Confident labels against ground truth: how precise, and how much they cover."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuewalk.resize import to_cells

VOID = 255


def label_confusion(
    truth: NDArray[np.uint8], label: NDArray[np.uint8], class_ids: Sequence[int], classes: int
) -> NDArray[np.int64]:
    """Compare a label grid with the mask brought to the same cells.

    Args:
        truth: (H, W) label ids 0..classes, 255 void.
        label: (g, g) 0 background, k the k-th of `class_ids` counting from 1, 255 neutral.
        class_ids: class index of the photograph's own classes, ascending.
        classes: number of classes of the data set.

    Returns:
        (classes + 1, classes + 2) cells: rows the true label that covers most of the cell, columns
        the given label, the last one neutral. Cells that are mostly void are not counted.
    """
    share = np.stack([truth == value for value in (*range(classes + 1), VOID)]).astype(np.float32)
    true = to_cells(share, label.shape[0]).argmax(axis=0)
    names = np.full(256, classes + 1, np.int64)
    names[: len(class_ids) + 1] = [0, *(c + 1 for c in class_ids)]
    given = names[label]
    counted = true <= classes
    flat = true[counted] * (classes + 2) + given[counted]
    size = (classes + 1) * (classes + 2)
    return np.bincount(flat, minlength=size).reshape(classes + 1, classes + 2)


def label_figures(matrix: NDArray[Any]) -> dict[str, float]:
    """Precision and share of the labels, from a (summed) `label_confusion` matrix.

    Returns:
        `foreground_precision`: of cells given a class, those of that class; `any_foreground`: of
        any class; `background_precision`; `foreground_share`, `background_share`, `neutral_share`
        of all counted cells; `foreground_recall`: of true foreground cells, those rightly given.
        nan where nothing was given.
    """
    total = matrix.sum()
    given = matrix[:, 1:-1]
    right = given[1:].trace()

    def part(some: float, of: float) -> float:
        return float(some / of) if of else float("nan")

    return {
        "foreground_precision": part(right, given.sum()),
        "any_foreground": part(given[1:].sum(), given.sum()),
        "background_precision": part(matrix[0, 0], matrix[:, 0].sum()),
        "foreground_share": part(given.sum(), total),
        "background_share": part(matrix[:, 0].sum(), total),
        "neutral_share": part(matrix[:, -1].sum(), total),
        "foreground_recall": part(right, matrix[1:].sum()),
    }
