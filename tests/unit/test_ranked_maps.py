"""What ranks the pixels in the perturbation tests where a map ranks none."""

import numpy as np
import torch
from tiny import SIDE, spec

from cuewalk.classifier.backbone import build_model
from cuewalk.classifier.images import normalise
from cuewalk.evaluate.explanation import evaluated_map
from cuewalk.evaluate.perturbation import ranked_maps
from cuewalk.explain.chance import random


def test_a_constant_map_is_ranked_by_chance_and_the_others_by_themselves() -> None:
    model = build_model(spec(image_size=SIDE), 3).eval()
    image = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    grids = np.random.default_rng(0).random((3, 4, 4), np.float32)
    grids[1] = 0.25
    constant = np.array([False, True, False])
    planes = ranked_maps(model, image, grids, constant, [0, 2, 1], seed=5)
    assert planes.shape == (3, SIDE, SIDE)
    expected = evaluated_map(grids, (SIDE, SIDE))
    assert np.array_equal(planes[[0, 2]], expected[[0, 2]])
    # As method `random` has it, for this photograph, class and seed.
    chance = random(model, normalise(image)[None], torch.tensor([[2]]), seed=5)
    assert np.array_equal(planes[1], evaluated_map(chance[0].numpy(), (SIDE, SIDE))[0])
    assert len(np.unique(planes[1])) > 16
