"""What there is to report of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cuewalk.report.gallery import Shown
from cuewalk.report.provenance import Receipt


@dataclass(frozen=True)
class Run:
    """All that the page shows; None where the run has no such table.

    Attributes:
        name: of the run.
        classes: names in label order, without the background.
        photographs: role (train, select, evaluate) -> number of photographs.
        settings: config sections, `dataset` among them; those of the receipts join them.
        available: number of photographs that the gallery could show.
        gallery: those that it shows.
        receipts: of the jobs that the run was made by.
        masks: metrics/masks.csv, figures in percent.
        background: metrics/background.csv.
        labels: metrics/labels.csv, one row.
        history: classifier/history.csv; empty if the classifier learnt nothing.
        precision: metrics/precision.csv, percent, the last row being the mean.
        affinity_history: affinitynet/history.csv.
        faithfulness: metrics/faithfulness.csv.
        curves: metrics/perturbation.csv.
        cue_segmentation: metrics/cue_segmentation.csv.
    """

    name: str
    classes: Sequence[str]
    photographs: Mapping[str, int]
    settings: Mapping[str, Any]
    available: int = 0
    gallery: Sequence[Shown] = ()
    receipts: Sequence[Receipt] = ()
    masks: pd.DataFrame | None = None
    background: pd.DataFrame | None = None
    labels: pd.DataFrame | None = None
    history: pd.DataFrame | None = None
    precision: pd.DataFrame | None = None
    affinity_history: pd.DataFrame | None = None
    faithfulness: pd.DataFrame | None = None
    curves: pd.DataFrame | None = None
    cue_segmentation: pd.DataFrame | None = None
