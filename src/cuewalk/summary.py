"""What a run prints when it ends: its figures, what each stage took, where the products lie.

`python -m cuewalk.summary results/demo` prints the same of a finished run.
"""

import json
import sys
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from cuewalk.errors import InputError


def print_run(folder: Path) -> None:
    """Print the tables of a finished run and the paths of report, metrics and masks.

    Raises:
        InputError: the folder holds no finished run.
    """
    if not (folder / "metrics" / "masks.csv").exists():
        raise InputError(f"{folder}: holds no finished run; start one with snakemake.")
    console = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 110)
    console.print(stage_table(folder))
    console.print(mask_table(folder / "metrics" / "masks.csv"))
    for what in ("report.html", "metrics/", "masks/"):
        console.print(f"{what.strip('/').removesuffix('.html'):8} {folder}/{what}", soft_wrap=True)


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


def stage_table(folder: Path) -> Table:
    """What each stage took, from the receipts: its jobs' seconds summed, rate, largest memory."""
    receipts = pd.DataFrame([json.loads(path.read_text()) for path in _receipts(folder)])
    table = Table(title="Stages", title_justify="left")
    for name in ("stage", "jobs", "images", "seconds", "images/s", "peak MB"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for stage, jobs in receipts.sort_values("finished").groupby("stage", sort=False):
        seconds, images = jobs["seconds"].sum(), jobs["images"].sum()
        table.add_row(
            str(stage),
            str(len(jobs)),
            f"{images:.0f}",
            f"{seconds:.1f}",
            f"{images / max(seconds, 1e-9):.1f}",
            f"{jobs['peak_memory_mb'].max():.0f}",
        )
    return table


def _receipts(folder: Path) -> list[Path]:
    stages = ("*.json", "*/*.json", "confusion/*/*.json")
    return [p for pattern in stages for p in folder.glob(pattern) if p.parent.suffix != ".zarr"]


if __name__ == "__main__":
    try:
        print_run(Path(sys.argv[1] if len(sys.argv) > 1 else "results/demo"))
    except InputError as error:
        sys.exit(f"cuewalk: {error}")
