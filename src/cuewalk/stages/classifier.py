"""Stage `classifier`: fine-tune on image-level labels."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pandas as pd
import torch

from cuewalk.artifacts.atomic import atomic_file
from cuewalk.artifacts.checkpoint import Checkpoint, delete_checkpoint, training_key
from cuewalk.classifier.backbone import build_model, stem_of
from cuewalk.classifier.images import Augment, Photographs
from cuewalk.classifier.training import (
    Epoch,
    TrainSettings,
    as_row,
    train,
)
from cuewalk.datasets.record import Record
from cuewalk.distributed.group import Group
from cuewalk.epochs import How
from cuewalk.explain.support import patch_convolution
from cuewalk.stages.networks import image_loader, prepare, save_model
from cuewalk.stages.processes import in_processes
from cuewalk.stages.rows import class_indices, read_classes, records_by_id, with_role
from cuewalk.stages.runner import Job, Work, log, main, progress_in_rounds
from cuewalk.vision import VisionTransformer


def run(job: Job, group: Group) -> Work:
    """Write outputs `model` and `history`; cfg: classifier, seed."""
    device = prepare(job, alone=group.size == 1)
    spec, seed = job.cfg["classifier"]["model"], job.cfg["seed"]
    classes = read_classes(job.input("classes"))
    learning = with_role(records_by_id(job).values(), "train")

    torch.manual_seed(seed)
    learns = job.cfg["classifier"]["training"]["epochs"] > 0
    model = build_model(spec, len(classes), whole=not learns)
    _refuse_early(job, model)
    history, earlier = _train(job, model, learning, classes, device, group)

    if group.first:
        about = {"model": spec, "classes": list(classes)}
        save_model(model, job.outputs["model"], about)
        with atomic_file(job.outputs["history"]) as path:
            history.to_csv(path, index=False, float_format="%.6g")
        delete_checkpoint(job.outputs["model"])
    return Work(len(learning) * len(history), earlier)


def _refuse_early(job: Job, model: VisionTransformer) -> None:
    """Refuse before training what a later stage of this run could not do with the classifier.

    Raises:
        InputError: no stem for AffinityNet, or one that lrp cannot pass.
    """
    if "masks" in job.wanted.get("tables", ["masks"]):
        stem_of(model)
    explains = {"faithfulness", "cue_segmentation"} & set(job.wanted.get("tables", []))
    if explains and "lrp" in job.wanted["methods"]:
        patch_convolution(model)


def _train(
    job: Job,
    model: VisionTransformer,
    records: Sequence[Record],
    classes: Sequence[str],
    device: torch.device,
    group: Group,
) -> tuple[pd.DataFrame, float]:
    """The lines of history.csv, and the seconds of processes before this one."""
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
    targets = torch.from_numpy(_targets(records, classes))
    start = {**model.state_dict(), "targets": targets}
    key = training_key(job.cfg, job.code, job.data, start)
    checkpoint = Checkpoint(job.outputs["model"], key)
    watched = progress_in_rounds(checkpoint, section["training"]["epochs"])
    how = How(device, job.compute["workers"], watched, checkpoint, group)
    settings = TrainSettings(**section["training"])
    rows = []
    for epoch in train(model, photographs, targets, settings, job.cfg["seed"], how):
        log.info("epoch %d: loss %.4f", epoch.epoch, epoch.train_loss)
        rows.append(as_row(epoch))
    columns = [field.name for field in fields(Epoch)]
    return pd.DataFrame(rows, columns=columns), checkpoint.seconds


def _targets(records: Sequence[Record], classes: Sequence[str]) -> np.ndarray:
    """Multi-hot labels (n, classes) float32."""
    targets = np.zeros((len(records), len(classes)), np.float32)
    for row, record in enumerate(records):
        targets[row, class_indices(record, classes)] = 1
    return targets


if __name__ == "__main__":
    main("cuewalk.stages.classifier", in_processes(run))
