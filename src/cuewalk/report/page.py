"""The report of a run: one HTML page that needs nothing else (figures of paper tables 3 and 4).

Everything on it is put in words here and laid out by page.html.j2, which escapes whatever it gets.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cuewalk.evaluate.selection import FIXED, ORACLE, SELECTED
from cuewalk.report import panels, plots
from cuewalk.report.panels import Panel
from cuewalk.report.plots import NAMES, SOURCES

FOLDERS = {
    "dataset": "photographs, labels and classes of the run",
    "classifier": "weights and history of the classifier",
    "cues": "token grids of relevance, a store per shard",
    "crf": "foreground and background posteriors of the dense CRF",
    "labels": "confident label grids",
    "affinitynet": "weights and history of the affinity network",
    "walk": "class and background planes after the walk",
    "masks": "the product: indexed PNG in the VOC palette, ready to train on",
    "metrics": "the tables of this page as CSV",
}
CHOSEN = {
    FIXED: "set in the config",
    SELECTED: "selected on the masks of the selection photographs",
    ORACLE: "best on these very photographs: needs their ground truth, an upper bound only",
}
LABEL_FIGURES = {
    "foreground_precision": "cells given a class that are of that class",
    "any_foreground": "cells given a class that are of any class",
    "background_precision": "cells given background that are background",
    "foreground_recall": "true foreground cells that were rightly given their class",
}
AFFINITY_LOSS = {
    "loss": "total",
    "foreground": "same class",
    "background": "both background",
    "negative": "different",
}


@dataclass(frozen=True)
class Run:
    """All that the page shows.

    Attributes:
        name: of the run.
        classes: names in label order, without the background.
        photographs: role (train, select, evaluate) -> number of photographs.
        settings: config sections, `dataset` among them.
        masks: metrics/masks.csv, figures in percent.
        background: metrics/background.csv.
        labels: metrics/labels.csv, one row.
        history: classifier/history.csv.
        precision: metrics/precision.csv, percent, the last row being the mean.
        affinity_history: affinitynet/history.csv.
        panels: photographs to show through all stages.
    """

    name: str
    classes: Sequence[str]
    photographs: Mapping[str, int]
    settings: Mapping[str, Any]
    masks: pd.DataFrame
    background: pd.DataFrame
    labels: pd.DataFrame
    history: pd.DataFrame
    precision: pd.DataFrame
    affinity_history: pd.DataFrame
    panels: Sequence[Panel]


def build_page(run: Run) -> str:
    """The page as HTML; names and ids from the data are escaped."""
    environment = Environment(
        loader=PackageLoader("cuewalk.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=_number, signed=_signed)
    fixed = run.masks[run.masks["chosen"] == FIXED]
    return environment.get_template("page.html.j2").render(
        run=run,
        names=NAMES,
        chosen=CHOSEN,
        heads=fixed.to_dict("records"),
        walk=fixed[fixed["source"] == "walk"].to_dict("records")[0],
        published=bool(run.masks["published"].notna().any()),
        masks=run.masks.to_dict("records"),
        class_ious=list(_class_ious(fixed, run.classes)),
        background_plots=list(_background_plots(run, fixed)),
        plots=_plots(run, fixed),
        mean_precision=run.precision["average_precision"].iloc[-1],
        labels=run.labels.to_dict("records")[0],
        label_figures=LABEL_FIGURES,
        gallery=[(panel, list(panels.pictures(panel))) for panel in run.panels],
        legend=panels.shown_labels(run.panels, run.classes),
        neutral=panels.css_colour(panels.NEUTRAL),
        heat=panels.heat_stops(),
        settings=[(name, list(_flat(section))) for name, section in run.settings.items()],
        folders=FOLDERS,
    )


def _class_ious(fixed: pd.DataFrame, classes: Sequence[str]) -> Iterator[tuple[str, list[float]]]:
    """(class, IoU of each row of `fixed`), background first."""
    for name in ("background", *classes):
        yield name, fixed[f"iou_{name}"].tolist()


def _background_plots(run: Run, fixed: pd.DataFrame) -> Iterator[tuple[str, Markup]]:
    """(caption, SVG) of every split that has figures, all on one scale."""
    table = plots.own_walk(run.background[run.background["miou"].notna()])
    limits = (5 * math.floor(table["miou"].min() / 5), 5 * math.ceil(table["miou"].max() / 5 + 0.1))
    chosen = dict(zip(fixed["source"], fixed["background"], strict=True))
    for split in table["split"].unique():
        images = table.loc[table["split"] == split, "images"].iloc[0]
        for scale in ("threshold", "alpha"):
            plot = plots.background_plot(table, split, scale, chosen, limits)
            yield f"{split}: {images} photographs", Markup(plot)


def _plots(run: Run, fixed: pd.DataFrame) -> dict[str, Markup]:
    names = ["background", *run.classes]
    ious = {
        row["source"]: [row[f"iou_{name}"] for name in names] for row in fixed.to_dict("records")
    }
    precision = run.precision["average_precision"].iloc[:-1].tolist()
    made = {
        "classifier_loss": plots.loss_plot(run.history, {"train_loss": "loss"}),
        "precision": plots.class_bars(run.classes, {"": precision}, "average precision, %"),
        "affinity_loss": plots.loss_plot(run.affinity_history, AFFINITY_LOSS),
        "class_iou": plots.class_bars(names, {s: ious[s] for s in SOURCES if s in ious}, "IoU, %"),
    }
    return {name: Markup(svg) for name, svg in made.items()}


def _flat(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, value as in the config) of nested settings."""
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)


def _number(value: float, digits: int = 1) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _signed(value: float, digits: int = 1) -> str:
    return "–" if math.isnan(value) else f"{value:+.{digits}f}".replace("-", "−")
