"""Stage `classifier`: fine-tune on image-level labels."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from timm.models.vision_transformer import VisionTransformer

from cuewalk.artifacts.atomic import atomic_file
from cuewalk.classifier.backbone import build_model, stem_of
from cuewalk.classifier.images import Augment, Photographs
from cuewalk.classifier.training import (
    TrainSettings,
    as_row,
    average_precision,
    predict,
    train,
)
from cuewalk.datasets.record import Record, read_index
from cuewalk.stages.networks import image_loader, prepare, save_model
from cuewalk.stages.rows import class_indices, read_classes, with_role
from cuewalk.stages.runner import Job, log, main, progress


def run(job: Job) -> int:
    """Write outputs `model`, `history` and `precision`; cfg: classifier, seed."""
    device = prepare(job)
    spec, seed = job.cfg["classifier"]["model"], job.cfg["seed"]
    classes = read_classes(job.input("classes"))
    records = read_index(job.input("index"))
    learning = with_role(records, "train")

    torch.manual_seed(seed)
    model = build_model(spec, len(classes))
    stem_of(model)  # refuses before training what AffinityNet could not use after it
    history = _train(job, model, learning, classes, device)
    precision = _precision(job, model, with_role(records, "evaluate"), classes, device)

    about = {"model": spec, "classes": list(classes)}
    save_model(model, job.outputs["model"], about)
    with atomic_file(job.outputs["history"]) as path:
        history.to_csv(path, index=False, float_format="%.6g")
    with atomic_file(job.outputs["precision"]) as path:
        precision.to_csv(path, index=False, float_format="%.6f")
    return len(learning) * len(history)


def _train(
    job: Job,
    model: VisionTransformer,
    records: Sequence[Record],
    classes: Sequence[str],
    device: torch.device,
) -> pd.DataFrame:
    section = job.cfg["classifier"]
    augment = section["augment"]
    photographs = Photographs(
        image_loader(job.root, records),
        len(records),
        section["model"]["image_size"],
        Augment(
            augment["flip"], tuple(augment["jitter"]), tuple(augment["crop"]), augment["erase"]
        ),
        seed=job.cfg["seed"],
    )
    rows = []
    for epoch in train(
        model,
        photographs,
        torch.from_numpy(_targets(records, classes)),
        TrainSettings(**section["training"]),
        seed=job.cfg["seed"],
        device=device,
        workers=job.compute["workers"],
        progress=progress,
    ):
        log.info("epoch %d: loss %.4f", epoch.epoch, epoch.train_loss)
        rows.append(as_row(epoch))
    return pd.DataFrame(rows)


def _precision(
    job: Job,
    model: VisionTransformer,
    records: Sequence[Record],
    classes: Sequence[str],
    device: torch.device,
) -> pd.DataFrame:
    """Average precision per class on the evaluation photographs: a report, never a choice."""
    photographs = Photographs(
        image_loader(job.root, records),
        len(records),
        job.cfg["classifier"]["model"]["image_size"],
    )
    scores = predict(model, photographs, batch_size=job.compute["batch_size"], device=device)
    values = average_precision(scores, _targets(records, classes))
    log.info("mean average precision on %d photographs: %.4f", len(records), np.nanmean(values))
    return pd.DataFrame(
        {
            "class": [*classes, "mean"],
            "photographs": [*_targets(records, classes).sum(0).astype(int), len(records)],
            "average_precision": [*values, np.nanmean(values)],
        }
    )


def _targets(records: Sequence[Record], classes: Sequence[str]) -> np.ndarray:
    """Multi-hot labels (n, classes) float32."""
    targets = np.zeros((len(records), len(classes)), np.float32)
    for row, record in enumerate(records):
        targets[row, class_indices(record, classes)] = 1
    return targets


if __name__ == "__main__":
    main("cuewalk.stages.classifier", run)
