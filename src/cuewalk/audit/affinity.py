"""The affinities of one photograph, which no stage keeps. The one place here that needs torch."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from cuewalk.affinity.loss import affinities
from cuewalk.affinity.picture import mean_affinity
from cuewalk.classifier.images import normalise, pil_squash, to_tensor
from cuewalk.stages.walk import load_net


def photograph_affinity(model: Path, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean affinity of each cell to those around it.

    Args:
        model: weights of AffinityNet.
        image: uint8 (H, W, 3).

    Returns:
        float32 (g, g) in [0, 1].
    """
    net, about = load_net(model)
    size, cells = about["affinitynet"]["image_size"], about["grid"]["cells"]
    radius = about["grid"]["radius"]
    with torch.no_grad():
        features = net(normalise(to_tensor(pil_squash(image, size))[None]))
        found = affinities(features, radius)[0].numpy()
    return mean_affinity(found, cells, cells, radius)
