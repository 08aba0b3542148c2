"""Stage `cues`: relevance of every labelled class of a shard's photographs, as token grids."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.artifacts.store import Store, pad_classes, write_store
from cuewalk.classifier.images import batches, normalise, pil_squash, to_tensor
from cuewalk.datasets.record import Record
from cuewalk.datasets.voc import load_image
from cuewalk.explain.relevance import relevance
from cuewalk.stages.networks import load_classifier, prepare
from cuewalk.stages.rows import class_indices, shard_records
from cuewalk.stages.runner import Job, main, progress


def run(job: Job) -> int:
    """Write output `cues`; cfg: cues, shards."""
    device = prepare(job)
    cfg = job.cfg["cues"]
    model, about = load_classifier(job.input("model"))
    records = shard_records(job)
    labels = [class_indices(record, about["classes"]) for record in records]
    arrays = {
        "size": np.array([(r.height, r.width) for r in records], np.int32).reshape(-1, 2),
        "class_id": pad_classes(labels, _slots(labels)),
    }
    for size in cfg["sizes"]:
        model.set_input_size((size, size))
        model.to(device)
        arrays[f"grid_{size}"] = _grids(job, model, records, labels, size, device)
    with atomic_folder(job.outputs["cues"]) as folder:
        attributes = {"sizes": cfg["sizes"], "classes": about["classes"]}
        write_store(folder / "cues.zarr", Store(tuple(r.id for r in records), arrays, attributes))
    return len(records)


def _slots(labels: Sequence[Sequence[int]]) -> int:
    return max((len(row) for row in labels), default=1)


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
    grids = np.zeros((len(records), _slots(labels), views, height, width), np.float32)
    steps = _steps(labels, job.compute["batch_size"])
    text = f"cues at {size}"
    for rows in progress(steps, len(records), text, weight=len):
        images = torch.stack([_image(job, records[row], size) for row in rows]).to(device)
        classes = torch.tensor([labels[row] for row in rows], device=device).T.contiguous()
        for view in range(views):
            seen = images.flip(-1) if view else images
            found = _relevance(model, seen, classes, cfg["start_layer"])
            grids[rows, : len(classes), view] = found.transpose(0, 1).float().cpu().numpy()
    return grids


def _relevance(
    model: VisionTransformer, images: Tensor, classes: Tensor, start_layer: int
) -> Tensor:
    return relevance(model, images, classes, start_layer=start_layer)


def _steps(labels: Sequence[Sequence[int]], size: int) -> Iterator[list[int]]:
    """Batches of rows with equally many classes, so that no slot is computed in vain."""
    for count in sorted({len(row) for row in labels}):
        yield from batches([i for i, row in enumerate(labels) if len(row) == count], size)


def _image(job: Job, record: Record, size: int) -> Tensor:
    return normalise(to_tensor(pil_squash(load_image(job.root, record), size)))


if __name__ == "__main__":
    main("cuewalk.stages.cues", run)
