"""Stage `predictions`: what the classifier says of the photographs that are reported on."""

import numpy as np
import torch

from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.artifacts.store import Store, write_store
from cuewalk.classifier.images import normalise
from cuewalk.products import OneDnnLinear
from cuewalk.stages.networks import load_classifier, network_batches, prepare
from cuewalk.stages.rows import batches, shard_records, with_role
from cuewalk.stages.runner import Job, main


def run(job: Job) -> int:
    """Write output `predictions`: logits (n, 2, classes) of the shard's `evaluate` photographs.

    No settings. Of each photograph as it is, and of its mirror image.
    """
    device = prepare(job)
    model, about = load_classifier(job.input("model"))
    model.to(device)
    size = about["model"]["image_size"]
    records = with_role(shard_records(job), "evaluate")
    logits = np.zeros((len(records), 2, len(about["classes"])), np.float32)
    steps = batches(range(len(records)), job.compute["batch_size"])
    for rows, seen in network_batches(job, records, steps, size, "predictions"):
        images = normalise(seen.to(device))
        with torch.no_grad(), OneDnnLinear():
            for view, turned in enumerate((images, images.flip(-1))):
                logits[rows, view] = model(turned).float().cpu().numpy()
    with atomic_folder(job.outputs["predictions"]) as folder:
        store = Store(tuple(r.id for r in records), {"logits": logits}, {})
        write_store(folder / "predictions.zarr.zip", store)
    return len(records)


if __name__ == "__main__":
    main("cuewalk.stages.predictions", run)
