"""Claim: the stage `cues` costs little more than the relevance in it.

ViT-B/16 at 224 pixels, random weights, float32, JPEG photographs of 500 x 375 with one class, each
mirrored too, in batches of 4. The stage loads the model, decodes, resizes and writes its store; the
plain work is relevance of the same batches in a loop. A shard of the paper's run has 256
photographs, so what does not grow with their number weighs more here.
"""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from crf import made
from paired import Part, Row, at_most, compare, main
from PIL import Image
from torch import Tensor, nn

from cuewalk.artifacts.store import read_store
from cuewalk.classifier.backbone import build_model
from cuewalk.classifier.images import normalise
from cuewalk.datasets.record import Record, write_index
from cuewalk.explain.relevance import relevance
from cuewalk.stages import cues
from cuewalk.stages.networks import network_batches, save_model
from cuewalk.stages.rows import batches, shard_records
from cuewalk.stages.runner import Job

BATCH, START = 4, 1


def written(folder: Path, name: str, side: int, count: int) -> Job:
    """Photographs, their index and a model in a folder, and the stage's job on them."""
    photograph, _ = made()
    records = []
    for number in range(count):
        id = f"photograph_{number}"
        Image.fromarray(np.roll(photograph, 40 * number, axis=1)).save(folder / f"{id}.jpg")
        height, width = photograph.shape[:2]
        records.append(Record(id, f"{id}.jpg", ("val",), ("flower",), height, width, ""))
    write_index(folder / "index.csv", records)
    model = {"name": name, "weights": "none", "image_size": side}
    torch.manual_seed(0)
    about = {"model": model, "classes": ["flower", "other"]}
    save_model(build_model(model, 2), folder / "model.safetensors", about)
    return Job(
        cfg={"cues": {"sizes": [side], "flip": True, "start_layer": START}},
        compute={"device": "cpu", "batch_size": BATCH, "workers": 0},
        root=folder,
        inputs={"index": [folder / "index.csv"], "model": [folder / "model.safetensors"]},
        outputs={"cues": folder / "cues"},
        shard="evaluate-000",
        threads=torch.get_num_threads(),
        dataset={"shards": {"evaluate": 1}},
    )


def loop(model: nn.Module, batches: list[Tensor]) -> Tensor:
    """The plain work: relevance of ready batches and of their mirror images, (n, 2, gh, gw)."""
    found = []
    for images in batches:
        classes = torch.zeros(1, len(images), dtype=torch.int64)
        views = (images, images.flip(-1))
        maps = [relevance(model, view, classes, start_layer=START)[0] for view in views]
        found.append(torch.stack(maps, dim=1))
    return torch.cat(found)


def rows(quick: bool = False) -> list[Row]:
    """The claim as measured."""
    name, side, count = ("vit_base_patch16_224", 224, 8)
    if quick:
        name, side, count = ("vit_tiny_patch16_224", 64, 4)
    with tempfile.TemporaryDirectory() as folder:
        job = written(Path(folder), name, side, count)
        model, _ = cues.load_classifier(job.input("model"))
        records = shard_records(job)
        steps = batches(range(count), BATCH)
        ready = [normalise(seen) for _, seen in network_batches(job, records, steps, side, name)]
        plain = partial(loop, model, ready)
        ours = partial(cues.run, job)
        ours()
        stored = read_store(job.outputs["cues"] / "cues.zarr.zip").arrays[f"grid_{side}"][:, 0]
        np.testing.assert_allclose(stored, plain(), rtol=0, atol=1e-3 * np.ptp(stored))
        part = Part(f"stage cues, {count} photographs / its relevance", ours, at_most(1.15, 1.05))
        return compare(plain, [part], rounds=1 if quick else 3)


if __name__ == "__main__":
    main(rows, __doc__)
