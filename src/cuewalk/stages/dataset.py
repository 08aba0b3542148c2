"""Stage `dataset`: check photographs and labels once, and list them."""

from collections.abc import Sequence
from pathlib import Path

from cuewalk.artifacts.atomic import atomic_file
from cuewalk.datasets.folder import Photograph, read_folder
from cuewalk.datasets.imagenet import list_imagenet, read_imagenet
from cuewalk.datasets.imagenet_segmentation import read_imagenet_segmentation
from cuewalk.datasets.listing import Listed, list_photographs
from cuewalk.datasets.record import Dataset, write_index
from cuewalk.datasets.voc import read_voc
from cuewalk.stages.runner import Job, log, main, progress_of


def run(job: Job) -> int:
    """Write output `index`; cfg: dataset. Its splits are the photographs' roles in the run."""
    listed = list_photographs(job.dataset, job.root)
    shards = job.dataset["shards"]
    data = _read(job, [one for one in listed if one.index(shards) == job.shard])
    with atomic_file(job.outputs["index"]) as path:
        write_index(path, data.records)
    log.info("%d photographs without any of the wanted classes were left out", data.left_out)
    return len(data.records)


def _read(job: Job, listed: Sequence[Listed]) -> Dataset:
    """Read and check photographs by the data set's kind."""
    watched = progress_of(f"dataset {job.shard}")
    roles = {one.id: one.roles for one in listed}
    kind = job.dataset["kind"]
    if kind == "imagenet":
        labels = None if job.dataset["labels"] is None else Path(job.dataset["labels"])
        listing = list_imagenet(job.root, job.dataset["evaluate"], labels)
        return read_imagenet(job.root, roles, listing, progress=watched)
    if kind == "imagenet_segmentation":
        return read_imagenet_segmentation(job.root, roles, progress=watched)
    if kind == "folder":
        photographs = {one.id: Photograph(one.files[0], one.labels) for one in listed}
        return read_folder(job.root, roles, photographs, progress=watched)
    return read_voc(job.root, roles, classes=job.dataset["classes"], progress=watched)


if __name__ == "__main__":
    main("cuewalk.stages.dataset", run)
