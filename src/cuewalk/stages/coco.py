"""Stage `coco`: all masks as run-length codes in one JSON file, in the form of COCO."""

import json
from typing import Any

import numpy as np
from PIL import Image

from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.coco import coco_annotations, coco_categories, coco_image
from cuewalk.stages.rows import read_classes, records_by_id
from cuewalk.stages.runner import Job, main, progress

FILE = "annotations/instances.json"


def run(job: Job) -> int:
    """Write output `coco`, a folder with one file; no settings."""
    records = records_by_id(job)
    paths = {path.stem: path for folder in job.inputs["masks"] for path in folder.glob("*.png")}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, id in enumerate(progress(sorted(paths), len(paths), "coco", weight=lambda _: 1), 1):
        path = paths[id]
        images.append(coco_image(number, records[id], f"{path.parent.name}/{path.name}"))
        mask = np.array(Image.open(path))
        annotations += coco_annotations(mask, number, len(annotations) + 1)
    content = {
        "info": {"description": "Masks of classes by cuewalk"},
        "licenses": [],
        "categories": coco_categories(read_classes(job.input("classes"))),
        "images": images,
        "annotations": annotations,
    }
    with atomic_folder(job.outputs["coco"]) as folder:
        (folder / FILE).parent.mkdir()
        (folder / FILE).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return len(images)


if __name__ == "__main__":
    main("cuewalk.stages.coco", run)
