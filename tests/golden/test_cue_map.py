"""Cue maps against the reference's final maps: bilinear to the input size, then min-max."""

from pathlib import Path

import numpy as np

from cuewalk.cues import cue_map

DATA = np.load(Path(__file__).parent / "data" / "cue_map.npz")


def test_map_of_each_class_equals_the_reference() -> None:
    # The reference's evaluation map takes no root, and explains no mirrored photograph.
    found = cue_map([DATA["grid"][:, None]], [64], (64, 64), root=1)
    assert found.shape == DATA["map"].shape
    np.testing.assert_allclose(found, DATA["map"], atol=2e-6)
