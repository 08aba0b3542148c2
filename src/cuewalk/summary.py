"""What a run prints when it ends: one table, and where its products lie."""

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table


def print_run(folder: Path) -> None:
    """Print the mask table of a finished run and the paths of report, metrics and masks."""
    console = Console(stderr=True, highlight=False, width=None if Console().is_terminal else 100)
    console.print(mask_table(folder / "metrics" / "masks.csv"))
    for what, where in (
        ("report", folder / "report.html"),
        ("metrics", folder / "metrics"),
        ("masks", folder / "masks"),
    ):
        console.print(f"{what:8} {where}", soft_wrap=True)


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
        interval = f"{row['miou_low']:.1f} to {row['miou_high']:.1f}"
        table.add_row(
            row["source"], row["background"], row["chosen"], walk,
            f"{row['miou']:.2f}", interval, f"{row['gain']:+.2f}",
        )  # fmt: skip
    return table
