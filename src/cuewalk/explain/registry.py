"""Every explainer of tables 2 and 3, by name.

All are called alike: `(model, images (B, 3, H, W), classes (K, B) int64, **options)` and return
`(K, B, h, w)`, a token grid (`lrp`: pixels), not normalised. Options: `start_layer` of relevance
and rollout, `seed` of random.
"""

from collections.abc import Callable

from torch import Tensor

from cuewalk.explain.attention import gradcam, raw_attention, rollout
from cuewalk.explain.chance import random
from cuewalk.explain.lrp import lrp, partial_lrp
from cuewalk.explain.relevance import relevance

METHODS: dict[str, Callable[..., Tensor]] = {
    "relevance": relevance,
    "rollout": rollout,
    "raw_attention": raw_attention,
    "gradcam": gradcam,
    "partial_lrp": partial_lrp,
    "lrp": lrp,
    "random": random,
}
