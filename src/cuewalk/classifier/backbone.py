"""The classifier whose relevance becomes the cue: a timm Vision Transformer or hybrid (paper 4.1).

Two ways to name one, both timm's own `VisionTransformer` with no model code of ours:

* any timm VisionTransformer by name, hybrids included (`vit_base_r50_s16_384` is the paper's);
* `composed`: a timm CNN cut at a stage as the stem, under N transformer blocks.
"""

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from cuewalk.errors import InputError
from cuewalk.explain.support import check_supported
from cuewalk.vision import HybridEmbed, VisionTransformer, resample_abs_pos_embed, timm

COMPOSED = "composed"


def build_model(
    spec: Mapping[str, Any], classes: int, *, weights: bool = True, whole: bool = False
) -> VisionTransformer:
    """Build the classifier that config section `classifier.model` describes.

    Args:
        spec: keys `name`, `weights`, `image_size`; for `composed` also `stem`, `transformer`.
        classes: number of logits.
        weights: False leaves every weight at its random start, for a model about to be loaded.
        whole: refuse weights that leave the head at its random start, as for a model that is not
            going to be trained.

    Raises:
        InputError: an unknown or unsupported timm model, or weights that do not fit it.
    """
    make = _composed if spec["name"] == COMPOSED else _named
    model = make(spec, classes, weights)
    check_supported(model)
    fresh = []
    if weights and spec["weights"] not in ("none", "pretrained"):
        fresh = load_weights(model, Path(spec["weights"]))
    elif weights and spec["weights"] == "pretrained" and _pretrained_classes(model) != classes:
        fresh = ["head"]
    if whole and fresh:
        raise InputError(
            f"classifier.model.weights: {spec['weights']} has no head for the {classes} classes of "
            "the data set, and classifier.training.epochs is 0; give weights that fit, or train."
        )
    return model


def _pretrained_classes(model: VisionTransformer) -> int:
    """Classes of the head that came with timm's weights; timm drops a head of other classes."""
    about = cast(Mapping[str, Any], model.pretrained_cfg)
    return int(about["num_classes"])


def _named(spec: Mapping[str, Any], classes: int, weights: bool) -> VisionTransformer:
    if not timm.is_model(spec["name"].split(".")[0]):
        raise InputError(
            f"classifier.model.name: timm has no model {spec['name']!r}; "
            "choose a Vision Transformer from timm.list_models('vit_*') or 'composed'."
        )
    options: dict[str, Any] = {
        "num_classes": classes,
        "pretrained": weights and spec["weights"] == "pretrained",
    }
    try:
        model = timm.create_model(spec["name"], img_size=spec["image_size"], **options)
        return cast(VisionTransformer, model)
    except TypeError:
        # No transformer that takes img_size: build it as it is, the support check will name it.
        check_supported(timm.create_model(spec["name"], num_classes=classes))
        raise
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"classifier.model.weights: timm could not fetch weights of {spec['name']!r} "
            f"({type(error).__name__}); give the path of a local file instead."
        ) from error


def _composed(spec: Mapping[str, Any], classes: int, weights: bool) -> VisionTransformer:
    transformer, stem = spec["transformer"], build_stem(spec["stem"], weights)
    try:
        return VisionTransformer(
            img_size=spec["image_size"],
            patch_size=1,
            embed_layer=partial(HybridEmbed, backbone=stem),
            embed_dim=transformer["width"],
            depth=transformer["blocks"],
            num_heads=transformer["heads"],
            mlp_ratio=transformer["mlp_ratio"],
            drop_path_rate=transformer["drop_path"],
            num_classes=classes,
        )
    except (AssertionError, RuntimeError) as error:
        raise InputError(
            f"classifier.model.stem: {spec['stem']['name']!r} makes no feature maps of images of "
            f"{spec['image_size']} pixels ({str(error).splitlines()[0]}); choose a CNN."
        ) from error


