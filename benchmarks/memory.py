"""Claim: explaining many images takes no more memory than explaining few.

Relevance of one class on 200 images, in batches of 4, ViT-S/16 at 224 pixels, random weights. The
ratio is that of the most memory held (RSS) after any batch of all 200 images to that of the first
20: the most, because the C library hands freed memory back now and then.
"""

import argparse
from pathlib import Path

import timm
import torch
from paired import Row
from rich.console import Console

from cuewalk.explain.relevance import relevance

BATCH, EARLY = 4, 20
MUST, AIM = 1.05, 1.02


def resident() -> float:
    """Memory that this process holds at the moment, MB; Linux only."""
    status = Path("/proc/self/status").read_text()
    kilobytes = status.split("VmRSS:")[1].split()[0]
    return int(kilobytes) / 1000


def measure(images: int = 200, model: str = "vit_small_patch16_224") -> tuple[float, float]:
    """Most MB held after any batch of the first 20 images and of all."""
    torch.manual_seed(0)
    network = timm.create_model(model).eval()
    classes = torch.tensor([[3] * BATCH])
    held = []
    for _ in range(images // BATCH):
        relevance(network, torch.randn(BATCH, 3, 224, 224), classes, start_layer=1)
        held.append(resident())
    return max(held[: EARLY // BATCH]), max(held)


def rows() -> list[Row]:
    """The claim as measured, for the collection of all benchmarks."""
    return [_row(*measure())]


def _row(early: float, late: float) -> Row:
    ratio = late / early
    return Row(
        claim="relevance, memory for 200 images to 20",
        ratio=round(ratio, 3),
        must=MUST,
        aim=AIM,
        holds=ratio <= MUST,
        detail=f"{early:.0f} MB to {late:.0f} MB, {late - early:+.1f} MB",
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", default="vit_small_patch16_224")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    row = _row(*measure(model=options.model))
    verdict = "holds" if row["holds"] else "does NOT hold"
    Console().print(
        f"{row['claim']}: {row['detail']}; ratio {row['ratio']}, must {MUST}: {verdict}"
    )


if __name__ == "__main__":
    main()
