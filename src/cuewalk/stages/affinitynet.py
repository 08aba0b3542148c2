"""Stage `affinitynet`: learn which cells belong together from the confident labels."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import torch

from cuewalk.affinity.net import AffinityNet
from cuewalk.affinity.training import AffinitySettings, LabelledPhotographs, train_affinity
from cuewalk.artifacts.atomic import atomic_file
from cuewalk.artifacts.checkpoint import Checkpoint, delete_checkpoint, training_key
from cuewalk.artifacts.store import read_store
from cuewalk.classifier.backbone import stem_of
from cuewalk.datasets.record import Record
from cuewalk.distributed.group import Group
from cuewalk.epochs import How
from cuewalk.errors import InputError
from cuewalk.stages.networks import image_loader, load_classifier, prepare, save_model
from cuewalk.stages.processes import in_processes
from cuewalk.stages.rows import records_by_id, with_role
from cuewalk.stages.runner import Job, Work, log, main, progress_in_rounds


def run(job: Job, group: Group) -> Work:
    """Write outputs `model` and `history`; cfg: affinitynet, grid, seed."""
    device = prepare(job, alone=group.size == 1)
    cfg, grid = job.cfg["affinitynet"], job.cfg["grid"]
    torch.manual_seed(job.cfg["seed"])
    classifier, about = load_classifier(job.input("model"))
    net = AffinityNet(
        stem_of(classifier),
        cfg["channels"],
        cfg["levels"],
        grid["cells"],
        frozen=cfg["backbone"] == "frozen",
    )
    records, labels = _labelled(job)
    photographs = LabelledPhotographs(
        image_loader(job.root, records),
        labels,
        cfg["image_size"],
        tuple(cfg["jitter"]),
        job.cfg["seed"],
    )
    history, earlier = _train(job, net, photographs, device, group)
    if group.first:
        about = {**about, "affinitynet": {k: cfg[k] for k in ("channels", "levels", "image_size")}}
        save_model(net, job.outputs["model"], {**about, "grid": grid})
        with atomic_file(job.outputs["history"]) as path:
            history.to_csv(path, index=False, float_format="%.6g")
        delete_checkpoint(job.outputs["model"])
    return Work(len(records) * len(history), earlier)


def _labelled(job: Job) -> tuple[Sequence[Record], np.ndarray]:
    """Training photographs in order of id, with their label grids (n, g, g)."""
    by_id = {r.id: r for r in with_role(records_by_id(job).values(), "train")}
    rows: dict[str, np.ndarray] = {}
    pairs = np.zeros(3, np.int64)
    for path in job.inputs["labels"]:
        store = read_store(path / "labels.zarr.zip")
        learning = [row for row, id in enumerate(store.ids) if id in by_id]
        rows |= {store.ids[row]: store.arrays["label"][row] for row in learning}
        pairs += store.arrays["pairs"][learning].sum(axis=0)
    log.info("pairs (background, foreground, negative): %s", pairs.tolist())
    _check_pairs(foreground=pairs[1], negative=pairs[2])
    ids = sorted(rows)
    return [by_id[id] for id in ids], np.stack([rows[id] for id in ids])


def _check_pairs(foreground: int, negative: int) -> None:
    """Refuse labels that AffinityNet cannot learn from.

    Raises:
        InputError: there are no pairs of a kind; names the key that makes more of them.
    """
    if not foreground:
        raise InputError(
            "crf.alpha_low: the confident labels hold no foreground pair, so AffinityNet has "
            "nothing to learn; raise alpha_low, or train the classifier longer."
        )
    if not negative:
        raise InputError(
            "crf.alpha_high: the confident labels hold no background beside an object, so "
            "AffinityNet has nothing to learn; lower alpha_high, or train the classifier longer."
        )


def _train(
    job: Job,
    net: AffinityNet,
    photographs: LabelledPhotographs,
    device: torch.device,
    group: Group,
) -> tuple[pd.DataFrame, float]:
    """The lines of history.csv, and the seconds of processes before this one."""
    cfg: dict[str, Any] = job.cfg["affinitynet"]
    settings = AffinitySettings(
        epochs=cfg["epochs"],
        batch_size=cfg["batch_size"],
        learning_rate=cfg["learning_rate"],
        momentum=cfg["momentum"],
        weight_decay=cfg["weight_decay"],
        loss_scale=cfg["loss_scale"],
        radius=job.cfg["grid"]["radius"],
    )
    start = {**net.state_dict(), "labels": torch.from_numpy(photographs.labels)}
    key = training_key(job.cfg, job.code, job.data, start)
    checkpoint = Checkpoint(job.outputs["model"], key)
    watched = progress_in_rounds(checkpoint, settings.epochs)
    how = How(device, job.compute["workers"], watched, checkpoint, group)
    rows = []
    for epoch in train_affinity(net, photographs, settings, job.cfg["seed"], how):
        log.info("epoch %d: loss %.4f", epoch.epoch, epoch.loss)
        rows.append(asdict(epoch))
    return pd.DataFrame(rows), checkpoint.seconds


if __name__ == "__main__":
    main("cuewalk.stages.affinitynet", in_processes(run))