def build_stem(stem: Mapping[str, Any], weights: bool) -> nn.Module:
    """A timm CNN cut after feature level `stem.level`; it returns the maps of all kept levels."""
    try:
        module = timm.create_model(
            stem["name"],
            pretrained=weights and stem["weights"] == "pretrained",
            features_only=True,
            out_indices=tuple(range(stem["level"] + 1)),
            **stem["options"],
        )
    except OSError as error:
        raise InputError(
            f"classifier.model.stem.weights: timm could not fetch those of {stem['name']!r}, which "
            "needs a network; give the path of a local file instead."
        ) from error
    except Exception as error:
        raise InputError(
            f"classifier.model.stem: timm can't cut {stem['name']!r} at level {stem['level']} "
            f"({str(error).splitlines()[0]}); choose another CNN or level."
        ) from error
    if weights and stem["weights"] not in ("none", "pretrained"):
        _load_stem(module, Path(stem["weights"]))
    return module


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict from safetensors or a torch file; only tensors are ever unpickled."""
    if not path.is_file():
        raise InputError(f"{path}: no such weights file; check the path in the config.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise InputError(
            f"{path}: not a readable weights file ({type(error).__name__})."
        ) from error
    except Exception as error:  # pickle refuses anything but tensors with errors of many types
        raise InputError(f"{path}: holds more than tensors; export a plain state dict.") from error
    if isinstance(state, dict):
        state = state.get("model", state.get("state_dict", state))
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(f"{path}: is not a state dict, tensors by name; export one.")
    return dict(state)


def load_weights(model: VisionTransformer, path: Path) -> list[str]:
    """Load a whole classifier; only a head of another class count may differ.

    A position embedding of another grid is resampled. Returns the names that were left at their
    random start (the head's), so that the caller can say so.

    Raises:
        InputError: any other tensor is missing, unknown or of another shape; they are listed.
    """
    state = read_weights(path)
    own = model.state_dict()
    position = state.get("pos_embed", own["pos_embed"])
    prefix = 0 if model.no_embed_class else model.num_prefix_tokens
    if position.shape != own["pos_embed"].shape and _is_square(position, prefix):
        state["pos_embed"] = resample_abs_pos_embed(
            position, new_size=model.patch_embed.grid_size, num_prefix_tokens=prefix
        )
    differs = {k for k in own if k in state and state[k].shape != own[k].shape}
    # Counters of batch norms steer nothing here, and many files leave them out.
    absent = {k for k in own.keys() - state.keys() if not k.endswith("num_batches_tracked")}
    fresh = sorted(k for k in differs | absent if k.startswith("head."))
    unknown = {k for k in state.keys() - own.keys() if not k.startswith("head.")}
    wrong = sorted((differs | absent | unknown) - set(fresh))
    if wrong:
        raise InputError(f"{path}: does not fit the model; {_named_few(wrong)} did not load.")
    model.load_state_dict(
        {k: v for k, v in state.items() if k in own and k not in fresh}, strict=False
    )
    return fresh


def _is_square(position: Tensor, prefix: int) -> bool:
    """Whether the tokens after the prefix make a square grid; no other can be resampled."""
    tokens = position.shape[1] - prefix if position.ndim == 3 else 0
    return tokens > 0 and math.isqrt(tokens) ** 2 == tokens


def _load_stem(module: nn.Module, path: Path) -> None:
    """Load the kept levels of a CNN; tensors of the levels that were cut off are not needed.

    timm flattens dots to underscores in some feature extractors, so names are compared that way.
    """
    state = {k.replace(".", "_"): v for k, v in read_weights(path).items()}
    own = module.state_dict()
    counters = {k for k in own if k.endswith("num_batches_tracked")}
    wrong = sorted(
        k
        for k in own.keys() - counters
        if k.replace(".", "_") not in state or state[k.replace(".", "_")].shape != own[k].shape
    )
    if wrong:
        raise InputError(f"{path}: does not fit the stem; {_named_few(wrong)} did not load.")
    loaded = {k: state[k.replace(".", "_")] for k in own.keys() - counters}
    module.load_state_dict(loaded, strict=False)


def _named_few(names: list[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{len(names)} tensors ({', '.join(names[:most])}{more})"


def stem_of(model: VisionTransformer) -> nn.Module:
    """The convolutional stem of a hybrid.

    Raises:
        InputError: the model is a plain Vision Transformer and has none.
    """
    stem = getattr(model.patch_embed, "backbone", None)
    if stem is None:
        raise InputError(
            "classifier.model.name: AffinityNet needs the CNN of a hybrid classifier, which this "
            "model has not; choose a hybrid such as vit_base_r50_s16_384, or 'composed'."
        )
    return stem  # type: ignore[no-any-return]
