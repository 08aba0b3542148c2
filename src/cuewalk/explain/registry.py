"""Every explainer of tables 2 and 3, by name: the function of that name in the module named here.

All are called alike: `(model, images (B, 3, H, W), classes (K, B) int64, **options)` and return
`(K, B, h, w)`, a token grid (`lrp`: pixels), not normalised. Modules are named, not imported: a
rule can then tell which code a method depends on, and a new method changes no other's.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

MODULES = {
    "relevance": "cuewalk.explain.relevance",
    "rollout": "cuewalk.explain.attention",
    "raw_attention": "cuewalk.explain.attention",
    "gradcam": "cuewalk.explain.attention",
    "lrp": "cuewalk.explain.lrp",
    "partial_lrp": "cuewalk.explain.lrp",
    "random": "cuewalk.explain.chance",
}

OPTIONS = {
    "relevance": ("start_layer", "lrp_norm_eps"),
    "rollout": ("start_layer",),
    "lrp": ("lrp_norm_eps",),
    "partial_lrp": ("lrp_norm_eps",),
    "random": ("seed",),
}
"""Settings that shape a method's maps, for those that have any; see config section `explain`."""


def explainer(method: str, module: str) -> Callable[..., Any]:
    """The function that computes a method's maps.

    Args:
        method: a key of `MODULES`.
        module: its module, `MODULES[method]`.
    """
    return cast(Callable[..., Any], getattr(import_module(module), method))
