"""Which background setting a figure belongs to, and how it was chosen (paper table 4).

A setting may be fixed by the config, or selected on one split and reported on another. The best
setting on the reported photographs themselves is shown for the cue alone, and marked as such: it is
what a threshold tuned on ground truth would give.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuewalk.evaluate.confusion import bootstrap_gain, bootstrap_mean_iou, class_iou, mean_iou

FIXED = "config"
SELECTED = "selected on select"
ORACLE = "best on evaluate (ground truth)"


@dataclass(frozen=True)
class Scores:
    """Pixel counts of one source (cue, crf or walk) on one split.

    Attributes:
        source: what was scored.
        split: role of the photographs.
        settings: description of each setting; the first is the config's own.
        counts: (n, settings, 3, C + 1) per photograph, of `confusion.pixel_counts`.
    """

    source: str
    split: str
    settings: Sequence[Mapping[str, Any]]
    counts: NDArray[np.integer[Any]]

    def mean_ious(self) -> NDArray[np.float64]:
        """Mean IoU in [0, 1] of every setting (settings,)."""
        return np.array([mean_iou(c) for c in self.counts.sum(axis=0)])

    def best(self) -> int:
        """The setting of highest mean IoU; the earlier one at a tie."""
        return int(np.nanargmax(self.mean_ious()))


def mask_rows(
    evaluated: Sequence[Scores],
    selected: Sequence[Scores],
    classes: Sequence[str],
    *,
    samples: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Rows of metrics/masks.csv: each source under the config's setting and the selected one.

    Args:
        evaluated: scores on the evaluation split; the cue's come first, its fixed row is what
            gains are measured against.
        selected: the same sources on the selection split, or empty.
        classes: names, without the background.
        samples: of the bootstrap over photographs, for 95 % intervals.
        seed: of the bootstrap.
    """
    base = evaluated[0].counts[:, 0]
    rows = []
    for scores in evaluated:
        chosen = {FIXED: 0}
        for other in selected:
            if other.source == scores.source and len(other.counts):
                chosen[SELECTED] = other.best()
        if scores.source == "cue":
            chosen[ORACLE] = scores.best()
        for how, index in chosen.items():
            rows.append(_row(scores, index, how, base, classes, samples, seed))
    return rows


def _row(
    scores: Scores,
    index: int,
    how: str,
    base: NDArray[Any],
    classes: Sequence[str],
    samples: int,
    seed: int,
) -> dict[str, Any]:
    per_image = scores.counts[:, index]
    total = per_image.sum(axis=0)
    low, high = bootstrap_mean_iou(per_image, samples=samples, seed=seed)
    gain_low, gain_high = bootstrap_gain(base, per_image, samples=samples, seed=seed)
    setting = scores.settings[index]
    return {
        "source": scores.source,
        "chosen": how,
        "split": scores.split,
        "images": len(per_image),
        "background": setting["name"],
        "alpha": setting["alpha"],
        "threshold": setting["constant"],
        "beta": setting["beta"],
        "steps": setting["steps"],
        "miou": 100 * mean_iou(total),
        "miou_low": 100 * low,
        "miou_high": 100 * high,
        "gain": 100 * (mean_iou(total) - mean_iou(base.sum(axis=0))),
        "gain_low": 100 * gain_low,
        "gain_high": 100 * gain_high,
        **{
            f"iou_{name}": 100 * value
            for name, value in zip(["background", *classes], class_iou(total), strict=True)
        },
    }


def background_rows(scores: Scores) -> list[dict[str, Any]]:
    """Rows of metrics/background.csv: every setting of a source on a split."""
    return [
        {
            "source": scores.source,
            "split": scores.split,
            "images": len(scores.counts),
            "beta": setting["beta"],
            "steps": setting["steps"],
            "background": setting["name"],
            "place": setting["place"],
            "alpha": setting["alpha"],
            "threshold": setting["constant"],
            "miou": 100 * value,
        }
        for setting, value in zip(scores.settings, scores.mean_ious(), strict=True)
    ]
