"""Checks a run's configuration before anything is computed: one clear sentence per mistake."""

import math
import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match

from cuewalk.datasets.settings import check_dataset
from cuewalk.errors import InputError
from cuewalk.evaluate.background import Background
from cuewalk.explain.registry import MODULES

SCHEMA = Path(__file__).parents[2] / "workflow" / "schemas" / "config.schema.yaml"


WHOLE = frozenset({"options", "background"})
"""Sections of which an overlay replaces all, since their keys exclude one another."""


def read_config(path: Path) -> dict[str, Any]:
    """Read a YAML configuration.

    Raises:
        InputError: the file is missing, or not a mapping in YAML.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read; check the path.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise InputError(f"{path}: not valid YAML ({problem}).") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: holds no keys; start from a copy of config.yaml.")
    return config


def merge_config(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a configuration over another, key by key within sections."""
    merged = dict(base)
    for key, value in overlay.items():
        below = merged.get(key)
        nested = isinstance(value, Mapping) and isinstance(below, Mapping) and key not in WHOLE
        merged[key] = merge_config(below, value) if nested and below is not None else value
    return merged


def plain_values(base: Any, value: Any) -> Any:
    """Turn text back into the numbers it says, wherever `base` does not hold text, and into null.

    Snakemake's `--config` reads what stands in braces or brackets as text: `{limit: 200}` gives
    "200".
    """
    if isinstance(value, Mapping):
        below = base if isinstance(base, Mapping) else {}
        return {key: plain_values(below.get(key), part) for key, part in value.items()}
    if isinstance(value, list):
        first = base[0] if isinstance(base, list) and base else None
        return [plain_values(first, part) for part in value]
    if value == "null":
        return None
    if not isinstance(value, str) or isinstance(base, str):
        return value
    try:
        found = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    return found if found is None or isinstance(found, int | float) else value


