"""The figures to look at first: one per table, beside the published one, and what it is of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cuewalk.evaluate.published import TABLE_2, TABLE_3, TABLE_4
from cuewalk.evaluate.selection import FIXED

METHOD = "relevance"
"""The paper's own explainer."""
KINDS = {
    "shapes": "built-in shapes",
    "voc": "data in the layout of PASCAL VOC",
    "folder": "a folder of photographs",
    "imagenet": "ImageNet",
    "imagenet_segmentation": "ImageNet-Segmentation",
}


@dataclass(frozen=True)
class Headline:
    """A figure of the run, in percent, and the paper's.

    Attributes:
        table: of the paper.
        what: is measured.
        figure: of this run.
        low: of its 95 % interval.
        high: of its 95 % interval.
        published: the paper's.
        same_data: whether both were measured on the same photographs and classes.
        ran_on: this run's photographs and settings, in words.
        paper_on: the paper's photographs.
    """

    table: str
    what: str
    figure: float
    low: float
    high: float
    published: float
    same_data: bool
    ran_on: str
    paper_on: str


def headlines(
    masks: pd.DataFrame | None,
    faithfulness: pd.DataFrame | None,
    cue_segmentation: pd.DataFrame | None,
    settings: Mapping[str, Any],
) -> Iterator[Headline]:
    """One for each table that the run has."""
    if masks is not None:
        row = _first(masks, source="walk", chosen=FIXED)
        sizes = settings.get("cues", {}).get("sizes", [])
        yield Headline(
            "Table 4: masks",
            "mean IoU of the walk, at the config's setting",
            *(row["miou"], row["miou_low"], row["miou_high"], TABLE_4["walk"]),
            pd.notna(row["published"]),
            f"{_photographs(row)}, background {row['background']}, beta {row['beta']:g}, "
            f"{row['steps']:g} steps{_sizes(sizes)}{_seed(settings)}",
            "VOC 2012 val, 1,449 photographs, 20 classes",
        )
    if faithfulness is not None and METHOD in set(faithfulness["method"]):
        row = _first(faithfulness, method=METHOD, classes="predicted", direction="negative")
        yield Headline(
            "Table 2: faithfulness",
            "AUC of the negative perturbation, relevance of the predicted class",
            *(row["auc"], row["auc_low"], row["auc_high"]),
            TABLE_2[METHOD]["negative", "predicted"],
            pd.notna(row["published"]),
            f"{_photographs(row)}, {row['accuracy']:.1f} % right unperturbed{_seed(settings)}",
            "ImageNet val, 50,000 photographs, ViT-B/16",
        )
    if cue_segmentation is not None and METHOD in set(cue_segmentation["method"]):
        row = _first(cue_segmentation, method=METHOD, classes="predicted")
        yield Headline(
            "Table 3: maps as masks",
            "mean IoU of object and background, relevance of the predicted class",
            *(row["miou"], row["miou_low"], row["miou_high"], TABLE_3[METHOD]["miou"]),
            pd.notna(row["miou_published"]),
            f"{_photographs(row)}{_seed(settings)}",
            "ImageNet-Segmentation, 4,276 photographs, ViT-B/16",
        )


def lead(
    kind: str,
    lists: Mapping[str, Any],
    counts: Mapping[str, int],
    classes: Sequence[str],
    *,
    figures: bool,
) -> str:
    """What was run on what, in two sentences.

    Args:
        kind: of the data set.
        lists: role -> name of its list, or None.
        counts: role -> number of photographs.
        classes: names.
        figures: whether anything was compared with ground truth.
    """
    made = "figures" if figures else "masks"
    learnt = (
        f"a network learnt from the image labels of {counts['train']} photographs "
        f"(list {lists['train']})"
        if counts.get("train")
        else "the network came ready"
    )
    some = ", ".join(classes[:20]) + (", …" if len(classes) > 20 else "")
    return (
        f"On {KINDS[kind]}: {learnt}, and the {made} are of {counts['evaluate']} photographs "
        f"(list {lists['evaluate']}). {len(classes)} classes: {some}."
    )


def _first(table: pd.DataFrame, **values: str) -> dict[str, Any]:
    for name, value in values.items():
        table = table[table[name] == value]
    return {str(name): value for name, value in table.iloc[0].items()}


def _photographs(row: Mapping[str, Any]) -> str:
    return f"{row['images']} photograph{'' if row['images'] == 1 else 's'}"


def _sizes(sizes: Sequence[int]) -> str:
    return f", cues at {', '.join(map(str, sizes))} pixels" if sizes else ""


def _seed(settings: Mapping[str, Any]) -> str:
    seed = settings.get("seed", {}).get("seed")
    return "" if seed is None else f", seed {seed}"
