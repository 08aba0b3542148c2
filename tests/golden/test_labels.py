"""Confident labels against the reference's, exact.

data/confident.npz holds the two posteriors at the photograph's size as float16 (the labels have
margins of 1e-4 and are the same from float32) and the labels of the photograph and of its mirror.
"""

from pathlib import Path

import numpy as np
import pytest

from cuewalk.labels import confident_label
from cuewalk.resize import to_cells

GOLDEN = np.load(Path(__file__).parent / "data" / "confident.npz")


@pytest.mark.parametrize(("step", "expected"), [(1, "label"), (-1, "label_mirrored")])
def test_label_of_photograph_and_of_its_mirror(step: int, expected: str) -> None:
    low, high = (
        to_cells(GOLDEN[name].astype(np.float32)[..., ::step], 56) for name in ("low", "high")
    )
    label = confident_label(low, high)
    assert label.dtype == np.uint8
    np.testing.assert_array_equal(label, GOLDEN[expected])


def test_golden_labels_hold_every_kind() -> None:
    assert set(np.unique(GOLDEN["label"])) == {0, 1, 2, 255}
    assert not np.array_equal(GOLDEN["label"], GOLDEN["label_mirrored"])
