"""Mean affinity by cell, against a loop over all pairs."""

import numpy as np
import pytest

from cuewalk.affinity.pairs import pair_nodes
from cuewalk.affinity.picture import mean_affinity


@pytest.mark.parametrize(("height", "width", "radius"), [(6, 9, 3), (8, 8, 2), (9, 12, 5)])
def test_mean_over_all_pairs_of_a_cell(height: int, width: int, radius: int):
    sources, targets = pair_nodes(height, width, radius)
    affinity = np.random.default_rng(0).random(targets.shape, np.float32)
    of_cell: dict[int, list[float]] = {cell: [] for cell in range(height * width)}
    for offset, row in enumerate(targets):
        for pair, target in enumerate(row):
            of_cell[int(target)].append(float(affinity[offset, pair]))
            of_cell[int(sources[pair])].append(float(affinity[offset, pair]))
    everything = float(affinity.mean())
    expected = [np.mean(values) if values else everything for values in of_cell.values()]
    found = mean_affinity(affinity, height, width, radius)
    assert found.shape == (height, width)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-5)
    # Or nothing would be said of the corners, which hold cells without a pair.
    assert [] in of_cell.values()


def test_a_border_is_dark():
    sources, targets = pair_nodes(8, 8, 2)
    side = np.arange(64) % 8 < 4
    affinity = (side[sources][None] == side[targets]).astype(np.float32)
    found = mean_affinity(affinity, 8, 8, 2)
    assert found[:, 3:5].max() < found[:, [1, 6]].min() == 1
