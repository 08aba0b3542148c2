"""Plots of the report as Vega-Lite specifications, which the page draws itself.

A specification names no colour: its `usermeta` names one of the page's palettes, which suit both a
light and a dark page and are told apart without any sense of red and green. Lines differ by mark
or dash too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import networkx as nx
import pandas as pd

from cuewalk.report.provenance import places as stage_places

NAMES = {"cue": "cue", "crf": "CRF", "walk": "walk"}
"""Sources of masks, in order, as the page calls them."""
DIRECTIONS = {
    "negative": "least relevant first: high is good",
    "positive": "most relevant first: low is good",
}

Spec = dict[str, Any]


def background_plot(table: pd.DataFrame, split: str, scale: str, chosen: Mapping[str, str]) -> Spec:
    """Mean IoU against the background's constant or exponent, a line per source.

    Args:
        table: metrics/background.csv, of one walk (see `own_walk`).
        split: whose rows to show.
        scale: "threshold" (the constant) or "alpha" (the exponent).
        chosen: source -> name of the config's own background, ringed.
    """
    rows = table[(table["split"] == split) & table[scale].notna() & table["miou"].notna()]
    own = rows["background"] == rows["source"].map(chosen)
    rows = rows.assign(own=own, source=rows["source"].map(NAMES))
    title = {"threshold": "constant background", "alpha": "background exponent"}[scale]
    kind = alt.Scale() if scale == "threshold" else alt.Scale(type="log", base=2, nice=False)
    lines = alt.Chart(rows[[scale, "miou", "source", "place", "background", "own"]]).encode(
        x=alt.X(f"{scale}:Q", title=title, scale=kind),
        y=alt.Y("miou:Q", title="mIoU, %", scale=alt.Scale(zero=False)),
        color=alt.Color("source:N", title=None, scale=alt.Scale(domain=[*NAMES.values()])),
        shape=alt.Shape("source:N", title=None, scale=alt.Scale(domain=[*NAMES.values()])),
        tooltip=["source", "background", alt.Tooltip("miou:Q", title="mIoU, %", format=".2f")],
    )
    places = alt.Scale(domain=["after", "inside"])
    dash = alt.StrokeDash("place:N", scale=places, legend=None)
    ring = lines.transform_filter("datum.own").mark_point(size=220, strokeWidth=1.5, filled=False)
    plain = lines.mark_line().encode(strokeDash=dash, detail="place:N")
    return _spec(plain + lines.mark_point(size=45, filled=True, opacity=1) + ring, "sources", 240)


def own_walk(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `table` without the walks of other settings than the first, the config's own."""
    walks = table[table["beta"].notna()]
    if walks.empty:
        return table
    first = walks.iloc[0]
    own = (table["beta"] == first["beta"]) & (table["steps"] == first["steps"])
    found: pd.DataFrame = table[table["beta"].isna() | own]
    return found


def perturbation_plot(curves: pd.DataFrame, direction: str, classes: str) -> Spec:
    """Accuracy against the share of black pixels, a line per method; a click on one names it.

    Args:
        curves: metrics/perturbation.csv.
        direction: positive or negative.
        classes: predicted or target.
    """
    rows = curves[(curves["direction"] == direction) & (curves["classes"] == classes)]
    methods = list(dict.fromkeys(curves["method"]))
    picked = alt.selection_point(fields=["method"], bind="legend")
    chart = (
        alt.Chart(rows[["method", "masked", "accuracy", "n"]])
        .mark_line(point=alt.OverlayMarkDef(size=30))
        .encode(
            x=alt.X("masked:Q", title="share of black pixels", axis=alt.Axis(format="%")),
            y=alt.Y("accuracy:Q", title="accuracy, %", scale=alt.Scale(domain=[0, 100])),
            color=alt.Color("method:N", title=None, scale=alt.Scale(domain=methods)),
            strokeDash=alt.StrokeDash("method:N", title=None, scale=alt.Scale(domain=methods)),
            opacity=alt.condition(picked, alt.value(1), alt.value(0.12)),
            tooltip=[
                "method",
                alt.Tooltip("masked:Q", title="black", format=".0%"),
                alt.Tooltip("accuracy:Q", title="accuracy, %", format=".1f"),
                "n",
            ],
        )
        .add_params(picked)
    )
    return _spec(chart, "methods", 280)


def loss_plot(history: pd.DataFrame, parts: Mapping[str, str]) -> Spec:
    """Loss against epoch; `parts` names the columns: column -> label, in order."""
    rows = history[["epoch", *parts]].melt("epoch", list(parts), "part", "value")
    rows["part"] = rows["part"].map(parts)
    legend = alt.Legend(columns=2) if len(parts) > 1 else None
    order = alt.Scale(domain=[*parts.values()])
    chart = (
        alt.Chart(rows)
        .mark_line(point=alt.OverlayMarkDef(size=18))
        .encode(
            x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y("value:Q", title="loss"),
            color=alt.Color("part:N", title=None, scale=order, legend=legend),
            strokeDash=alt.StrokeDash("part:N", title=None, scale=order, legend=legend),
            tooltip=["part", "epoch", alt.Tooltip("value:Q", title="loss", format=".4f")],
        )
    )
    return _spec(chart, "methods", 240)


