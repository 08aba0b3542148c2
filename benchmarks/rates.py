"""How long the costly stages take a photograph at the paper's sizes, and a whole run by that.

    python benchmarks/rates.py                              # core hours
    python benchmarks/rates.py --usual-memory               # unlike the stages, which keep it
    python benchmarks/rates.py --device cuda --batch 32     # GPU hours

Random weights, photographs that are tensors already: what loads, writes or starts is left out. On a
CPU one thread and its processor time, on a GPU time of day. The dense CRF is on a CPU always.
Sizes, epochs and numbers of photographs are those of configs/voc12.yaml and configs/imagenet.yaml.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from crf import SETTINGS as CRF
from crf import made
from paired import timed
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.data import TensorDataset

from cuewalk.affinity.loss import affinities
from cuewalk.affinity.net import AffinityNet
from cuewalk.affinity.training import AffinitySettings, train_affinity
from cuewalk.affinity.walk import transition, walk
from cuewalk.classifier.backbone import build_model, stem_of
from cuewalk.classifier.training import TrainSettings, train
from cuewalk.crf import dense_crf_pair
from cuewalk.epochs import How
from cuewalk.evaluate.perturbation import answers, removal_order
from cuewalk.explain.relevance import relevance
from cuewalk.stages.memory import keep_freed_memory

LEARN, EVALUATE, CLASSES, CELLS = 10_582, 1_449, 1.5, 56
IMAGENET, METHODS = 50_000, 7
HYBRID = {"name": "vit_base_r50_s16_384", "weights": "none", "image_size": 448}
PLAIN = {"name": "vit_base_patch16_224", "weights": "none", "image_size": 224}
TINY = {"name": "vit_tiny_r_s16_p8_224", "weights": "none", "image_size": 64}
FINE_TUNING = TrainSettings(1, 8, "sgd", 5e-3, None, 0, 0.9, 1e-4, "linear", 0, "trained")
AFFINITY = AffinitySettings(1, 8, 0.1, 0.9, 1e-4, 0.25, 5)


@dataclass(frozen=True)
class Cost:
    """A costly part: what it is of, seconds of one unit, units in a run."""

    run: str
    part: str
    unit: str
    seconds: float
    units: float


class Rates:
    """Seconds of each part, on one device."""

    def __init__(self, device: str, batch: int, quick: bool) -> None:
        self.device, self.batch = torch.device(device), batch
        self.hybrid, self.plain = (TINY, TINY) if quick else (HYBRID, PLAIN)
        torch.manual_seed(0)

    def seconds(self, work: Callable[[], object], units: float) -> float:
        """Of one unit of work, after a run to warm up."""

        def whole() -> None:
            work()
            if self.device.type == "cuda":
                torch.cuda.synchronize()

        whole()
        clock = time.process_time if self.device.type == "cpu" else time.perf_counter
        return timed(whole, clock) / units

    def images(self, side: int) -> Tensor:
        """A batch of noise."""
        return torch.randn(self.batch, 3, side, side)

    def fine_tuning(self) -> float:
        """A photograph, once."""
        model = build_model(self.hybrid, 20)
        images = self.images(self.hybrid["image_size"])
        ready = TensorDataset(images, torch.arange(self.batch))
        how, targets = How(self.device), torch.zeros(self.batch, 20)
        return self.seconds(
            lambda: list(train(model, ready, targets, FINE_TUNING, 0, how)), self.batch
        )

    def cues(self) -> float:
        """A photograph and class, with its mirror image."""
        model = build_model(self.hybrid, 20).eval().to(self.device)
        images = self.images(self.hybrid["image_size"]).to(self.device)
        classes = torch.zeros(1, self.batch, dtype=torch.int64, device=self.device)
        return 2 * self.seconds(partial(relevance, model, images, classes), self.batch)

    def affinitynet(self) -> float:
        """A photograph, once."""
        net = AffinityNet(stem_of(build_model(self.hybrid, 20)), 512, (), CELLS)
        labels = torch.randint(0, 2, (self.batch, CELLS, CELLS), dtype=torch.uint8)
        ready = TensorDataset(self.images(self.hybrid["image_size"]), labels)
        how = How(self.device)
        return self.seconds(lambda: list(train_affinity(net, ready, AFFINITY, 0, how)), self.batch)

    def walk(self) -> float:
        """A photograph, one class, 256 steps."""
        net = AffinityNet(stem_of(build_model(self.hybrid, 20)), 512, (), CELLS)
        net.eval().to(self.device)
        images = self.images(self.hybrid["image_size"]).to(self.device)
        planes = torch.rand(2, CELLS, CELLS)

        @torch.no_grad()
        def walked() -> None:
            for affinity in affinities(net(images)).cpu():
                walk(transition(affinity, CELLS, CELLS, beta=16), planes, 256)

        return self.seconds(walked, self.batch)

    def perturbation(self) -> float:
        """A map, both directions, nine levels each."""
        model = build_model(self.plain, 1000).eval().to(self.device)
        side = self.plain["image_size"]
        image, plane = torch.rand(3, side, side).to(self.device), torch.rand(1, side, side)
        orders = torch.cat([removal_order(plane, d) for d in (True, False)]).to(self.device)
        return self.seconds(partial(answers, model, image, orders, self.batch), 1)

    def crf(self) -> float:
        """A photograph of one class under both alphas, on a CPU."""
        return timed(partial(dense_crf_pair, *made(), 4, 32, CRF), time.process_time)

    def costs(self) -> list[Cost]:
        """All parts."""
        both = LEARN + EVALUATE
        pairs = CLASSES * both
        maps = 2 * METHODS * IMAGENET
        return [
            Cost("VOC", "fine-tuning", "photograph", self.fine_tuning(), 20 * LEARN),
            Cost("VOC", "cues", "photograph, class", self.cues(), pairs),
            Cost("VOC", "dense CRF", "photograph", self.crf(), both),
            Cost("VOC", "AffinityNet", "photograph", self.affinitynet(), 7 * LEARN),
            Cost("VOC", "walk", "photograph", self.walk(), EVALUATE),
            Cost("ImageNet, table 2", "perturbation", "map", self.perturbation(), maps),
        ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", help="cpu (the default), cuda or mps")
    parser.add_argument("--batch", type=int, default=4, help="photographs at once (4)")
    parser.add_argument(
        "--usual-memory", action="store_true", help="let the C library hand freed memory back"
    )
    parser.add_argument("--quick", action="store_true", help="tiny networks: shows that it runs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if not options.usual_memory:
        keep_freed_memory()
    table = Table("run", "part", "of a", "seconds", "units", "hours")
    for cost in Rates(options.device, options.batch, options.quick).costs():
        hours = cost.seconds * cost.units / 3600
        figures = (f"{cost.seconds:.3g}", f"{cost.units:,.0f}", f"{hours:.3g}")
        table.add_row(cost.run, cost.part, cost.unit, *figures)
    Console().print(table)


if __name__ == "__main__":
    main()
