"""The shipped configurations are sound, and each mistake in one gets one sentence with its key."""

import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from cuewalk.config import SCHEMA, check_config, merge_config, plain_values, read_config
from cuewalk.errors import InputError

ROOT = Path(__file__).parents[2]
OVERLAYS = sorted((ROOT / "configs").glob("*.yaml"))
REMOVED = object()


def shipped(**changes: Any) -> dict[str, Any]:
    """The shipped config with some keys changed, `crf__scale` for `crf.scale`."""
    config = copy.deepcopy(read_config(ROOT / "config.yaml"))
    for place, value in changes.items():
        *sections, key = place.split("__")
        section = config
        for name in sections:
            section = section[name]
        if value is REMOVED:
            del section[key]
        else:
            section[key] = value
    return config


def refusal(config: Any) -> str:
    with pytest.raises(InputError) as caught:
        check_config(config)
    return str(caught.value)


def test_shipped_config_is_valid_and_returned_as_it_is() -> None:
    assert check_config(shipped()) == shipped()


def test_there_are_overlays() -> None:
    assert OVERLAYS


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: path.name)
def test_every_overlay_is_valid(path: Path) -> None:
    overlay = read_config(path)
    config = check_config(merge_config(shipped(), overlay))
    assert config["run"] == overlay["run"] != shipped()["run"]


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"crf__alpha_lo": 4}, "config key crf: 'alpha_lo' is not a known key; did you mean"
     " alpha_low?"),
    ({"walk__also": [{"beta": 1, "steps": 2, "x": 3}]}, "config key walk.also.0: 'x' is not a known"
     " key; known are beta, steps."),
    ({"crf__iterations": "ten"}, "config key crf.iterations: 'ten' must be of type integer."),
    ({"seed": True}, "config key seed: True must be of type integer."),
    ({"dataset__root": 3}, "config key dataset.root: 3 must be of type string or null."),
    ({"walk": None}, "config key walk: None must be of type object."),
    ({"sweep__threshold": 1.5}, "config key sweep.threshold: 1.5 must be at most 1."),
    ({"compute__batch_size": 0}, "config key compute.batch_size: 0 must be at least 1."),
    ({"compute__processes": 0}, "config key compute.processes: 0 must be at least 1."),
    ({"affinitynet__levels": [4, 0]}, "config key affinitynet.levels.1: 0 must be at least 1."),
    ({"crf__scale": 0}, "config key crf.scale: 0 must be above 0."),
    ({"classifier__training__momentum": 1}, "config key classifier.training.momentum: 1 must be"
     " below 1."),
    ({"affinitynet__channels": 48}, "config key affinitynet.channels: 48 must be a multiple of"
     " 32."),
    ({"compute__device": "gpu"}, "config key compute.device: 'gpu' is not one of auto, cpu, cuda,"
     " mps."),
    ({"masks__splits": ["val"]}, "config key masks.splits.0: 'val' is not one of train, select,"
     " evaluate."),
    ({"walk__beta": REMOVED}, "config key walk: the key 'beta' is missing; see config.yaml for its"
     " meaning."),
    ({"grid": REMOVED}, "config: the key 'grid' is missing; see config.yaml for its meaning."),
    ({"cues__sizes": []}, "config key cues.sizes: [] should be non-empty."),
    ({"cues__sizes": [64, 64]}, "config key cues.sizes: [64, 64] has non-unique elements."),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), MISTAKES, ids=lambda x: "".join(x)[:40])
def test_mistake_in_one_key_gets_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    assert refusal(shipped(**changes)) == sentence


# A classifier that is used as it is; a run that explains; data that are only evaluated on.
READY = {"classifier__training__epochs": 0, "classifier__model__weights": "weights.safetensors"}
EXPLAINING = {"tables": ["faithfulness"]}
IMAGENET = READY | EXPLAINING | {
    "dataset__kind": "imagenet", "dataset__root": "data", "dataset__train": None,
    "dataset__select": None,
}  # fmt: skip

FOLDER = {
    "dataset__kind": "folder", "dataset__root": "photographs", "dataset__labels": "labels.csv",
    "dataset__masks": None, "dataset__train": "all", "dataset__select": None,
    "dataset__evaluate": "all", "tables": ["masks", "faithfulness"],
}  # fmt: skip

