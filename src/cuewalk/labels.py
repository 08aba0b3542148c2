"""Confident labels: the cells whose class both CRF posteriors leave beyond doubt (paper 5.3).

A low background exponent makes a strong background, so a cell that still shows a class is surely
foreground; a high exponent makes a weak one, so a cell that still shows background surely is.
Everything between is neutral and teaches the affinity network nothing.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

BACKGROUND = 0
NEUTRAL = 255


def confident_label(
    low: NDArray[np.floating[Any]], high: NDArray[np.floating[Any]]
) -> NDArray[np.uint8]:
    """Label each cell with its class, background or neutral.

    Args:
        low: (K + 1, g, g) posterior under the low background exponent, pooled to cells,
            background first (see ``cuewalk.resize.to_cells``).
        high: the same under the high exponent.

    Returns:
        uint8 (g, g): 0 background, 1..K an index into the photograph's own classes (not a label
        of the data set: only equality matters to the pairs), 255 neutral.
    """
    # argmax gives ties to the lowest index: background.
    label: NDArray[np.uint8] = low.argmax(axis=0).astype(np.uint8)
    label[label == BACKGROUND] = NEUTRAL
    # Last, so that it wins: a class under low but background under high is background.
    label[high.argmax(axis=0) == BACKGROUND] = BACKGROUND
    return label
