"""How well the classifier tells the classes: average precision per class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score


def class_precision(
    scores: NDArray[np.floating[Any]], targets: NDArray[np.integer[Any]]
) -> NDArray[np.float64]:
    """Average precision of each class.

    Args:
        scores: (n, classes), any real values.
        targets: (n, classes), 1 where a class is present, else 0.

    Returns:
        (classes,) in [0, 1]; nan for a class that no photograph shows.
    """
    return np.array(
        [
            average_precision_score(targets[:, c], scores[:, c]) if targets[:, c].any() else np.nan
            for c in range(targets.shape[1])
        ]
    )
