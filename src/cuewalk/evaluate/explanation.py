"""From an explainer's raw map to the map that tables 2 and 3 evaluate (paper 5.2).

The explainers return token grids (full LRP: pixels) on any scale. Both evaluations want one value
in [0, 1] per pixel of the network's input. Unlike a cue, an evaluated map takes no root and no
mirror pair, as in the released evaluation code; the paper's text names neither step.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuewalk.cues import is_constant, stretch
from cuewalk.resize import resize

__all__ = ["evaluated_map", "is_constant"]


def evaluated_map(grid: NDArray[np.floating[Any]], size: tuple[int, int]) -> NDArray[np.float32]:
    """Upsample a raw map bilinearly to the network's input and min-max it.

    Args:
        grid: (..., gh, gw) relevance of tokens or pixels, any real values; float32 or float64.
        size: (H, W) of the network's input, in pixels. A map of that size is not resampled.

    Returns:
        float32 (..., H, W): each plane spans [0, 1]. A plane for which ``is_constant(grid)`` is
        true is 0 everywhere; the released code divides 0 by 0 there and gets NaN.
    """
    # Stretched before resizing too: it changes the result by rounding alone, and keeps a constant
    # grid exactly constant and one of 1e-40 or 1e40 within the reach of float32.
    planes = stretch(grid).astype(np.float32)
    return planes if planes.shape[-2:] == size else stretch(resize(planes, size))
