"""Stage `truth`: check ground truth masks once, and list them."""

from cuewalk.artifacts.atomic import atomic_file
from cuewalk.datasets.folder import read_folder_truths
from cuewalk.datasets.imagenet_segmentation import read_imagenet_segmentation_truths
from cuewalk.datasets.listing import JUDGED, folder_of, has_truth
from cuewalk.datasets.record import Truth, read_index, write_truth
from cuewalk.datasets.voc import read_voc_truths
from cuewalk.stages.runner import Job, main, progress_of


def run(job: Job) -> int:
    """Write output `truth`, of the photographs that are selected or reported on; cfg: dataset."""
    truths = _read(job)
    with atomic_file(job.outputs["truth"]) as path:
        write_truth(path, truths)
    return len(truths)


def _read(job: Job) -> tuple[Truth, ...]:
    """Read and check masks by the data set's kind."""
    records = [r for r in read_index(job.input("index")) if JUDGED & set(r.splits)]

    watched = progress_of(f"truth {job.shard}")

    dataset = job.cfg["dataset"]
    if dataset["kind"] == "imagenet" or not has_truth(dataset):
        return ()
    if dataset["kind"] == "imagenet_segmentation":
        return read_imagenet_segmentation_truths(job.root, records, progress=watched)
    if dataset["kind"] == "folder":
        found = folder_of(job.dataset, job.root)
        return read_folder_truths(job.root, records, found, progress=watched)
    return read_voc_truths(job.root, records, masks=dataset["masks"], progress=watched)


if __name__ == "__main__":
    main("cuewalk.stages.truth", run)