RELATIONS: list[tuple[dict[str, Any], str, str]] = [
    ({"crf__alpha_low": 65}, "crf.alpha_low", "65 must be below crf.alpha_high (64)"),
    ({"crf__alpha_low": 64}, "crf.alpha_low", "64 must be below"),
    ({"dataset__kind": "voc"}, "dataset.root", "missing; name the folder that holds JPEGImages"),
    ({"dataset__root": "x"}, "dataset.root", "leave it null, or set dataset.kind to voc"),
    ({"dataset__evaluate": "train"}, "dataset.evaluate", "'train' is also trained or selected on"),
    ({"dataset__evaluate": "select"}, "dataset.evaluate", "'select' is also trained or selected"),
    ({"classifier__model__transformer__heads": 5}, "classifier.model.transformer.width",
     "96 must be a multiple of heads (5)"),
    ({"cues__start_layer": 4}, "cues.start_layer", "4 must be below the number of blocks (4)"),
    ({"classifier__augment__crop": [0.9, 0.5]}, "classifier.augment.crop", "0.9 must not exceed"),
    ({"dataset__select": None, "masks__splits": ["evaluate", "select"]}, "masks.splits",
     "names select, but dataset.select is null"),
    ({"dataset__labels": "labels.csv"}, "dataset.labels", "leave it null"),
    ({"compute__processes": 2, "compute__device": "mps"}, "compute.processes", "set 1"),
    ({"dataset__train": None}, "dataset.train", "have to learn; name a list"),
    ({"dataset__train": None, **READY}, "dataset.train", "have to learn; name a list"),
    ({"classifier__training__epochs": 0}, "classifier.training.epochs", "at its random start"),
    ({"explain__methods": ["saliency"]}, "explain.methods", "'saliency' is not one of relevance"),
    ({"explain__methods": ["lrp"], **EXPLAINING}, "explain.methods", "no rule for the CNN"),
    ({"explain__start_layer": 4, **EXPLAINING}, "explain.start_layer", "below the number of"),
    (IMAGENET | {"dataset__root": None}, "dataset.root", "the folder that dataset.evaluate names"),
    (IMAGENET | {"tables": ["masks"]}, "tables", "no masks with data of kind imagenet, for it has"),
    (IMAGENET | {"tables": ["cue_segmentation"]}, "tables", "ask for [faithfulness]"),
    (IMAGENET | {"dataset__kind": "imagenet_segmentation"}, "tables", "[cue_segmentation]"),
    (IMAGENET | {"classifier__training__epochs": 1, "dataset__train": "train"},
     "classifier.training.epochs", "only evaluated on; set 0"),
    ({"dataset__masks": None}, "dataset.masks", "data of kind shapes are not without"),
    ({"dataset__kind": "voc", "dataset__root": "x", "dataset__masks": "../masks"},
     "dataset.masks", "no name of a folder in dataset.root"),
    (FOLDER | {"dataset__root": None}, "dataset.root", "name the folder that holds the photogr"),
    (FOLDER | {"tables": ["cue_segmentation"]}, "tables", "no cue_segmentation without masks"),
    (FOLDER | {"dataset__select": "val"}, "dataset.select", "dataset.masks names none; set null"),
    (FOLDER | {"dataset__select": "val", "dataset__masks": "m"}, "dataset.select", "'all' holds"),
    (FOLDER | {"dataset__select": "val", "dataset__evaluate": "val", "dataset__masks": "m"},
     "dataset.evaluate", "'val' is also trained or selected on"),
    (IMAGENET | {"dataset__select": "val2"}, "dataset.select", "only evaluated on; set null"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "key", "words"), RELATIONS, ids=lambda x: "".join(x)[:40])
def test_keys_at_odds_with_each_other_get_one_sentence(
    changes: dict[str, Any], key: str, words: str
) -> None:
    sentence = refusal(shipped(**changes))
    assert sentence.startswith(f"config key {key}: ")
    assert words in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"crf__alpha_low": 63.5},
        {"dataset__kind": "voc", "dataset__root": "data"},
        {"dataset__select": "train"},
        {"dataset__select": None, "masks__splits": ["train", "evaluate"]},
        {"cues__start_layer": 3},
        {"classifier__augment__crop": [1, 1]},
        {"masks__background": {"constant": 0.2}},
        IMAGENET,
        READY,
        FOLDER,
        FOLDER | {"dataset__labels": None, "dataset__masks": "/elsewhere/masks"},
        FOLDER | {"dataset__masks": "m", "dataset__select": "val", "dataset__evaluate": "test"},
        {
            "dataset__kind": "voc",
            "dataset__root": "x",
            "dataset__masks": None,
            "dataset__select": None,
            "tables": ["masks"],
        },
        READY | EXPLAINING | {"dataset__train": None},
        # What explains nothing may name what it could not explain.
        {"tables": ["masks"], "explain__methods": ["lrp"], "explain__start_layer": 9},
        # Width, heads and blocks are those of `composed`; a named model has its own.
        {"classifier__model__name": "vit_tiny_patch16_224", "cues__start_layer": 8},
        {
            "classifier__model__name": "vit_tiny_patch16_224",
            "classifier__model__transformer__heads": 5,
        },
    ],
)
def test_what_is_no_mistake_is_not_refused(changes: dict[str, Any]) -> None:
    check_config(shipped(**changes))


@pytest.mark.parametrize(
    ("background", "words"),
    [
        ({}, "lacks place"),
        ({"alpha": 4}, "lacks place"),
        ({"place": "after", "alpha": 4, "constant": 0.2}, "exactly one of alpha and constant"),
        ({"place": "inside", "constant": 0.2}, "place it after"),
    ],
)
def test_background_that_makes_no_sense_is_refused(background: dict[str, Any], words: str) -> None:
    assert words in refusal(shipped(masks__background=background))


