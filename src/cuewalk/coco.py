"""Masks in the form of COCO's instance annotations, run-length encoded (Lin et al. 2014).

A photograph has one annotation per class that its mask shows: the masks tell classes, not objects.
Ids of categories are the label ids of the masks; those of images and annotations count from 1.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as rle

from cuewalk.datasets.record import Record


def coco_categories(classes: Sequence[str]) -> list[dict[str, Any]]:
    """Section `categories`, of class names in label order."""
    return [{"id": id, "name": name} for id, name in enumerate(classes, 1)]


def coco_image(id: int, record: Record, mask: str) -> dict[str, Any]:
    """An entry of section `images`; `mask`, no key of COCO's, tells the path of its PNG."""
    return {
        "id": id,
        "file_name": record.path,
        "width": record.width,
        "height": record.height,
        "mask": mask,
    }


def coco_annotations(mask: NDArray[np.uint8], image: int, first: int) -> list[dict[str, Any]]:
    """Entries of section `annotations` of one photograph.

    Args:
        mask: (H, W), 0 background, class index + 1 otherwise.
        image: id of the photograph.
        first: id of the first annotation.
    """
    found = []
    for id, label in enumerate(np.unique(mask[mask > 0]).tolist(), first):
        code = rle.encode(np.asfortranarray(mask == label))
        found.append(
            {
                "id": id,
                "image_id": image,
                "category_id": label,
                "segmentation": {"size": code["size"], "counts": code["counts"].decode("ascii")},
                "area": int(rle.area(code)),
                "bbox": rle.toBbox(code).tolist(),
                "iscrowd": 0,
            }
        )
    return found
