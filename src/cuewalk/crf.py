"""Dense CRF that sharpens cues along the edges of the photograph (paper 5.3).

Fully connected CRF of Kraehenbuehl and Koltun (2011) with the released code's settings: unary
-log P, Potts, a Gaussian kernel on position and a bilateral one on position and colour.

Cues are sharpened twice, with a low and a high background exponent. A Potts model couples labels
through the softmax of each step alone, so both problems run as one of twice the labels on one
lattice if the softmax is taken anew within each problem after each step: exact maths, up to 1.8
times faster. pydensecrf holds the interpreter lock: use processes, not threads.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydensecrf import densecrf

from cuewalk.cues import background_map

_FLOOR = 1e-5  # probabilities below it count as it: -log stays finite
# Packed, a problem's labels may all lie this far below the other's, plus the unary's 11.5;
# float32 exp gives 0 at 87.
_PACKED_LIMIT = 60


@dataclass(frozen=True)
class CrfSettings:
    """Strengths of the dense CRF; defaults are those of the paper's released code.

    Attributes:
        iterations: mean-field steps; 0 leaves the normalised probabilities.
        gaussian_sxy: reach of the smoothness kernel, in pixels.
        gaussian_compat: its Potts weight.
        bilateral_sxy: reach of the colour kernel, in pixels.
        bilateral_srgb: its tolerance for colour, in grey levels of 0..255.
        bilateral_compat: its Potts weight.
        scale: both reaches are divided by it; for photographs shrunk by this factor.
    """

    iterations: int = 10
    gaussian_sxy: float = 3
    gaussian_compat: float = 3
    bilateral_sxy: float = 80
    bilateral_srgb: float = 13
    bilateral_compat: float = 10
    scale: float = 1


def dense_crf(
    image: NDArray[np.uint8], probabilities: NDArray[np.floating[Any]], settings: CrfSettings
) -> NDArray[np.float32]:
    """Posterior of a dense CRF over the labels of one photograph.

    Args:
        image: (H, W, 3) RGB.
        probabilities: (L, H, W) in [0, 1], usually [background, classes]; they need not sum to 1.
        settings: strengths and number of steps.

    Returns:
        float32 (L, H, W), summing to 1 over the labels of each pixel.
    """
    posterior: NDArray[np.float32] = _mean_field(image, probabilities[None], settings)[0]
    return posterior


def dense_crf_pair(
    image: NDArray[np.uint8],
    cues: NDArray[np.floating[Any]],
    alpha_low: float,
    alpha_high: float,
    settings: CrfSettings,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Posteriors of the cues against a generous and against a strict background.

    Args:
        image: (H, W, 3) RGB.
        cues: (K, H, W) in [0, 1].
        alpha_low: background exponent of the first posterior (4 in the paper): sure foreground.
        alpha_high: background exponent of the second (32 in the paper): sure background.
        settings: strengths and number of steps.

    Returns:
        (low, high), each float32 (K + 1, H, W) with the background first, summing to 1.
    """
    backgrounds = [background_map(cues, alpha)[None] for alpha in (alpha_low, alpha_high)]
    problems = np.stack([np.concatenate([background, cues]) for background in backgrounds])
    if settings.gaussian_compat + settings.bilateral_compat > _PACKED_LIMIT:
        return dense_crf(image, problems[0], settings), dense_crf(image, problems[1], settings)
    low, high = _mean_field(image, problems, settings)
    return low, high


def _mean_field(
    image: NDArray[np.uint8], problems: NDArray[np.floating[Any]], settings: CrfSettings
) -> NDArray[np.float32]:
    """Solve G problems (G, L, H, W) on one photograph together; float32 of the same shape."""
    groups, labels, height, width = problems.shape
    field = densecrf.DenseCRF2D(width, height, groups * labels)
    energy = -np.log(np.clip(problems, _FLOOR, 1)).astype(np.float32)
    field.setUnaryEnergy(np.ascontiguousarray(energy.reshape(groups * labels, -1)))
    _add_kernels(field, np.ascontiguousarray(image), settings)
    posterior, scratch, more_scratch = field.startInference()
    # A view of pydensecrf's own buffer: what is written here is what the next step reads.
    shared = np.asarray(posterior).T
    # Which labels are of one problem: numpy sums them up faster by a product than along so short
    # an axis.
    together = np.kron(np.eye(groups), np.ones((labels, labels))).astype(np.float32)
    totals = np.empty_like(shared)
    for step in range(settings.iterations + 1):
        if step:
            field.stepInference(posterior, scratch, more_scratch)
        np.divide(shared, np.matmul(shared, together, out=totals), out=shared)
    return np.ascontiguousarray(shared.T).reshape(problems.shape)


def _add_kernels(field: Any, image: NDArray[np.uint8], settings: CrfSettings) -> None:
    """Add the smoothness and the colour kernel (diagonal, symmetrically normalised)."""
    field.addPairwiseGaussian(
        sxy=settings.gaussian_sxy / settings.scale, compat=settings.gaussian_compat
    )
    field.addPairwiseBilateral(
        sxy=settings.bilateral_sxy / settings.scale,
        srgb=settings.bilateral_srgb,
        rgbim=image,
        compat=settings.bilateral_compat,
    )
