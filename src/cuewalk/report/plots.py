"""Small plots as inline SVG: text stays text, colours follow the page, nothing is fetched.

Colours are drawn as stand-ins that become CSS variables, so a plot turns dark with its page.
"""

import hashlib
import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure  # without pyplot: no global state, no window, nothing to close
from matplotlib.ticker import MaxNLocator, NullLocator, StrMethodFormatter

SOURCES = ("cue", "crf", "walk")
NAMES = {"cue": "cue", "crf": "CRF", "walk": "walk"}
MARKERS = {"cue": "o", "crf": "s", "walk": "^"}

_INK = "#010203"
_COLOURS = {"cue": "#0a0b01", "crf": "#0a0b02", "walk": "#0a0b03"}
_CSS = {_INK: "currentColor", **{colour: f"var(--{name})" for name, colour in _COLOURS.items()}}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "cuewalk",  # the same table gives the same bytes
    "font.sans-serif": ["DejaVu Sans"],  # to measure with; the page sets its own
    "text.parse_math": False,  # a class name may hold a dollar
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.linewidth": 0.6,
    "grid.alpha": 0.15,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    **{
        f"{part}color": _INK
        for part in ("text.", "axes.edge", "axes.label", "xtick.", "ytick.", "grid.")
    },
}


def background_plot(
    table: pd.DataFrame, split: str, scale: str, chosen: dict[str, str], limits: tuple[float, float]
) -> str:
    """Mean IoU against the background's constant or exponent, a line per source, as SVG.

    Args:
        table: metrics/background.csv, of one walk (see `own_walk`).
        split: whose rows to show.
        scale: "threshold" (the constant) or "alpha" (the exponent).
        chosen: source -> name of the config's own background, ringed.
        limits: of the mean IoU axis, percent, to share between plots.
    """
    rows = table[(table["split"] == split) & table[scale].notna()]
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(4.4, 2.5)
        for (source, place), line in rows.groupby(["source", "place"], sort=False):
            _line(axes, line.sort_values(scale), scale, str(source), dashed=place == "inside")
            own = line[line["background"] == chosen[str(source)]]
            axes.plot(own[scale], own["miou"], "o", ms=11, mfc="none", mec=_INK, mew=1)
        if scale == "alpha":
            axes.set_xscale("log")
            ticks = sorted(rows[scale].unique())
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.xaxis.set_minor_locator(NullLocator())
        axes.set_ylim(*limits)
        named = {"threshold": "constant background", "alpha": "background exponent"}
        axes.set(xlabel=named[scale], ylabel="mIoU, %")
        return _svg(figure)


def own_walk(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `table` without the walks of other settings than the first, the config's own."""
    walks = table[table["beta"].notna()]
    if walks.empty:
        return table
    first = walks.iloc[0]
    own = (table["beta"] == first["beta"]) & (table["steps"] == first["steps"])
    found: pd.DataFrame = table[table["beta"].isna() | own]
    return found


def loss_plot(history: pd.DataFrame, parts: dict[str, str]) -> str:
    """Loss against epoch as SVG; `parts` names the columns: column -> label, in order."""
    looks = [
        (_INK, "-", ""),
        (_COLOURS["walk"], "-", "^"),
        (_COLOURS["cue"], "-", "o"),
        (_COLOURS["crf"], "-", "s"),
    ]
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(3.9, 2.5)
        for (column, label), (colour, dashes, marker) in zip(parts.items(), looks, strict=False):
            axes.plot(history["epoch"], history[column], dashes, color=colour, marker=marker, ms=4,
                      lw=1.6, label=label)  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="epoch", ylabel="loss")
        axes.set_ylim(0, 1.08 * float(history[list(parts)].to_numpy().max()))
        if len(parts) > 1:
            axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(parts),
                        columnspacing=1, handlelength=1.2, handletextpad=0.4)  # fmt: skip
        return _svg(figure)


def class_bars(names: Sequence[str], values: dict[str, Sequence[float]], label: str) -> str:
    """Horizontal bars per class as SVG, one for each source in `values`, from 0 to 100 percent.

    Args:
        names: of the classes, top to bottom.
        values: source (or "" for bars that belong to none) -> a percentage per class, nan for none.
        label: of the axis.
    """
    count = len(values)
    thick = 0.8 / count
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(3.9, 0.55 + len(names) * (0.12 + 0.12 * count))
        rows = np.arange(len(names))
        for index, (source, figures) in enumerate(values.items()):
            places = rows + (index - (count - 1) / 2) * thick
            axes.barh(places, figures, thick * 0.88, color=_COLOURS.get(source, _INK))
            for place, value in zip(places, figures, strict=True):
                if not np.isnan(value):
                    axes.text(value + 1, place, f"{value:.0f}", va="center", fontsize=7)
        axes.set_yticks(rows, names)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set(xlim=(0, 105), ylim=(len(names) - 0.5, -0.5), xlabel=label)
        axes.set_xticks(range(0, 101, 20))
        return _svg(figure)


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _line(axes: Axes, rows: pd.DataFrame, scale: str, source: str, dashed: bool) -> None:
    axes.plot(
        rows[scale],
        rows["miou"],
        "--" if dashed else "-",
        color=_COLOURS[source],
        marker=MARKERS[source],
        ms=5,
        lw=1.6,
    )
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _svg(figure: Figure) -> str:
    """The figure as an svg element that can share a page with others."""
    content = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(content, format="svg", transparent=True, metadata=nothing)
    svg = content.getvalue()
    svg = svg[svg.index("<svg") :]
    # A style sheet inside would govern the whole page, and equal ids of two plots would clash.
    svg = re.sub(r"<style.*?</style>", "", svg)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    mark = hashlib.sha256(svg.encode()).hexdigest()[:6]
    svg = re.sub(r'(<\w+ id="|clip-path="url\(#|<use xlink:href="#)', rf"\g<1>i{mark}", svg)
    for colour, css in _CSS.items():
        svg = svg.replace(colour, css)
    return svg
