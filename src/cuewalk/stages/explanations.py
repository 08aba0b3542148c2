"""Stage `explanations`: a method's maps of the predicted and of the true classes (tables 2, 3)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.artifacts.store import Store, pad_classes, read_store, write_store
from cuewalk.classifier.images import normalise
from cuewalk.datasets.record import Record, in_sample
from cuewalk.evaluate.explanation import is_constant
from cuewalk.explain.registry import explainer
from cuewalk.stages.networks import load_classifier, network_batches, prepare
from cuewalk.stages.rows import class_indices, class_slots, equal_batches, records_by_id
from cuewalk.stages.runner import Job, main
from cuewalk.vision import VisionTransformer


def run(job: Job) -> int:
    """Write output `explanations`; cfg: method, its module and options, share.

    Arrays, a row per photograph of input `predictions` that is in the sample: `class_id` (n, S),
    the predicted class and then those of the image label; `map` (n, S, h, w) float32, a token grid
    or pixels; `constant` (n, S) bool, maps that tell no place from another.
    """
    device = prepare(job)
    model, about = load_classifier(job.input("model"))
    options: dict[str, Any] = dict(job.cfg["options"])
    set_norm_eps(model, options.pop("lrp_norm_eps", None))
    model.to(device)
    predictions = read_store(job.input("predictions") / "predictions.zarr.zip")
    by_id = records_by_id(job)
    records = [by_id[id] for id in predictions.ids if in_sample(id, job.cfg["share"])]
    slots = [
        [
            int(predictions.row(record.id)["logits"][0].argmax()),
            *class_indices(record, about["classes"]),
        ]
        for record in records
    ]
    maps = _maps(job, model, records, slots, about["model"]["image_size"], options)
    arrays = {
        "class_id": pad_classes(slots, class_slots(slots)),
        "map": maps,
        "constant": is_constant(maps),
    }
    attributes = {"size": about["model"]["image_size"]}
    store = Store(tuple(record.id for record in records), arrays, attributes)
    with atomic_folder(job.outputs["explanations"]) as folder:
        write_store(folder / "explanations.zarr.zip", store)
    return len(records)


def set_norm_eps(model: VisionTransformer, eps: float | None) -> None:
    """Give the final norm the eps of the authors' LRP models; None leaves the model's own."""
    if eps is not None and isinstance(model.norm, nn.LayerNorm):
        model.norm.eps = eps


def _maps(
    job: Job,
    model: VisionTransformer,
    records: Sequence[Record],
    slots: Sequence[Sequence[int]],
    size: int,
    options: dict[str, Any],
) -> np.ndarray:
    """Maps (n, S, h, w) float32; a class that stands in two slots is explained once."""
    explain = explainer(job.cfg["method"], job.cfg["module"])
    device = next(model.parameters()).device
    distinct = [list(dict.fromkeys(row)) for row in slots]
    maps = np.zeros((0, 0, 0, 0), np.float32)
    steps = equal_batches(distinct, job.compute["batch_size"])
    for rows, seen in network_batches(job, records, steps, size, job.cfg["method"]):
        images = normalise(seen.to(device))
        classes = torch.tensor([distinct[row] for row in rows], device=device).T.contiguous()
        found = explain(model, images, classes, **options).transpose(0, 1).float().cpu().numpy()
        if not maps.size:
            maps = np.zeros((len(records), class_slots(slots), *found.shape[-2:]), np.float32)
        for row, of_row in zip(rows, found, strict=True):
            for slot, label in enumerate(slots[row]):
                maps[row, slot] = of_row[distinct[row].index(label)]
    return maps


if __name__ == "__main__":
    main("cuewalk.stages.explanations", run)
