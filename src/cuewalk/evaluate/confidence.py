"""How sure a mask is of each pixel, from the planes that competed for it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def confidence(
    planes: NDArray[np.floating[Any]], background: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """The winner's share of what all planes say of a pixel together.

    It orders pixels, and is no probability: nothing has been calibrated.

    Args:
        planes: (K, H, W) score of each class, at least 0.
        background: (H, W), likewise.

    Returns:
        (H, W): from 1 / (K + 1), where all planes are level (or all 0), to 1, where the others are
        0.
    """
    scores = np.concatenate([background[None], planes]).astype(np.float64)
    total = scores.sum(axis=0)
    level = np.full_like(total, 1 / len(scores))
    share: NDArray[np.float64] = np.divide(scores.max(axis=0), total, out=level, where=total > 0)
    return share
