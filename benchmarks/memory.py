"""Claim: explaining many images takes no more memory than explaining few.

Relevance of one class on 1,000 images, in batches of 4, ViT-Ti/16 at 224 pixels, random weights.
The ratio is that of the most memory held (RSS) after any batch of all images to that of the first
20: the most, because the C library hands freed memory back now and then.
"""

import timm
import torch
from paired import Row, at_most, main, memory

from cuewalk.explain.relevance import relevance

BATCH, EARLY = 4, 20


def rows(quick: bool = False) -> list[Row]:
    """The claim as measured."""
    torch.manual_seed(0)
    side = 64 if quick else 224
    network = timm.create_model("vit_tiny_patch16_224", img_size=side).eval()
    classes = torch.tensor([[3] * BATCH])
    held = []
    for _ in range((40 if quick else 1000) // BATCH):
        relevance(network, torch.randn(BATCH, 3, side, side), classes, start_layer=1)
        held.append(memory("VmRSS"))
    early, late = max(held[: EARLY // BATCH]), max(held)
    detail = f"{early:.0f} MB to {late:.0f} MB"
    limits = at_most(1.05, 1.02)
    return [limits.row("relevance, memory: 1,000 images / 20", late / early, detail)]


if __name__ == "__main__":
    main(rows, __doc__)
