"""Stage `cues`: relevance of every labelled class of a shard's photographs, as token grids."""

from collections.abc import Sequence

import numpy as np
import torch

from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.artifacts.store import Store, pad_classes, write_store
from cuewalk.classifier.images import normalise
from cuewalk.datasets.record import Record
from cuewalk.explain.relevance import relevance
from cuewalk.stages.networks import load_classifier, network_batches, prepare
from cuewalk.stages.rows import class_indices, class_slots, equal_batches, shard_records
from cuewalk.stages.runner import Job, main
from cuewalk.vision import VisionTransformer


def run(job: Job) -> int:
    """Write output `cues`; cfg: cues."""
    device = prepare(job)
    cfg = job.cfg["cues"]
    model, about = load_classifier(job.input("model"))
    records = shard_records(job)
    labels = [class_indices(record, about["classes"]) for record in records]
    arrays = {
        "size": np.array([(r.height, r.width) for r in records], np.int32).reshape(-1, 2),
        "class_id": pad_classes(labels, class_slots(labels)),
    }
    for size in cfg["sizes"]:
        model.set_input_size((size, size))
        model.to(device)
        arrays[f"grid_{size}"] = _grids(job, model, records, labels, size, device)
    with atomic_folder(job.outputs["cues"]) as folder:
        attributes = {"sizes": cfg["sizes"], "classes": about["classes"]}
        write_store(
            folder / "cues.zarr.zip", Store(tuple(r.id for r in records), arrays, attributes)
        )
    return len(records)


def _grids(
    job: Job,
    model: VisionTransformer,
    records: Sequence[Record],
    labels: Sequence[Sequence[int]],
    size: int,
    device: torch.device,
) -> np.ndarray:
    """Token grids (n, K, 2, gh, gw) float32: plain, mirrored (1 instead of 2 without flip)."""
    cfg = job.cfg["cues"]
    height, width = model.patch_embed.grid_size
    views = 2 if cfg["flip"] else 1
    grids = np.zeros((len(records), class_slots(labels), views, height, width), np.float32)
    steps = equal_batches(labels, job.compute["batch_size"])
    for rows, seen in network_batches(job, records, steps, size, f"cues at {size}"):
        images = normalise(seen.to(device))
        classes = torch.tensor([labels[row] for row in rows], device=device).T.contiguous()
        for view in range(views):
            turned = images.flip(-1) if view else images
            found = relevance(model, turned, classes, start_layer=cfg["start_layer"])
            grids[rows, : len(classes), view] = found.transpose(0, 1).float().cpu().numpy()
    return grids


if __name__ == "__main__":
    main("cuewalk.stages.cues", run)
