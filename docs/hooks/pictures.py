"""The tutorial's pictures, from a finished run of the built-in data.

python docs/hooks/pictures.py results/demo shape_000041 docs/images
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from cuewalk.artifacts.store import read_store
from cuewalk.audit.folder import load
from cuewalk.audit.panel import Kept, write_panel
from cuewalk.audit.trace import follow
from cuewalk.datasets.record import read_index
from cuewalk.report.panels import HEAT, Panel

SHOWN = 6
LATER: dict[str, Any] = dict.fromkeys(
    ["foreground", "background", "label", "walked", "mask", "truth", "affinity"]
)
"""All steps of a panel after the cues, left out."""


def main(results: Path, id: str, folder: Path) -> None:
    """Write tutorial-*.png into a folder."""
    run = load(results)
    panel = Kept(run, id, follow(run, id), None).panel()
    cue_less = replace(panel, labels=[], cues=panel.cues[:0])
    sheets = {
        "show": panel,
        "cues": replace(panel, **LATER),
        "labels": replace(cue_less, walked=None, mask=None, truth=None, affinity=None),
        "masks": replace(cue_less, foreground=None, background=None, label=None),
    }
    for name, sheet in sheets.items():
        write_panel(sheet, folder / f"tutorial-{name}.png")
    _row(folder / "tutorial-data.png", list(_photographs(results)))
    _row(folder / "tutorial-explainers.png", list(_explanations(results, panel)))
    for path in folder.glob("tutorial-*.png"):
        Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


def _photographs(results: Path) -> Iterator[tuple[str, np.ndarray]]:
    for record in read_index(results / "dataset" / "evaluate-000.csv")[:SHOWN]:
        image = Image.open(results / "photographs" / record.path)
        yield ", ".join(record.labels), np.asarray(image)


def _explanations(results: Path, panel: Panel) -> Iterator[tuple[str, np.ndarray]]:
    """Every explainer's map of the predicted class, over the photograph in grey."""
    grey = Image.fromarray(panel.image).convert("L")
    for folder in sorted((results / "explanations").iterdir()):
        store = read_store(folder / "evaluate-000" / "explanations.zarr.zip", ["map"])
        grid = store.row(panel.id)["map"][0]
        shape = Image.fromarray((grid - grid.min()) / max(np.ptp(grid), 1e-12))
        values = np.asarray(shape.resize(grey.size, Image.Resampling.BILINEAR))
        share = 0.4 + 0.35 * values[..., None]
        mixed = 255 * share * HEAT(values)[..., :3] + (1 - share) * np.asarray(grey)[..., None]
        yield folder.name, mixed.astype(np.uint8)


def _row(path: Path, pictures: Sequence[tuple[str, np.ndarray]]) -> None:
    figure, axes = plt.subplots(1, len(pictures), figsize=(1.6 * len(pictures), 2))
    for axis, (caption, image) in zip(axes, pictures, strict=True):
        axis.imshow(image)
        axis.set_title(caption, fontsize=9)
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
