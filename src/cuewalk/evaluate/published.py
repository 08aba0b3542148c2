"""Figures of the paper's table 4, VOC 2012 val, mean IoU in percent."""

from collections.abc import Sequence

from cuewalk.datasets.voc import VOC_CLASSES

TABLE_4 = {"cue": 44.60, "walk": 50.90}
VAL_IMAGES = 1449


def comparable(classes: Sequence[str], images: int) -> bool:
    """Whether a run was evaluated on what the paper was: all twenty classes, all of val."""
    return tuple(classes) == tuple(VOC_CLASSES) and images == VAL_IMAGES
