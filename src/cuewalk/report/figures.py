"""Which plots a run has, with their captions, in the order of the page."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from cuewalk.evaluate.selection import FIXED
from cuewalk.report import plots
from cuewalk.report.plots import Spec
from cuewalk.report.provenance import stage_graph, stage_rows
from cuewalk.report.run import Run

GROUPS = ("classes", "background", "perturbation", "network", "graph")
"""Places on the page that plots stand in."""
AFFINITY_LOSS = {
    "loss": "total",
    "foreground": "same class",
    "background": "both background",
    "negative": "different",
}


class Figure(NamedTuple):
    """A plot: its place on the page, a name of its own, what it shows, and its specification."""

    group: str
    name: str
    caption: str
    spec: Spec


def figures(run: Run) -> Iterator[Figure]:
    """All plots that the run has the tables for."""
    yield from _of_masks(run)
    yield from _of_explainers(run)
    yield from _of_networks(run)
    if run.receipts:
        seconds = {row["stage"]: row["seconds"] for row in stage_rows(run.receipts)}
        graph = plots.graph_plot(stage_graph(run.receipts), seconds)
        caption = "Stages, downwards from the photographs; a dot's size and its figure are seconds"
        yield Figure("graph", "graph", caption, graph)


def _of_masks(run: Run) -> Iterator[Figure]:
    if run.masks is None or run.background is None:
        return
    fixed = run.masks[run.masks["chosen"] == FIXED]
    names = ["background", *run.classes]
    rows = {row["source"]: row for row in fixed.to_dict("records")}
    ious = {s: [rows[s][f"iou_{n}"] for n in names] for s in plots.NAMES if s in rows}
    yield Figure("classes", "class-iou", "IoU by class", plots.iou_bars(names, ious))

    table = plots.own_walk(run.background[run.background["miou"].notna()])
    chosen = dict(zip(fixed["source"], fixed["background"], strict=True))
    for split in table["split"].unique():
        images = table.loc[table["split"] == split, "images"].iloc[0]
        for scale in ("threshold", "alpha"):
            if table.loc[table["split"] == split, scale].notna().any():
                spec = plots.background_plot(table, split, scale, chosen)
                caption = f"{split}: {images} photographs"
                yield Figure("background", f"background-{split}-{scale}", caption, spec)


def _of_explainers(run: Run) -> Iterator[Figure]:
    if run.curves is None:
        return
    for classes in ("predicted", "target"):
        for direction, meaning in plots.DIRECTIONS.items():
            spec = plots.perturbation_plot(run.curves, direction, classes)
            caption = f"{classes} class, {direction} ({meaning})"
            yield Figure("perturbation", f"perturbation-{classes}-{direction}", caption, spec)


def _of_networks(run: Run) -> Iterator[Figure]:
    if run.history is not None and len(run.history):
        loss = plots.loss_plot(run.history, {"train_loss": "loss"})
        yield Figure("network", "classifier-loss", "Classifier: loss on image labels", loss)
    if run.precision is not None:
        *figures, mean = run.precision["average_precision"]
        said = "–" if math.isnan(mean) else f"{mean:.1f} %"
        caption = f"Classifier: average precision on the evaluation photographs, mean {said}"
        bars = plots.precision_bars(run.classes, figures)
        yield Figure("network", "precision", caption, bars)
    if run.affinity_history is not None:
        loss = plots.loss_plot(run.affinity_history, AFFINITY_LOSS)
        yield Figure("network", "affinity-loss", "AffinityNet: loss on pairs of cells", loss)