def iou_bars(names: Sequence[str], values: Mapping[str, Sequence[float]]) -> Spec:
    """IoU per class, a bar per source, with what it gains over the source before it.

    Args:
        names: of the classes, top to bottom.
        values: source -> a percentage per class, nan for none; in the order of the stages.
    """
    rows = [
        {"class": name, "source": NAMES[source], "iou": value, "gain": value - before}
        for source, earlier in zip(values, [None, *values], strict=False)
        for name, value, before in zip(
            names, values[source], values[earlier] if earlier else values[source], strict=True
        )
    ]
    table = pd.DataFrame(rows).dropna()
    order = [*NAMES.values()]
    bars = alt.Chart(table).encode(
        y=alt.Y("class:N", title=None, sort=list(names)),
        yOffset=alt.YOffset("source:N", sort=order),
        x=alt.X("iou:Q", title="IoU, %", scale=alt.Scale(domain=[0, 112]),
                axis=alt.Axis(values=[0, 20, 40, 60, 80, 100])),
        tooltip=[
            "class",
            "source",
            alt.Tooltip("iou:Q", title="IoU, %", format=".1f"),
            alt.Tooltip("gain:Q", title="over the stage before", format="+.1f"),
        ],
    )  # fmt: skip
    colour = alt.Color("source:N", title=None, scale=alt.Scale(domain=order))
    gained = alt.expr.if_(
        alt.datum.source == order[0],
        alt.expr.format(alt.datum.iou, ".0f"),
        alt.expr.format(alt.datum.iou, ".0f") + "  " + alt.expr.format(alt.datum.gain, "+.1f"),
    )
    text = bars.transform_calculate(said=gained).mark_text(align="left", dx=4, fontSize=10)
    return _spec(bars.mark_bar().encode(color=colour) + text.encode(text="said:N"), "sources",
                 18 * len(values) * table["class"].nunique())  # fmt: skip


def precision_bars(names: Sequence[str], values: Sequence[float]) -> Spec:
    """Average precision per class, in percent; nan for a class that no photograph shows."""
    table = pd.DataFrame({"class": names, "precision": values}).dropna()
    bars = alt.Chart(table).encode(
        y=alt.Y("class:N", title=None, sort=list(names)),
        x=alt.X("precision:Q", title="average precision, %", scale=alt.Scale(domain=[0, 108]),
                axis=alt.Axis(values=[0, 20, 40, 60, 80, 100])),
        tooltip=["class", alt.Tooltip("precision:Q", title="AP, %", format=".1f")],
    )  # fmt: skip
    text = bars.mark_text(align="left", dx=4, fontSize=10)
    shown = bars.mark_bar() + text.encode(text=alt.Text("precision:Q", format=".0f"))
    return _spec(shown, "methods", 26 * max(1, len(table)))


def graph_plot(graph: nx.DiGraph, seconds: Mapping[str, float]) -> Spec:
    """The graph of the stages, downwards, each with what it took.

    Args:
        graph: see `provenance.stage_graph`.
        seconds: of each stage.
    """
    place = dict(stage_places(graph))
    nodes = pd.DataFrame(
        [
            {"stage": stage, "x": x, "y": y, "seconds": seconds.get(stage, 0.0)}
            for stage, (x, y) in place.items()
        ]
    )
    edges = pd.DataFrame(
        [
            {"x": place[a][0], "y": place[a][1], "x2": place[b][0], "y2": place[b][1]}
            for a, b in graph.edges
        ],
        columns=["x", "y", "x2", "y2"],
    )
    depth = int(nodes["y"].max()) + 1
    across = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, 1]))
    down = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-0.4, depth - 0.6], reverse=True))
    lines = alt.Chart(edges).mark_rule(strokeWidth=1.2, opacity=0.35)
    points = alt.Chart(nodes).encode(x=across, y=down)
    drawn = (
        lines.encode(x=across, y=down, x2="x2:Q", y2="y2:Q")
        + points.mark_point(filled=True, opacity=1).encode(
            size=alt.Size("seconds:Q", legend=None, scale=alt.Scale(range=[30, 500])),
            tooltip=["stage", alt.Tooltip("seconds:Q", format=",.1f")],
        )
        + points.mark_text(dy=-11, fontWeight="bold", fontSize=11).encode(text="stage:N")
        + points.transform_calculate(took="format(datum.seconds, ',.1f') + ' s'")
        .mark_text(dy=15, fontSize=9.5, opacity=0.75)
        .encode(text="took:N")
    )
    return _spec(drawn, "graph", 58 * depth)


def _spec(chart: Any, palette: str, height: int) -> Spec:
    """The chart as plain data, as wide as its place on the page and `height` pixels high.

    Raises:
        altair.MaxRowsError: it has more than 5000 rows, which nobody can look at.
    """
    sized = chart.properties(
        width="container",
        height=height,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        usermeta={"palette": palette},
    )
    found: Spec = sized.to_dict()
    return found
