"""Stage `dataset`: check every photograph, label and mask once, and list them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from cuewalk.artifacts.atomic import atomic_file
from cuewalk.datasets.imagenet import read_imagenet
from cuewalk.datasets.imagenet_segmentation import read_imagenet_segmentation
from cuewalk.datasets.record import Dataset, Record, write_index, write_truth
from cuewalk.datasets.voc import read_voc
from cuewalk.stages.rows import with_role
from cuewalk.stages.runner import Job, log, main, progress

ROLES = ("train", "select", "evaluate")


def run(job: Job) -> int:
    """Write outputs `index`, `truth` and `classes`; cfg: dataset."""
    dataset = job.cfg["dataset"]
    lists = {role: dataset[role] for role in ROLES if dataset[role] is not None}
    data = _read(job, lists)
    records = [_with_roles(record, lists) for record in data.records]
    _write(job, data, records)
    log.info("%d photographs without any of the wanted classes were left out", data.left_out)
    for role, name in lists.items():
        log.info("%s (list %s): %d photographs", role, name, len(with_role(records, role)))
    return len(records)


def _read(job: Job, lists: dict[str, str]) -> Dataset:
    """Read and check the data set by its kind."""
    cfg = job.cfg["dataset"]

    def watched(ids: Iterable[str]) -> Iterable[str]:
        some = list(ids)
        return progress(some, len(some), "dataset", weight=lambda _: 1)

    if cfg["kind"] == "imagenet":
        labels = None if cfg["labels"] is None else Path(cfg["labels"])
        return read_imagenet(
            job.root, split=cfg["evaluate"], labels=labels, limit=cfg["limit"], progress=watched
        )
    if cfg["kind"] == "imagenet_segmentation":
        return read_imagenet_segmentation(
            job.root, split=cfg["evaluate"], limit=cfg["limit"], progress=watched
        )
    return read_voc(
        job.root,
        splits=sorted(set(lists.values())),
        classes=cfg["classes"],
        masks=cfg["masks"],
        need_masks=[lists[role] for role in ("select", "evaluate") if role in lists],
        limits={} if cfg["limit"] is None else {cfg["evaluate"]: cfg["limit"]},
        progress=watched,
    )


def _with_roles(record: Record, lists: dict[str, str]) -> Record:
    """Name splits by their role in the run, so that later stages need not know the lists' names."""
    return replace(record, splits=tuple(r for r, name in lists.items() if name in record.splits))


def _write(job: Job, data: Dataset, records: Sequence[Record]) -> None:
    counts = {
        role: [sum(c in r.labels for r in with_role(records, role)) for c in data.classes]
        for role in ROLES
    }
    # What a class is called in the masks; nothing where they only tell object from background.
    ids = pd.Series(data.mask_ids, range(len(data.mask_ids)), dtype="Int64")
    table = pd.DataFrame({"class": data.classes, **counts})
    table.insert(1, "mask_id", ids)
    with atomic_file(job.outputs["index"]) as path:
        write_index(path, records)
    with atomic_file(job.outputs["truth"]) as path:
        write_truth(path, data.truths)
    with atomic_file(job.outputs["classes"]) as path:
        table.to_csv(path, index=False)


if __name__ == "__main__":
    main("cuewalk.stages.dataset", run)
