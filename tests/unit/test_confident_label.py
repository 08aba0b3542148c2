"""The order of the rules that make a confident label."""

import numpy as np
import pytest

from cuewalk.labels import confident_label

BACKGROUND = (0.8, 0.1, 0.1)
FIRST = (0.1, 0.7, 0.2)
SECOND = (0.1, 0.2, 0.7)
TIE = (0.4, 0.4, 0.2)


@pytest.mark.parametrize(
    ("low", "high", "label"),
    [
        (FIRST, FIRST, 1),
        (SECOND, SECOND, 2),
        (SECOND, FIRST, 2),  # low says which class
        (BACKGROUND, BACKGROUND, 0),
        (BACKGROUND, FIRST, 255),
        (FIRST, BACKGROUND, 0),  # background under high wins
        (TIE, FIRST, 255),  # ties count as background
        (FIRST, TIE, 0),
    ],
)
def test_rules(low: tuple[float, ...], high: tuple[float, ...], label: int) -> None:
    # A second cell, always the first class, shows that cells do not mix.
    low_grid, high_grid = (np.array([cell, FIRST]).T.reshape(3, 1, 2) for cell in (low, high))
    np.testing.assert_array_equal(confident_label(low_grid, high_grid), [[label, 1]])
