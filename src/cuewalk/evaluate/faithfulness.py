"""What a map's perturbation counts as right, by the kind of labels (paper table 2).

The paper's images have one label and its network one answer: right is a top-1 class equal to the
label, whichever class was explained. Where photographs have several labels, the explained class is
right if it is in the photograph and the network still says so, by a logit above 0.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def hits(
    top: NDArray[np.integer[Any]],
    logit: NDArray[np.floating[Any]],
    explained: int,
    labels: frozenset[int],
    *,
    single: bool,
) -> NDArray[np.bool_]:
    """Whether the network is right, for each direction and share of black pixels.

    Args:
        top: (directions, 10) class of the highest logit.
        logit: (directions, 10) of the explained class.
        explained: the class whose map gave the order of the pixels.
        labels: true classes of the photograph.
        single: photographs have one label each (ImageNet).
    """
    if single:
        return np.isin(top, list(labels))
    return (logit > 0) & (explained in labels)