def test_unknown_section_lists_the_known_ones() -> None:
    sentence = refusal(shipped(colour=1))
    assert sentence.startswith("config: 'colour' is not a known key; known are affinitynet, ")
    assert sentence.endswith(", sweep, tables, walk.")


@pytest.mark.parametrize("value", ["a b", "../other", "", "."])
def test_run_that_is_no_folder_name_is_refused(value: str) -> None:
    assert refusal(shipped(run=value)).startswith(f"config key run: {value!r} ")


def test_key_that_is_no_word_is_refused() -> None:
    # YAML reads `on:` as True and `4:` as a number.
    assert "True" in refusal(shipped(crf=shipped()["crf"] | {True: 4}))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_number_that_is_not_finite_is_refused(value: float) -> None:
    assert "learning_rate" in refusal(shipped(classifier__training__learning_rate=value))


def test_grid_too_small_for_its_radius_is_refused() -> None:
    assert "grid.radius" in refusal(shipped(grid__cells=8, grid__radius=5))


@pytest.mark.parametrize("section", ["classifier__augment", "affinitynet"])
def test_hue_beyond_the_colour_circle_is_refused(section: str) -> None:
    assert "jitter" in refusal(shipped(**{f"{section}__jitter": [0.3, 0.3, 0.3, 0.6]}))


def test_text_of_the_command_line_is_read_as_the_numbers_it_says() -> None:
    given = {
        "run": "2012",
        "dataset": {"limit": "200", "root": "/data", "select": "null"},
        "cues": {"sizes": ["64", "96"], "flip": "false"},
        "crf": {"scale": "0.5", "iterations": "ten"},
        "explain": {"methods": ["lrp", "rollout"]},
    }
    assert plain_values(shipped(), given) == {
        "run": "2012",
        # Where the default is a name, so is what replaces it, unless it is nothing.
        "dataset": {"limit": 200, "root": "/data", "select": None},
        "cues": {"sizes": [64, 96], "flip": False},
        "crf": {"scale": 0.5, "iterations": "ten"},
        "explain": {"methods": ["lrp", "rollout"]},
    }
    assert plain_values(shipped(), shipped()) == shipped()


def test_overlay_merges_sections_key_by_key() -> None:
    base = {"a": 1, "s": {"x": 1, "y": {"p": 1, "q": [1, 2]}}, "n": None}
    overlay = {"s": {"y": {"q": [3]}}, "n": {"z": 1}, "new": 5}
    before = copy.deepcopy((base, overlay))
    expected = {"a": 1, "s": {"x": 1, "y": {"p": 1, "q": [3]}}, "n": {"z": 1}, "new": 5}
    assert merge_config(base, overlay) == expected
    assert (base, overlay) == before
    assert merge_config(base, {"s": None}) == {"a": 1, "s": None, "n": None}
    assert merge_config(base, {}) == base


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("classifier__model__stem__options", {"pad_type": "same"}),
        ("masks__background", {"constant": 0.3}),
    ],
)
def test_options_and_background_are_replaced_whole(place: str, value: dict[str, Any]) -> None:
    overlay: dict[str, Any] = value
    for name in reversed(place.split("__")):
        overlay = {name: overlay}
    assert merge_config(shipped(), overlay) == shipped(**{place: value})


def test_file_that_is_no_config_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    with pytest.raises(InputError, match=r"c\.yaml: cannot be read; check the path\.$"):
        read_config(path)
    for text, words in [
        ("", "holds no keys"),
        ("- run", "holds no keys"),
        ("run: [", "not valid YAML"),
        ("run: a\n crf: b", "not valid YAML"),
    ]:
        path.write_text(text)
        with pytest.raises(InputError, match=rf"c\.yaml: {words}") as caught:
            read_config(path)
        assert "\n" not in str(caught.value)


def test_file_of_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes("run: caf\xe9".encode("latin1"))
    with pytest.raises(InputError, match=r"c\.yaml"):
        read_config(tmp_path / "c.yaml")


def objects(schema: Mapping[str, Any], place: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """Every (place, schema) of the config's sections, list items under their list's place."""
    if "properties" in schema:
        yield place, schema
        for name, part in schema["properties"].items():
            yield from objects(part, (*place, name))
    if "items" in schema:
        yield from objects(schema["items"], place)


SECTIONS = list(objects(yaml.safe_load(SCHEMA.read_text()), ()))


def test_every_key_of_the_schema_appears_in_the_shipped_config() -> None:
    text, config = (ROOT / "config.yaml").read_text(), shipped()
    assert len(SECTIONS) > 20
    for place, schema in SECTIONS:
        section: Any = config
        for name in place:
            section = section[name]
        # Alternatives and items of an empty list are told in the comment of their section's line.
        line = re.search(rf"^ *{place[-1]}:.*$", text, re.MULTILINE)[0] if place else ""  # type: ignore[index]
        for key in schema["properties"]:
            assert key in section or re.search(rf"\b{key}\b", line), (*place, key)


def test_schema_knows_all_keys_and_wants_them_all() -> None:
    for place, schema in SECTIONS:
        assert schema["additionalProperties"] is False, place
        if place != ("masks", "background"):
            assert sorted(schema["required"]) == sorted(schema["properties"]), place
