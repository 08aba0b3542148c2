"""Small data sets in the layout of VOC, for tests that then break one thing about them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cuewalk.datasets.record import Dataset, Truth
from cuewalk.datasets.voc import read_lists, read_voc, read_voc_truths, save_mask

SHARED = Path(os.environ.get("CUEWALK_SHARED", Path(__file__).resolve().parents[3] / "shared"))
VOC_ANIMALS = SHARED / "data" / "voc_animals" / "VOC2012"

HEIGHT, WIDTH = 24, 32
# Photograph a is in two splits; c shows none of the classes that tests ask for.
OBJECTS = {"a": ["dog", "cat", "dog"], "b": ["cat"], "c": ["car"], "d": ["dog", "car"]}
LISTS = {"train": ["b", "a", "c"], "val": ["d", "a"]}
WANTED = ("dog", "cat")


def write_voc(root: Path) -> Path:
    """Writes four photographs of noise with objects, masks and two lists; returns root."""
    for folder in ("JPEGImages", "Annotations", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for id, names in OBJECTS.items():
        noise = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        Image.fromarray(noise).save(root / "JPEGImages" / f"{id}.jpg")
        write_annotation(root, id, names)
        # Ids as in VOC: car 7, cat 8, dog 12.
        mask = rng.choice(np.array([0, 7, 8, 12, 255], np.uint8), (HEIGHT, WIDTH))
        save_mask(root / "SegmentationClass" / f"{id}.png", mask)
    for split, ids in LISTS.items():
        write_list(root, split, ids)
    return root


def write_annotation(root: Path, id: str, names: list[str]) -> None:
    objects = "".join(
        f"<object><name>{name}</name><part><name>head</name></part></object>" for name in names
    )
    (root / "Annotations" / f"{id}.xml").write_text(f"<annotation>{objects}</annotation>")


def write_list(root: Path, split: str, ids: list[str]) -> None:
    (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("\n".join(ids) + "\n")


def roles(root: Path, splits: Sequence[str] = ("train", "val")) -> dict[str, tuple[str, ...]]:
    """Ids of the lists, each with those that name it."""
    lists = read_lists(root, splits)
    ids = sorted(set().union(*lists.values()))
    return {id: tuple(split for split in splits if id in lists[split]) for id in ids}


def read(root: Path, **changes: Any) -> Dataset:
    """Reads the photographs of the tree as most tests want them."""
    splits = roles(root, changes.pop("splits", ("train", "val")))
    return read_voc(root, splits, **({"classes": WANTED} | changes))


def read_truths(root: Path, **changes: Any) -> tuple[Truth, ...]:
    """Reads the masks of its list val."""
    records = [record for record in read(root).records if "val" in record.splits]
    return read_voc_truths(root, records, **changes)
