"""From stored token grids to cues at the size of the photograph, and their background (paper 5.3).

A cue is stored as the relevance of the image tokens (a 28 x 28 grid for 448 pixels), once for the
photograph and once for its mirror image. The map is a deterministic function of these grids: this
module. The root, the min-max and the background exponent follow the paper's released code; the
paper's text names none of the first two.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuewalk.resize import F, resize

# Bilinear weights sum to 1 only up to rounding, so a constant grid gives a map with a span of this
# order (relative to its top). Min-max would blow that rounding up to a full-range cue.
_ROUNDING = 1e-6


def cue_map(
    grids: Sequence[NDArray[np.floating[Any]]],
    input_sizes: Sequence[int],
    size: tuple[int, int],
    *,
    root: float = 3,
) -> NDArray[np.float32]:
    """Turn the token grids of one photograph into one map per class.

    Each grid becomes a map on its own: upsampled to the input size, clipped at 0, root taken,
    stretched to [0, 1] per class, brought to the photograph. The mean over input sizes and over
    the mirror pair is not stretched again, so a cue usually peaks below 1.

    Args:
        grids: per input size the relevance of the tokens, (K, 2, gh, gw): plain, mirrored. The
            second axis has length 1 where no mirrored photograph was explained. Any real values.
        input_sizes: side in pixels of the square network input behind each entry of ``grids``.
        size: (H, W) of the photograph.
        root: the map is raised to 1 / root; above 1 it lifts weak relevance.

    Returns:
        float32 (K, H, W) in [0, 1]; a class of constant relevance is 0 everywhere.

    Raises:
        ValueError: ``grids`` and ``input_sizes`` differ in length.
    """
    maps = []
    for grid, side in zip(grids, input_sizes, strict=True):
        relevance = resize(grid.astype(np.float32), (side, side))
        views = resize(stretch(np.maximum(relevance, 0) ** np.float32(1 / root)), size)
        maps += [views[:, 0], *(views[:, 1:, :, ::-1].swapaxes(0, 1))]
    # The clip takes off an excess of rounding only: (1 - cue) ** alpha must not see a negative.
    return np.clip(np.mean(maps, axis=0, dtype=np.float32), 0, 1)


def background_map(cues: NDArray[F], alpha: float) -> NDArray[F]:
    """Background map (1 - max_c M_c) ** alpha: high where no class of the image is.

    Args:
        cues: (K, H, W) in [0, 1]; K may be 0.
        alpha: exponent; low (4) leaves much background, high (32) only the surest.

    Returns:
        (H, W) in [0, 1], of the dtype of ``cues``.
    """
    absence = np.clip(1 - cues.max(axis=0, initial=0), 0, 1)
    background: NDArray[F] = absence ** cues.dtype.type(alpha)
    return background


def stretch(planes: NDArray[F]) -> NDArray[F]:
    """Min-max each plane to [0, 1]; a constant plane becomes 0 (the released code gives NaN).

    Args:
        planes: (..., h, w), float, any real values.

    Returns:
        (..., h, w) of the dtype of ``planes``, in [0, 1].
    """
    safe = np.where(is_constant(planes)[..., None, None], 0, planes)
    low = safe.min(axis=(-2, -1), keepdims=True)
    span = safe.max(axis=(-2, -1), keepdims=True) - low
    stretched: NDArray[F] = (safe - low) / np.where(span > 0, span, 1)
    return stretched


def is_constant(planes: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Whether each plane tells no place from another: its span is but rounding.

    Args:
        planes: (..., h, w), float, any real values.

    Returns:
        bool (...). A plane that holds a NaN or an infinity counts as constant: nothing can be
        ranked by it.
    """
    low, high = planes.min(axis=(-2, -1)), planes.max(axis=(-2, -1))
    with np.errstate(invalid="ignore"):  # a NaN compares as not varying, which is meant
        varies: NDArray[np.bool_] = high - low > _ROUNDING * np.maximum(abs(low), abs(high))
    return ~varies
