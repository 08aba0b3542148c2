"""Average precision of the classifier, per class."""

import numpy as np

from cuewalk.evaluate.precision import class_precision


def test_average_precision_by_hand() -> None:
    scores = np.array([[0.9, 0.1, 0.5], [0.8, 0.2, 0.5], [0.7, 0.3, 0.1], [0.6, 0.4, 0.9]])
    targets = np.array([[1, 1, 0], [0, 0, 0], [1, 1, 0], [0, 0, 0]])
    # First class: right at ranks 1 and 3; second: at ranks 2 and 4; third: never there.
    expected = [(1 / 1 + 2 / 3) / 2, (1 / 2 + 2 / 4) / 2, np.nan]
    np.testing.assert_allclose(class_precision(scores, targets), expected)
