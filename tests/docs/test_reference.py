"""The reference of keys says what config.yaml and the schema say, of every key."""

import re
import sys
from html import unescape
from pathlib import Path

import pytest
import yaml

from cuewalk.audit.cli import main

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "hooks"))
import commands  # noqa: E402
import config_reference  # noqa: E402

CONFIG = (ROOT / "config.yaml").read_text()
VALUES = yaml.safe_load(CONFIG)
SCHEMA = yaml.safe_load((ROOT / "workflow" / "schemas" / "config.schema.yaml").read_text())


def paths_of(schema, path=""):
    """Every path of the schema, whatever stands between `properties`; found on its own."""
    found = []
    if isinstance(schema, dict):
        for name, part in schema.get("properties", {}).items():
            below = f"{path}.{name}" if path else name
            found += [below, *paths_of(part, below)]
        found += paths_of(schema.get("items"), f"{path}[]")
    return found


def value_at(path):
    value = VALUES
    for name in path.split("."):
        value = value[name]
    return value


def keys(config=CONFIG, schema=SCHEMA):
    return list(config_reference.flat(config_reference.read_keys(config, schema)))


def unexplained(config=CONFIG, schema=SCHEMA):
    return [key.path for key in keys(config, schema) if not key.meaning]


PAGE = config_reference.render(config_reference.read_keys(CONFIG, SCHEMA))


def test_every_key_of_the_schema_is_on_the_page_once():
    on_page = re.findall(r'<a id="([^"]+)">', PAGE) + re.findall(r"\{ #(\S+) \}", PAGE)
    assert sorted(on_page) == sorted(paths_of(SCHEMA))
    assert len(on_page) > 100


def test_every_default_is_that_of_config_yaml():
    for key in keys():
        if "[]" in key.path or key.path == "masks.background.constant":
            assert key.default == ""
        else:
            assert yaml.safe_load(key.default) == value_at(key.path), key.path


def test_the_page_prints_the_default_beside_its_key():
    rows = dict(re.findall(r'<a id="([^"]+)">.*?<small>(.*?)</small>', PAGE))
    for path, text in rows.items():
        if default := re.match(r"default <code>(.*?)</code>", text):
            assert yaml.safe_load(unescape(default[1])) == value_at(path), path
    assert rows["crf.alpha_low"] == "default <code>8</code>; number above 0"
    assert (
        "from 0 to 1" in rows["explain.share"] or "above 0 and at most 1" in rows["explain.share"]
    )


def test_every_key_is_explained():
    assert unexplained() == []


def test_a_key_without_a_word_is_found_out():
    schema = yaml.safe_load(yaml.safe_dump(SCHEMA))
    schema["properties"]["walk"]["properties"]["haste"] = {"type": "integer"}
    config = CONFIG.replace("  steps: 8  ", "  haste: 3\n  steps: 8  ")
    assert config != CONFIG
    assert unexplained(config, schema) == ["walk.haste"]
    assert unexplained(config.replace("haste: 3", "haste: 3  # of the walk"), schema) == []
    schema["properties"]["walk"]["properties"]["haste"]["description"] = "of the walk"
    assert unexplained(config, schema) == []


def test_every_section_says_what_it_invalidates():
    sections = config_reference.read_keys(CONFIG, SCHEMA)
    assert [key.path for key in sections if not key.invalidates] == []
    found = {key.path: key.invalidates for key in sections}
    assert found["walk"] == "walk and what follows"
    assert found["compute"] == "nothing"


COMMENTED = """\
# Of nobody.

# ---- a: what it is (invalidates b) ----
# More of it.
a:
  one: {x: 1, y: 2}  # of both
  two: c             # c: first |
                     # d: second
  three: [1]
# ---- b (invalidates nothing) ----
b: "# no comment"
"""
PARTS = {
    "one": {"type": "object", "properties": {"x": {"type": "integer", "description": "its x"}}},
    "two": {"type": "string", "description": "which"},
    "three": {"type": "array"},
}
A_AND_B = {
    "$defs": {},
    "properties": {"a": {"type": "object", "properties": PARTS}, "b": {"type": "string"}},
}


def test_a_comment_is_its_own_keys():
    found = keys(COMMENTED, A_AND_B)
    assert {key.path: key.meaning for key in found} == {
        "a": "what it is. More of it.",
        "a.one": "of both",
        "a.one.x": "its x",
        "a.two": "which; c: first | d: second",
        "a.three": "",
        "b": "",
    }
    assert [key.invalidates for key in found if "." not in key.path] == ["b", "nothing"]


def test_a_comment_that_only_lists_the_choices_explains_nothing():
    schema = {"$defs": {}, "properties": {"device": {"enum": ["auto", "cpu"]}}}
    assert unexplained("device: auto  # auto | cpu\n", schema) == ["device"]


@pytest.mark.parametrize(
    "schema, allowed",
    [
        ({"type": "integer", "minimum": 1}, "whole number at least 1"),
        (
            {"type": ["number", "null"], "exclusiveMinimum": 0},
            "number above 0, or <code>null</code>",
        ),
        ({"enum": ["a", "b"]}, "one of <code>a</code>, <code>b</code>"),
        (
            {"type": "array", "items": {"$ref": "#/$defs/half"}, "minItems": 2, "maxItems": 2},
            "list of numbers from 0 to 0.5 (exactly 2)",
        ),
    ],
)
def test_allowed_values_in_words(schema, allowed):
    schema = {
        "$defs": {"half": {"type": "number", "minimum": 0, "maximum": 0.5}},
        "properties": {"k": schema},
    }
    (key,) = config_reference.read_keys("k: 0\n", schema)
    assert key.allowed == allowed


def test_every_command_and_option_is_on_the_page():
    page = commands.render(main, "cuewalk")
    for name, command in main.commands.items():
        assert f"## cuewalk {name} {{ #cuewalk-{name} }}" in page
        for option in command.params:
            words = (
                option.opts if option.param_type_name == "option" else [option.make_metavar(None)]
            )
            assert all(word in page for word in words), (name, option.name)
