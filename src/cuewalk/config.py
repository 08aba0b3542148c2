"""Checks a run's configuration before anything is computed: one clear sentence per mistake."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match

from cuewalk.errors import InputError
from cuewalk.evaluate.background import Background

SCHEMA = Path(__file__).parents[2] / "workflow" / "schemas" / "config.schema.yaml"


def check_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration if it is sound.

    Raises:
        InputError: names the key, what is wrong with it and what would do.
    """
    error = best_match(_validator().iter_errors(config))
    if error is not None:
        raise InputError(_sentence(error))
    _check_dataset(config["dataset"])
    _check_relations(config)
    Background.parse(_given(config["masks"]["background"]))
    return {**config, "masks": {**config["masks"], "background": _given(config["masks"]["background"])}}


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(yaml.safe_load(SCHEMA.read_text()))


def _given(background: Mapping[str, Any]) -> dict[str, Any]:
    # An overlay cannot remove a key of the file below it, so null stands for absent.
    return {key: value for key, value in background.items() if value is not None}


def _sentence(error: ValidationError) -> str:
    key = ".".join(str(part) for part in error.absolute_path)
    place = f"config key {key}" if key else "config"
    if error.validator == "additionalProperties":
        known = sorted(error.schema["properties"])
        unknown = sorted(set(error.instance) - set(known))[0]
        near = get_close_matches(unknown, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
        return f"{place}: {unknown!r} is not a known key; {hint}"
    if error.validator == "required":
        missing = sorted(set(error.validator_value) - set(error.instance))
        return f"{place}: the key {missing[0]!r} is missing; see config.yaml for its meaning."
    if error.validator == "enum":
        options = ", ".join(str(value) for value in error.validator_value)
        return f"{place}: {error.instance!r} is not one of {options}."
    if error.validator == "type":
        kinds = error.validator_value
        wanted = " or ".join(kinds) if isinstance(kinds, list) else kinds
        return f"{place}: {error.instance!r} must be of type {wanted}."
    limits = {
        "minimum": "at least",
        "maximum": "at most",
        "exclusiveMinimum": "above",
        "exclusiveMaximum": "below",
        "multipleOf": "a multiple of",
    }
    if error.validator in limits:
        bound = f"{limits[str(error.validator)]} {error.validator_value}"
        return f"{place}: {error.instance} must be {bound}."
    return f"{place}: {error.message}."


def _check_dataset(dataset: Mapping[str, Any]) -> None:
    if dataset["kind"] == "voc" and dataset["root"] is None:
        raise InputError(
            "config key dataset.root: missing; name the folder that holds JPEGImages, Annotations "
            "and ImageSets."
        )
    if dataset["kind"] == "shapes" and dataset["root"] is not None:
        raise InputError(
            "config key dataset.root: the built-in shapes are drawn into the results folder; "
            "leave it null, or set dataset.kind to voc."
        )
    if dataset["evaluate"] in (dataset["train"], dataset["select"]):
        raise InputError(
            f"config key dataset.evaluate: the list {dataset['evaluate']!r} is also trained or "
            "selected on; name another one."
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
    low, high = config["classifier"]["augment"]["crop"]
    if low > high:
        raise InputError(f"config key classifier.augment.crop: {low} must not exceed {high}.")
    if "select" in config["masks"]["splits"] and config["dataset"]["select"] is None:
        raise InputError(
            "config key masks.splits: names select, but dataset.select is null; name a list there."
        )
