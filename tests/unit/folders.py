"""Small folders of one's own photographs, for tests that then break one thing about them."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cuewalk.datasets.voc import save_mask

HEIGHT, WIDTH = 24, 32
ROWS = "id,label\nbeach/IMG 1.JPG,dog\nbeach/IMG 1.JPG,cat\nb,cat\nd.png,dog\n"
SECTION: dict[str, Any] = {
    "kind": "folder", "root": "photographs", "labels": "labels.csv", "masks": None, "classes": [],
    "train": "all", "select": None, "evaluate": "all", "limit": None, "shapes": {},
}  # fmt: skip
"""Config section `dataset`."""


def noise(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))


def write_folder(root: Path, rows: str | bytes = ROWS) -> Path:
    """Four photographs of noise, three of them labelled, among other files; returns root."""
    for seed, name in enumerate(("beach/IMG 1.JPG", "b.jpeg", "no label.tif", "d.png")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        noise(seed).save(root / name)
    (root / "notes.txt").write_text("no photograph")
    (root / ".hidden.jpg").write_text("no photograph")
    (root / "labels.csv").write_bytes(rows.encode() if isinstance(rows, str) else rows)
    return root


def write_masks(folder: Path, *names: str) -> Path:
    """Masks of background, two classes and void for photographs by name; returns folder."""
    for seed, name in enumerate(names):
        rng = np.random.default_rng(seed)
        mask = rng.choice(np.array([0, 1, 2, 255], np.uint8), (HEIGHT, WIDTH))
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        save_mask(folder / name, mask)
    return folder