def check_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration if it is sound.

    Raises:
        InputError: names the key, what is wrong with it and what would do.
    """
    error = best_match(_validator().iter_errors(config))
    if error is not None:
        raise InputError(_sentence(error))
    _check_finite(config)
    check_dataset(config["dataset"])
    _check_tables(config)
    _check_explain(config)
    _check_relations(config)
    try:
        Background.parse(config["masks"]["background"])
    except InputError as error:
        raise InputError(f"config key masks.background: {error}") from None
    return dict(config)


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(yaml.safe_load(SCHEMA.read_text()))


def _sentence(error: ValidationError) -> str:
    key = ".".join(str(part) for part in error.absolute_path)
    schema: Any = error.schema
    wanted: Any = error.validator_value
    value: Any = error.instance
    place = f"config key {key}" if key else "config"
    if error.validator == "additionalProperties":
        known = sorted(schema["properties"])
        unknown = sorted(str(k) for k in value if k not in known)[0]
        near = get_close_matches(unknown, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
        return f"{place}: {unknown!r} is not a known key; {hint}"
    if error.validator == "required":
        missing = sorted(set(wanted) - set(value))
        return f"{place}: the key {missing[0]!r} is missing; see config.yaml for its meaning."
    if error.validator == "enum":
        options = ", ".join(str(option) for option in wanted)
        return f"{place}: {value!r} is not one of {options}."
    if error.validator == "type":
        kinds = " or ".join(wanted) if isinstance(wanted, list) else wanted
        hint = " (write 1.0e-3 for 1e-3)" if _looks_like_number(value) else ""
        return f"{place}: {value!r} must be of type {kinds}{hint}."
    limits = {
        "minimum": "at least",
        "maximum": "at most",
        "exclusiveMinimum": "above",
        "exclusiveMaximum": "below",
        "multipleOf": "a multiple of",
    }
    if error.validator in limits:
        bound = f"{limits[str(error.validator)]} {wanted}"
        return f"{place}: {value} must be {bound}."
    return f"{place}: {error.message}."


def _check_finite(value: Any, place: str = "") -> None:
    """Refuse nan and infinity, which pass the limits of the schema."""
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"config key {place[1:]}: {value} must be a finite number.")
    parts = value.items() if isinstance(value, Mapping) else ()
    for key, part in enumerate(value) if isinstance(value, list) else parts:
        _check_finite(part, f"{place}.{key}")


def _looks_like_number(value: Any) -> bool:
    # YAML 1.1 reads 1e-3, without a point, as text.
    return isinstance(value, str) and bool(re.fullmatch(r"[+-]?\d+[eE][+-]?\d+", value))


TABLES = {
    "imagenet": ("faithfulness", "it has no masks"),
    "imagenet_segmentation": ("cue_segmentation", "it has masks of objects but no labels"),
}
"""The one table that data made for explainers allow, and why."""


def explains(config: Mapping[str, Any]) -> bool:
    """Whether the run makes a table of the explainers."""
    return bool({"faithfulness", "cue_segmentation"} & set(config["tables"]))


def _check_tables(config: Mapping[str, Any]) -> None:
    dataset, tables = config["dataset"], config["tables"]
    allowed, why = TABLES.get(dataset["kind"], (None, ""))
    for table in tables:
        if allowed is not None and table != allowed:
            raise InputError(
                f"config key tables: no {table} with data of kind {dataset['kind']}, for {why}; "
                f"ask for [{allowed}]."
            )
    epochs, weights = (
        config["classifier"]["training"]["epochs"],
        config["classifier"]["model"]["weights"],
    )
    if epochs == 0 and weights == "none":
        raise InputError(
            "config key classifier.training.epochs: 0 would leave the classifier at its random "
            "start; name classifier.model.weights, or train it."
        )
    learns = epochs > 0 or "masks" in tables
    if dataset["train"] is None and learns:
        raise InputError(
            "config key dataset.train: null, but classifier or AffinityNet have to learn; name a "
            "list."
        )
    if allowed is None:
        return
    if epochs > 0:
        raise InputError(
            f"config key classifier.training.epochs: data of kind {dataset['kind']} are only "
            "evaluated on; set 0 and name classifier.model.weights."
        )
    for role in ("train", "select"):
        if dataset[role] is not None:
            raise InputError(
                f"config key dataset.{role}: data of kind {dataset['kind']} are only evaluated on; "
                "set null."
            )


def _check_explain(config: Mapping[str, Any]) -> None:
    if "cue_segmentation" in config["tables"] and config["dataset"]["masks"] is None:
        raise InputError(
            "config key tables: no cue_segmentation without masks of ground truth; name their "
            "folder as dataset.masks, or take it off."
        )
    explain, model = config["explain"], config["classifier"]["model"]
    for method in explain["methods"]:
        if method not in MODULES:
            raise InputError(
                f"config key explain.methods: {method!r} is not one of {', '.join(MODULES)}."
            )
    if not explains(config) or model["name"] != "composed":
        return
    if "lrp" in explain["methods"]:
        raise InputError(
            "config key explain.methods: lrp has no rule for the CNN of a composed model; take it "
            "off, or choose a plain Vision Transformer."
        )
    blocks = model["transformer"]["blocks"]
    if explain["start_layer"] >= blocks:
        raise InputError(
            f"config key explain.start_layer: {explain['start_layer']} must be below the number "
            f"of blocks ({blocks})."
        )


def _check_relations(config: Mapping[str, Any]) -> None:
    crf, model = config["crf"], config["classifier"]["model"]
    if crf["alpha_low"] >= crf["alpha_high"]:
        raise InputError(
            f"config key crf.alpha_low: {crf['alpha_low']} must be below crf.alpha_high "
            f"({crf['alpha_high']}), or no cell would be neutral."
        )
    transformer = model["transformer"]
    if model["name"] == "composed" and transformer["width"] % transformer["heads"]:
        raise InputError(
            f"config key classifier.model.transformer.width: {transformer['width']} must be a "
            f"multiple of heads ({transformer['heads']})."
        )
    blocks = transformer["blocks"] if model["name"] == "composed" else None
    if blocks is not None and config["cues"]["start_layer"] >= blocks:
        raise InputError(
            f"config key cues.start_layer: {config['cues']['start_layer']} must be below the "
            f"number of blocks ({blocks})."
        )
    cells, radius = config["grid"]["cells"], config["grid"]["radius"]
    if cells < 2 * radius - 1:
        raise InputError(
            f"config key grid.radius: {radius} is too large for {cells} cells a side; it may be "
            f"{(cells + 1) // 2} at most."
        )
    compute = config["compute"]
    if compute["processes"] > 1 and compute["device"] == "mps":
        raise InputError("config key compute.processes: mps trains in one process; set 1.")
    low, high = config["classifier"]["augment"]["crop"]
    if low > high:
        raise InputError(f"config key classifier.augment.crop: {low} must not exceed {high}.")
    if "select" in config["masks"]["splits"] and config["dataset"]["select"] is None:
        raise InputError(
            "config key masks.splits: names select, but dataset.select is null; name a list there."
        )
