"""What a run prints when it ends: its figures, what each stage took, where the products lie.

`python -m cuewalk.summary results/demo` prints the same of a finished run.
"""

import json
import math
import sys
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from cuewalk.errors import InputError
from cuewalk.report.provenance import stage_rows


def print_run(folder: Path) -> None:
    """Print the tables of a finished run and the paths of report, metrics and masks.

    Raises:
        InputError: the folder holds no finished run.
    """
    metrics = folder / "metrics"
    paths = {name: metrics / f"{name}.csv" for name in TABLES}
    tables = {name: path for name, path in paths.items() if path.exists()}
    if not is_finished(folder):
        raise InputError(f"{folder}: holds no finished run; `cuewalk status` tells how far it is.")
    console = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 110)
    console.print(stage_table(folder))
    for name, path in tables.items():
        console.print(TABLES[name](path))
    for what in ("report.html", "metrics/", "masks/", "exports/"):
        if (folder / what).exists():
            name = what.strip("/").removesuffix(".html")
            console.print(f"{name:8} {folder}/{what}", soft_wrap=True)


def is_finished(folder: Path) -> bool:
    """Whether a run has a table or a report to show."""
    made = (folder / "metrics" / f"{name}.csv" for name in TABLES)
    return (folder / "report.html").exists() or any(path.exists() for path in made)


def mask_table(path: Path) -> Table:
    """metrics/masks.csv as a table to print."""
    rows = pd.read_csv(path)
    first = rows.iloc[0]
    table = Table(
        title=f"Mean IoU (percent) on {first['images']} photographs of split {first['split']}",
        title_justify="left",
    )
    for name in ("source", "background", "chosen", "walk", "mIoU", "95 %", "over the cue"):
        table.add_column(name, justify="right" if name in ("mIoU", "over the cue") else "left")
    for row in rows.to_dict("records"):
        walk = f"beta {row['beta']:g}, {row['steps']:g} steps" if pd.notna(row["beta"]) else ""
        table.add_row(
            row["source"],
            row["background"],
            row["chosen"],
            walk,
            f"{row['miou']:.2f}",
            f"{row['miou_low']:.1f} to {row['miou_high']:.1f}",
            f"{row['gain']:+.2f}",
        )
    return table


def faithfulness_table(path: Path) -> Table:
    """metrics/faithfulness.csv as a table to print, a row per method and class mode."""
    rows = pd.read_csv(path)
    first = rows.iloc[0]
    table = Table(
        title=f"Perturbation, AUC (percent) on {first['images']} photographs, "
        f"accuracy unperturbed {first['accuracy']:.1f}",
        title_justify="left",
    )
    table.add_column("method")
    table.add_column("classes")
    for name in ("negative (high is good)", "positive (low is good)", "images/s"):
        table.add_column(name, justify="right")
    for (method, classes), both in rows.groupby(["method", "classes"], sort=False):
        cells = []
        for direction in ("negative", "positive"):
            row = both[both["direction"] == direction].iloc[0]
            cells.append(
                f"{row['auc']:.2f} ({row['auc_low']:.1f} to {row['auc_high']:.1f})"
                + (f", paper {row['published']:.2f}" if pd.notna(row["published"]) else "")
            )
        table.add_row(str(method), str(classes), *cells, f"{row['images_per_second']:.1f}")
    return table


def segmentation_table(path: Path) -> Table:
    """metrics/cue_segmentation.csv as a table to print."""
    rows = pd.read_csv(path)
    table = Table(
        title=f"Maps as soft masks (percent) on {rows['images'].max()} photographs",
        title_justify="left",
    )
    table.add_column("method")
    table.add_column("classes")
    figures = ("pixel_accuracy", "map", "miou")
    for name in ("pixel accuracy", "mAP", "mIoU"):
        table.add_column(name, justify="right")
    for row in rows.to_dict("records"):
        cells = [
            f"{row[f]:.2f} ({row[f'{f}_low']:.1f} to {row[f'{f}_high']:.1f})"
            + (f", paper {row[f'{f}_published']:.2f}" if pd.notna(row[f"{f}_published"]) else "")
            for f in figures
        ]
        table.add_row(row["method"], row["classes"], *cells)
    return table


TABLES = {
    "masks": mask_table,
    "faithfulness": faithfulness_table,
    "cue_segmentation": segmentation_table,
}
"""Tables of a run, as CSV under metrics/, and how each is printed."""


def stage_table(folder: Path) -> Table:
    """What each stage took, from the receipts: its jobs' seconds summed, rate, largest memory."""
    receipts = [json.loads(path.read_text()) for path in _receipts(folder)]
    table = Table(title="Stages", title_justify="left")
    for name in ("stage", "jobs", "images", "seconds", "images/s", "peak MB"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for row in stage_rows(receipts):
        jobs, reused, rate = row["jobs"], row["reused"], row["images_per_second"]
        table.add_row(
            row["stage"],
            f"{jobs} ({reused} reused)" if reused else str(jobs),
            str(row["images"]),
            f"{row['seconds']:.1f}",
            "" if math.isnan(rate) else f"{rate:.1f}",
            f"{row['peak_memory_mb']:.0f}",
        )
    return table


def _receipts(folder: Path) -> list[Path]:
    stages = ("*.json", "*/*.json", "*/*/*.json")
    return [
        p for pattern in stages for p in folder.glob(pattern) if folder / "logs" not in p.parents
    ]


if __name__ == "__main__":
    try:
        print_run(Path(sys.argv[1] if len(sys.argv) > 1 else "results/demo"))
    except InputError as error:
        sys.exit(f"cuewalk: {error}")
