"""What cuewalk uses of timm and torchvision, loaded without torch's compiler.

While they are imported both tell torch's compiler to leave some functions alone, and torch loads it
whole to hear that, in every job, for a compiler that no stage uses. So here it is stood in for as
long as the imports last; whoever wants it afterwards gets the real one.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"


@contextmanager
def without_compiler() -> Iterator[None]:
    """Stand in for torch's compiler while modules are imported; does nothing once it is loaded."""
    if COMPILER in sys.modules:
        yield
        return
    compiler: Any = ModuleType(COMPILER)
    utils: Any = ModuleType(f"{COMPILER}.utils")
    compiler.__path__, compiler.utils = [], utils
    compiler.disable = lambda fn=None, *_, **__: fn if fn is not None else lambda fn: fn
    utils.is_compile_supported = lambda device: False
    stand_ins = {module.__name__: module for module in (compiler, utils)}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]


with without_compiler():
    import timm
    from timm.layers.attention import Attention
    from timm.layers.drop import DropBlock2d, DropPath
    from timm.layers.hybrid_embed import HybridEmbed
    from timm.layers.mlp import Mlp
    from timm.layers.norm_act import BatchNormAct2d
    from timm.layers.patch_embed import PatchEmbed
    from timm.layers.pos_embed import resample_abs_pos_embed
    from timm.models.vision_transformer import Block, VisionTransformer
    from torchvision.transforms import v2

__all__ = [
    "Attention",
    "BatchNormAct2d",
    "Block",
    "DropBlock2d",
    "DropPath",
    "HybridEmbed",
    "Mlp",
    "PatchEmbed",
    "VisionTransformer",
    "resample_abs_pos_embed",
    "timm",
    "v2",
]
