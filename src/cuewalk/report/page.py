"""The report of a run: one HTML page that needs nothing else (figures of paper tables 2, 3 and 4).

Everything on it is put in words here and laid out by the templates, which escape whatever they get.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import altair as alt
import pandas as pd
import vl_convert
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cuewalk.evaluate.selection import FIXED, ORACLE, SELECTED
from cuewalk.report import panels
from cuewalk.report.figures import GROUPS, figures
from cuewalk.report.gallery import Shown
from cuewalk.report.headline import headlines, lead
from cuewalk.report.plots import NAMES
from cuewalk.report.provenance import made_with, settings, stage_rows
from cuewalk.report.run import Run

FOLDERS = {
    "dataset": "photographs, labels and classes of the run",
    "classifier": "weights and history of the classifier",
    "cues": "token grids of relevance, a store per shard",
    "crf": "foreground and background posteriors of the dense CRF",
    "labels": "confident label grids",
    "affinitynet": "weights and history of the affinity network",
    "walk": "class and background planes after the walk",
    "masks": "the product: indexed PNG in the VOC palette, ready to train on",
    "exports": "further forms of the masks, if the config asks for any",
    "explanations": "maps of every explainer",
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


_EXPORTS = "window.vegaEmbed = vegaEmbed;"
"""What the plotting scripts hand to those of the page."""


def build_page(run: Run) -> str:
    """The page as HTML; names and ids from the data are escaped."""
    environment = Environment(
        loader=PackageLoader("cuewalk.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=_number, signed=_signed, raw=_raw)
    drawn = list(figures(run))
    context = {
        **_about(run),
        **_masks(run),
        **_explainers(run),
        **_gallery(run.gallery, run.classes),
        "run": run,
        "drawn": {group: [f for f in drawn if f.group == group] for group in GROUPS},
        "style": Markup(_text("page.css")),
        "script": Markup(_text("page.js")),
        "vega": Markup(_vega()),
    }
    return environment.get_template("page.html.j2").render(context)


def _about(run: Run) -> dict[str, Any]:
    """Headline and provenance."""
    known = {**settings(run.receipts), **run.settings}
    dataset = run.settings["dataset"]
    tables = (run.masks, run.faithfulness, run.cue_segmentation)
    return {
        "dataset": dataset,
        "lead": lead(
            dataset["kind"],
            dataset,
            run.photographs,
            run.classes,
            figures=any(table is not None for table in tables),
        ),
        "heads": list(headlines(*tables, known)),
        "stages": stage_rows(run.receipts),
        "made_with": made_with(run.receipts),
        "settings": [(name, list(_flat(section))) for name, section in known.items()],
        "folders": FOLDERS,
        "differences": yaml.safe_load(_text("differences.yaml")),
    }


def _masks(run: Run) -> dict[str, Any]:
    if run.masks is None or run.labels is None:
        return {}
    fixed = run.masks[run.masks["chosen"] == FIXED]
    return {
        "names": NAMES,
        "chosen": CHOSEN,
        "fixed": fixed.to_dict("records"),
        "walk": fixed[fixed["source"] == "walk"].to_dict("records")[0],
        "published": bool(run.masks["published"].notna().any()),
        "masks": run.masks.to_dict("records"),
        "class_ious": [(n, fixed[f"iou_{n}"].tolist()) for n in ("background", *run.classes)],
        "labels": run.labels.to_dict("records")[0],
        "label_figures": LABEL_FIGURES,
    }


def _explainers(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if run.faithfulness is not None:
        table = run.faithfulness
        found["faithfulness"] = {
            **table.to_dict("records")[0],
            "published": bool(table["published"].notna().any()),
            "rows": [_both_directions(rows) for _, rows in _by_method(table)],
        }
    if run.cue_segmentation is not None:
        table = run.cue_segmentation
        found["segmentation"] = {
            "published": bool(table["miou_published"].notna().any()),
            "rows": table.to_dict("records"),
        }
    return found


def _by_method(table: pd.DataFrame) -> Any:
    return table.groupby(["method", "classes"], sort=False)


def _both_directions(rows: pd.DataFrame) -> dict[str, Any]:
    """A row per method and class mode: what both directions share, and each by its name."""
    records = rows.to_dict("records")
    return {**records[0], **{row["direction"]: row for row in records}}


def _gallery(gallery: Sequence[Shown], classes: Sequence[str]) -> dict[str, Any]:
    shown = [
        {
            "panel": one.panel,
            "labels": one.labels,
            "score": one.score,
            "thumbnail": one.thumbnail,
            "steps": list(panels.pictures(one.panel)),
            "explained": list(panels.explainer_pictures(one.panel)),
        }
        for one in gallery
    ]
    labels = {label for one in gallery for label in one.labels}
    masked = [one.panel for one in gallery if one.panel.mask is not None]
    return {
        "gallery": shown,
        "legend": panels.shown_labels(masked, classes) if masked else [],
        "gallery_labels": labels,
        "judged": any(one.panel.truth is not None for one in gallery),
        "scored": any(not math.isnan(one.score.walk) for one in gallery),
        "neutral": panels.css_colour(panels.NEUTRAL),
        "heat": panels.heat_stops(),
    }


def _flat(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, value as in the config) of nested settings."""
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)


def _text(name: str) -> str:
    return files("cuewalk.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _vega() -> str:
    """The scripts that draw the plots, of the version that the specifications are of."""
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    return str(vl_convert.javascript_bundle(snippet=_EXPORTS, vl_version=version))


def _number(value: float, digits: int = 1) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _signed(value: float, digits: int = 1) -> str:
    return "–" if math.isnan(value) else f"{value:+.{digits}f}".replace("-", "−")


def _raw(value: float) -> str:
    """For scripts to sort by; empty for nan."""
    return "" if math.isnan(value) else f"{value:.6g}"
