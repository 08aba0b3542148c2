"""Small data sets in ImageNet's layouts, for tests that then break one thing about them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

DEVKIT = "ILSVRC2012_validation_ground_truth.txt"
# As in the devkit, number 1 isn't the first by WordNet id, and groups come after the classes.
SYNSETS = [(1, "n02119789", 0), (2, "n01440764", 0), (3, "n02100735", 0), (4, "n00001740", 3)]
SORTED = ("n01440764", "n02100735", "n02119789")


def save(path: Path, number: int = 0) -> None:
    """Writes a photograph of 5 + number by 4 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (5 + number, 4), (number, 0, 0)).save(path)


def write_folders(root: Path) -> Path:
    """Three class folders, in an order other than that of the file names; returns root."""
    for number, name in enumerate(("n03/a.JPEG", "n01/b.jpg", "n01/c.PNG", "n02/d.jpeg")):
        save(root / "val" / name, number)
    (root / "val" / ".cache").mkdir()
    (root / "val" / "n01" / ".d.jpeg").touch()
    (root / "val" / "n01" / "notes.txt").touch()
    return root


def write_flat(root: Path) -> Path:
    """Three photographs in one folder, with a devkit and a CSV file; returns root."""
    for number, id in enumerate("cab"):
        save(root / "val" / f"{id}.JPEG", number)
    write_devkit(root, [1, 2, 1])
    write_csv(root, ["a,wolf", "b.JPEG,fox", "c,wolf"])
    return root


def write_devkit(
    root: Path, numbers: Sequence[object], synsets: Sequence[tuple[int, str, int]] = tuple(SYNSETS)
) -> None:
    """Writes meta.mat with the devkit's fields, and the list of numbers."""
    (root / DEVKIT).write_text("".join(f"{number}\n" for number in numbers))
    kinds = [
        ("ILSVRC2012_ID", object), ("WNID", object), ("words", object), ("gloss", object),
        ("num_children", object), ("children", object), ("wordnet_height", object),
        ("num_train_images", object),
    ]  # fmt: skip
    table = np.empty((len(synsets), 1), kinds)
    for row, (number, wnid, children) in zip(table, synsets, strict=True):
        below = np.arange(1, children + 1, dtype=np.float64).reshape(1, -1)
        row[0] = (float(number), wnid, "a word, another", "a gloss", float(children), below, 0.0, 0)
    savemat(root / "meta.mat", {"synsets": table})


def write_csv(root: Path, rows: Sequence[str], header: str = "id,label") -> None:
    (root / "labels.csv").write_text("\n".join([header, *rows]) + "\n")
