"""Stage `walk`: spread the cues of a shard along the learned affinities."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from cuewalk.affinity.loss import affinities
from cuewalk.affinity.net import AffinityNet
from cuewalk.affinity.picture import mean_affinity
from cuewalk.affinity.walk import transition, walk
from cuewalk.artifacts.atomic import atomic_folder
from cuewalk.artifacts.store import Store, read_store, stack_rows, write_store
from cuewalk.classifier.backbone import build_model, stem_of
from cuewalk.classifier.images import normalise
from cuewalk.cues import background_map
from cuewalk.resize import to_cells
from cuewalk.stages.maps import photograph_cues
from cuewalk.stages.networks import network_batches, prepare, read_about
from cuewalk.stages.rows import batches, records_by_id
from cuewalk.stages.runner import Job, main


def run(job: Job) -> int:
    """Write output `walk`: walked class and background planes; cfg: walk, masks, cue_map.

    Rows: the shard's photographs of the splits `select`, `evaluate` and those to write masks for.
    """
    device = prepare(job)
    cues = read_store(job.input("cues") / "cues.zarr.zip")
    roles = {"select", "evaluate", *job.cfg["masks"]["splits"]}
    records = records_by_id(job)
    ids = [id for id in cues.ids if roles & set(records[id].splits)]
    settings, alphas = walk_settings(job.cfg["walk"]), walked_alphas(job.cfg)

    net, about = load_net(job.input("model"))
    net.to(device)
    cells, radius = about["grid"]["cells"], about["grid"]["radius"]
    rows, pictures = [], []
    seen, size = [records[id] for id in ids], about["affinitynet"]["image_size"]
    steps = batches(range(len(ids)), job.compute["batch_size"])
    for some, images in network_batches(job, seen, steps, size, "walk"):
        with torch.no_grad():
            aff = affinities(net(normalise(images.to(device))), radius).cpu()
        for index, i in enumerate(some):
            planes = _cell_planes(job, cues, ids[i], alphas, cells)
            rows.append(_walk(aff[index], planes, settings, radius))
            pictures.append(mean_affinity(aff[index].numpy(), cells, cells, radius))
    affinity = np.reshape(pictures, (len(ids), cells, cells)).astype(np.float16)
    _write(job, cues, ids, rows, affinity, settings, alphas)
    return len(ids)


def walk_settings(cfg: Mapping[str, Any]) -> list[tuple[float, int]]:
    """(beta, steps) of config section `walk`: the run's own first, then those of `also`."""
    pairs = [(cfg["beta"], cfg["steps"]), *((a["beta"], a["steps"]) for a in cfg["also"])]
    return list(dict.fromkeys(pairs))


def walked_alphas(cfg: Mapping[str, Any]) -> list[float]:
    """Exponents of the background planes that walk along: the swept ones and the masks' own."""
    background = cfg["masks"]["background"]
    own = [background["alpha"]] if background.get("place") == "inside" else []
    return sorted({*cfg["walk"]["alphas"], *own})


def load_net(path: Path) -> tuple[AffinityNet, dict[str, Any]]:
    """The trained AffinityNet in evaluation mode, and what it was built from."""
    about = read_about(path)
    stem = stem_of(build_model(about["model"], len(about["classes"]), weights=False))
    cfg = about["affinitynet"]
    net = AffinityNet(stem, cfg["channels"], cfg["levels"], about["grid"]["cells"], frozen=True)
    net.load_state_dict(load_file(path))
    return net.eval(), about


def _cell_planes(job: Job, cues: Store, id: str, alphas: Sequence[float], cells: int) -> np.ndarray:
    """Class planes, then a background plane per alpha, at the cells (K + A, g, g) float64."""
    maps, _ = photograph_cues(cues, id, job.cfg["cue_map"]["root"])
    planes = [*maps, *(background_map(maps, alpha) for alpha in alphas)]
    return to_cells(np.stack(planes).astype(np.float64), cells)


def _walk(
    aff: torch.Tensor, planes: np.ndarray, settings: Sequence[tuple[float, int]], radius: int
) -> np.ndarray:
    """Walked planes (settings, K + A, g, g) float32; one walk per beta, a snapshot per steps."""
    height, width = planes.shape[-2:]
    found = {}
    for beta in sorted({beta for beta, _ in settings}):
        steps = sorted({s for b, s in settings if b == beta})
        matrix = transition(aff.double(), height, width, beta=beta, radius=radius)
        for count, walked in walk(matrix, torch.from_numpy(planes), steps).items():
            found[beta, count] = walked.float().numpy()
    return np.stack([found[setting] for setting in settings])


def _write(
    job: Job,
    cues: Store,
    ids: Sequence[str],
    rows: Sequence[np.ndarray],
    affinity: np.ndarray,
    settings: Sequence[tuple[float, int]],
    alphas: Sequence[float],
) -> None:
    """Arrays planes (n, K, settings, g, g) and background (n, A, settings, g, g) float32.

    Beside them affinity (n, g, g) float16, to look at: each cell's mean to those around it.
    """
    kept = [cues.ids.index(id) for id in ids]
    slots = cues.arrays["class_id"].shape[1]
    shape = (len(settings), *affinity.shape[1:])
    by_plane = [row.swapaxes(0, 1) for row in rows]
    classes = [row[: len(row) - len(alphas)] for row in by_plane]
    backgrounds = [row[len(row) - len(alphas) :] for row in by_plane]
    arrays = {
        "class_id": cues.arrays["class_id"][kept],
        "size": cues.arrays["size"][kept],
        "planes": stack_rows(classes, slots, shape, np.float32),
        "background": stack_rows(backgrounds, len(alphas), shape, np.float32),
        "affinity": affinity,
    }
    attributes = {"settings": [list(s) for s in settings], "alphas": list(alphas)}
    with atomic_folder(job.outputs["walk"]) as folder:
        write_store(folder / "walk.zarr.zip", Store(tuple(ids), arrays, attributes))


if __name__ == "__main__":
    main("cuewalk.stages.walk", run)
