"""Config section `dataset`: what its keys must not say together, before any file is looked at."""

from collections.abc import Mapping
from typing import Any

from cuewalk.datasets.folder_labels import ALL
from cuewalk.datasets.record import NAME
from cuewalk.errors import InputError

ROOTS = {
    "voc": "JPEGImages, Annotations and ImageSets",
    "folder": "the photographs",
    "imagenet": "the folder that dataset.evaluate names",
    "imagenet_segmentation": "gtsegs_ijcv.mat",
}
"""What lies in the root of each kind of data that is not drawn."""


def check_dataset(dataset: Mapping[str, Any]) -> None:
    """Refuse what the keys of config section `dataset` must not say together.

    Raises:
        InputError: names the key, what is wrong with it and what would do.
    """
    if dataset["kind"] in ROOTS and dataset["root"] is None:
        holds = ROOTS[dataset["kind"]]
        raise InputError(f"config key dataset.root: missing; name the folder that holds {holds}.")
    if dataset["labels"] is not None and dataset["kind"] not in ("imagenet", "folder"):
        raise InputError(
            f"config key dataset.labels: data of kind {dataset['kind']} bring their own labels; "
            "leave it null."
        )
    if dataset["kind"] == "shapes" and dataset["root"] is not None:
        raise InputError(
            "config key dataset.root: the built-in shapes are drawn into the results folder; "
            "leave it null, or set dataset.kind to voc."
        )
    _check_masks(dataset)
    # Of few photographs of one's own, those that are learnt from are to have masks too.
    others = (
        (dataset["select"],)
        if dataset["kind"] == "folder"
        else (dataset["train"], dataset["select"])
    )
    if dataset["evaluate"] in others:
        raise InputError(
            f"config key dataset.evaluate: the list {dataset['evaluate']!r} is also trained or "
            "selected on; name another one."
        )


def _check_masks(dataset: Mapping[str, Any]) -> None:
    kind, masks = dataset["kind"], dataset["masks"]
    if masks is None and kind not in ("voc", "folder"):
        raise InputError(
            f"config key dataset.masks: null, but data of kind {kind} are not without; leave it "
            "out."
        )
    if masks is not None and kind != "folder" and not NAME.fullmatch(masks):
        raise InputError(
            f"config key dataset.masks: {masks!r} is no name of a folder in dataset.root; name one."
        )
    if masks is None and dataset["select"] is not None:
        raise InputError(
            "config key dataset.select: a background is selected on masks of ground truth, and "
            "dataset.masks names none; set null."
        )
    both = (dataset["select"], dataset["evaluate"])
    if kind == "folder" and dataset["select"] is not None and ALL in both:
        raise InputError(
            f"config key dataset.select: what is selected on must not be reported on, and list "
            f"'{ALL}' holds every photograph; name lists of the column split."
        )
