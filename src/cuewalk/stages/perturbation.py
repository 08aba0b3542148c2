"""Stage `perturbation`: blacken pixels in the order of a method's maps and ask again (table 2)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.artifacts.store import Store, read_store, write_store
from cuewalk.evaluate.curves import LEVELS
from cuewalk.evaluate.perturbation import answers, ranked_maps, removal_order
from cuewalk.stages.networks import load_classifier, network_batches, prepare
from cuewalk.stages.rows import batches, present, records_by_id
from cuewalk.stages.runner import Job, main
from cuewalk.vision import VisionTransformer

DIRECTIONS = ("negative", "positive")


def run(job: Job) -> int:
    """Write output `perturbation`; cfg: seed, of what takes the place of a constant map.

    Arrays, a row per photograph: `class_id` and `constant` (n, S) as in `explanations`; `top` int32
    and `logit` float32, both (n, S, directions, 10): the class of the highest logit and the
    explained class's own logit, of the whole photograph and with 10 % to 90 % of it black.
    """
    device = prepare(job)
    model, about = load_classifier(job.input("model"))
    model.to(device)
    maps = read_store(job.input("explanations") / "explanations.zarr.zip")
    predictions = read_store(job.input("predictions") / "predictions.zarr.zip")
    whole = [predictions.row(id)["logits"][0] for id in maps.ids]
    by_id = records_by_id(job)
    records = [by_id[id] for id in maps.ids]
    class_id = maps.arrays["class_id"]
    shape = (*class_id.shape, len(DIRECTIONS), len(LEVELS))
    top, logit = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    size, batch = about["model"]["image_size"], job.compute["batch_size"]
    steps = batches(range(len(maps.ids)), batch)
    for rows, images in network_batches(job, records, steps, size, "perturbation"):
        for row, image in zip(rows, images.to(device), strict=True):
            classes = present(class_id[row])
            grids, constant = (maps.arrays[n][row, : len(classes)] for n in ("map", "constant"))
            planes = ranked_maps(model, image, grids, constant, classes, job.cfg["seed"])
            of_slot = _logits(model, image, planes, batch)
            for slot, label in enumerate(classes):
                answers = np.concatenate([np.tile(whole[row], (2, 1, 1)), of_slot[slot]], axis=1)
                top[row, slot], logit[row, slot] = answers.argmax(-1), answers[..., label]
    arrays = {"class_id": class_id, "constant": maps.arrays["constant"], "top": top, "logit": logit}
    with atomic_folder(job.outputs["perturbation"]) as folder:
        attributes = {"directions": list(DIRECTIONS)}
        write_store(folder / "perturbation.zarr.zip", Store(maps.ids, arrays, attributes))
    return len(maps.ids)


def _logits(
    model: VisionTransformer, image: Tensor, planes: np.ndarray, batch: int
) -> Sequence[np.ndarray]:
    """Logits (directions, 9, classes) for each map (S, H, W) of a photograph (3, H, W).

    Equal maps are tried once: a method that ignores the class has but one.
    """
    keys = [plane.tobytes() for plane in planes]
    distinct = list(dict.fromkeys(keys))
    shown = torch.from_numpy(np.stack([planes[keys.index(key)] for key in distinct]))
    shown = shown.to(image.device)
    orders = torch.stack([removal_order(shown, d == "positive") for d in DIRECTIONS], 1)
    found = answers(model, image, orders.flatten(0, 1), batch).float().cpu()
    logits = torch.unflatten(found, 0, orders.shape[:2]).numpy()
    return [logits[distinct.index(key)] for key in keys]


if __name__ == "__main__":
    main("cuewalk.stages.perturbation", run)
