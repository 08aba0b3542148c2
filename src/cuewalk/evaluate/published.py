"""Figures of the paper's tables 2, 3 and 4, in percent, and the data they were measured on.

Methods have this project's names. ``relevance`` is the paper's own column ("Ours"); the others are
those that the paper takes over from Chefer et al.
"""

from collections.abc import Sequence

from cuewalk.datasets.voc import VOC_CLASSES

TABLE_2 = {
    "relevance": {
        ("negative", "predicted"): 54.13,
        ("negative", "target"): 55.03,
        ("positive", "predicted"): 17.03,
        ("positive", "target"): 16.38,
    },
    "rollout": {("negative", "predicted"): 53.1, ("positive", "predicted"): 20.05},
    "raw_attention": {("negative", "predicted"): 45.55, ("positive", "predicted"): 23.99},
    "gradcam": {
        ("negative", "predicted"): 41.52,
        ("negative", "target"): 42.02,
        ("positive", "predicted"): 34.06,
        ("positive", "target"): 33.56,
    },
    "lrp": {
        ("negative", "predicted"): 43.49,
        ("negative", "target"): 43.49,
        ("positive", "predicted"): 41.94,
        ("positive", "target"): 41.93,
    },
    "partial_lrp": {
        ("negative", "predicted"): 50.49,
        ("negative", "target"): 50.49,
        ("positive", "predicted"): 19.64,
        ("positive", "target"): 19.64,
    },
}
"""Area under the accuracy curve by method, (direction, class explained). Maps that ignore the
class have no figures of their own for the target class."""

TABLE_3 = {
    "relevance": {"pixel_accuracy": 79.73, "map": 86.03, "miou": 62.01},
    "rollout": {"pixel_accuracy": 73.54, "map": 84.76, "miou": 55.42},
    "raw_attention": {"pixel_accuracy": 67.84, "map": 80.24, "miou": 46.37},
    "gradcam": {"pixel_accuracy": 64.44, "map": 71.60, "miou": 40.82},
    "lrp": {"pixel_accuracy": 51.09, "map": 55.68, "miou": 32.89},
    "partial_lrp": {"pixel_accuracy": 76.31, "map": 84.67, "miou": 57.94},
}
"""Segmentation figures by method; the released code explains the predicted class."""

TABLE_4 = {"cue": 44.60, "walk": 50.90}

IMAGENET_VAL_IMAGES = 50000
IMAGENET_SEGMENTATION_IMAGES = 4276
VAL_IMAGES = 1449


def comparable(classes: Sequence[str], images: int) -> bool:
    """Whether a run was evaluated on what table 4 was: all twenty VOC classes, all of val."""
    return tuple(classes) == tuple(VOC_CLASSES) and images == VAL_IMAGES


def imagenet_val(kind: str, images: int) -> bool:
    """Whether a run was evaluated on what table 2 was: all of ImageNet's val."""
    return kind == "imagenet" and images == IMAGENET_VAL_IMAGES


def imagenet_segmentation(kind: str, images: int) -> bool:
    """Whether a run was evaluated on what table 3 was: all of ImageNet-Segmentation."""
    return kind == "imagenet_segmentation" and images == IMAGENET_SEGMENTATION_IMAGES
