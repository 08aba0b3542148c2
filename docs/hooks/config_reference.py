"""The page of all configuration keys, from config.yaml and its schema.

config.yaml gives the defaults, and its comments their meaning; the schema gives what is allowed,
and `description` where config.yaml has no comment.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import yaml

HEADER = re.compile(r"# -{4} (\w+)(?:: (.+?))? \(invalidates (.+?)\) -*")
"""The line over a section of config.yaml: its name, what it is and what its keys invalidate."""
LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "multipleOf": "a multiple of",
}
TYPES = {
    "integer": ("whole number", "whole numbers"),
    "number": ("number", "numbers"),
    "string": ("text", "texts"),
    "boolean": ("true or false", "true or false"),
    "object": ("mapping", "mappings"),
    "array": ("list", "lists"),
}
UNSET = object()


@dataclass(frozen=True)
class Key:
    """A key of the configuration.

    Attributes:
        path: its keys from the top, with dots; `[]` stands for any entry of a list.
        keys: those below it, if it is a section.
        allowed: which values the schema lets pass.
        default: as YAML; "" where config.yaml does not set it.
        meaning: from the comments of config.yaml and the schema's description.
        invalidates: for a section, the stages that an edit in it computes again.
    """

    path: str
    keys: tuple["Key", ...]
    allowed: str
    default: str
    meaning: str
    invalidates: str

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True)
class _Texts:
    """What config.yaml says in comments: by path of the key, and by name of the section."""

    meaning: Mapping[str, str]
    invalidates: Mapping[str, str]


def read_keys(config: str, schema: Mapping[str, Any]) -> list[Key]:
    """Every key of the schema, as a tree.

    Args:
        config: text of config.yaml.
        schema: the content of config.schema.yaml.
    """
    texts = _read_comments(config)
    values = yaml.safe_load(config)
    return list(_children("", schema, values, texts, schema["$defs"]))


def flat(keys: list[Key] | tuple[Key, ...]) -> Iterator[Key]:
    """All keys of the tree, sections before what is in them."""
    for key in keys:
        yield key
        yield from flat(key.keys)


def render(keys: list[Key]) -> str:
    """The keys as Markdown, a heading and a table for each section."""
    return "\n".join(part for key in keys for part in _section(key, 2))


def _section(key: Key, level: int) -> Iterator[str]:
    yield f"\n{'#' * level} {key.path} {{ #{key.path} }}\n"
    if key.meaning:
        yield f"{_sentence(_text(key.meaning))}\n"
    if key.invalidates:
        yield f"<strong>Invalidates</strong> {_text(key.invalidates)}.\n"
    if not key.keys:
        yield f"{_value(key)}\n"
        return
    rows = [key for key in key.keys if not key.keys or "[]" in key.keys[0].path]
    if rows:
        yield "<table markdown='0'><thead><tr><th>Key</th><th>Meaning</th></tr></thead><tbody>"
        for row in rows:
            yield from (_row(one, key.path) for one in (row, *row.keys))
        yield "</tbody></table>\n"
    for nested in key.keys:
        if nested not in rows:
            yield from _section(nested, level + 1)


def _row(key: Key, section: str) -> str:
    name = key.path.removeprefix(f"{section}.")
    return (
        f'<tr><td class="key"><a id="{key.path}"></a><code>{name}</code></td>'
        f"<td>{_text(key.meaning)}<br><small>{_value(key)}</small></td></tr>"
    )


def _value(key: Key) -> str:
    if "[]" in key.path:  # of each entry in a list
        return key.allowed
    default = f"default <code>{escape(key.default)}</code>" if key.default else "not set"
    return f"{default}; {key.allowed}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _text(comment: str) -> str:
    """A comment as HTML, a line for each choice; config.yaml has a bar between them."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(comment).replace(" | ", "<br>"))


def _children(
    path: str, schema: Mapping[str, Any], values: Any, texts: _Texts, defs: Mapping[str, Any]
) -> Iterator[Key]:
    for name, part in schema.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        own = _resolved(part, defs)
        value = values.get(name, UNSET) if isinstance(values, Mapping) else UNSET
        entry = _resolved(own.get("items", {}), defs)
        keys = [
            *_children(below, own, value, texts, defs),
            *_children(f"{below}[]", entry, UNSET, texts, defs),
        ]
        comment = texts.meaning.get(below, "")
        if comment.split(" | ") == [str(choice) for choice in own.get("enum", ())]:
            comment = ""  # it names the choices, and says nothing of them
        yield Key(
            path=below,
            keys=tuple(keys),
            allowed=_allowed(own, defs),
            default="" if value is UNSET else _yaml(value),
            meaning="; ".join(filter(None, [own.get("description", ""), comment])),
            invalidates=texts.invalidates.get(below, ""),
        )


def _resolved(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    below = defs[reference.rpartition("/")[2]] if reference else {}
    return {**below, **schema}


def _allowed(schema: Mapping[str, Any], defs: Mapping[str, Any], *, several: bool = False) -> str:
    """In words, which values a schema lets pass."""
    schema = _resolved(schema, defs)
    if "enum" in schema:
        choices = ", ".join(f"<code>{escape(str(choice))}</code>" for choice in schema["enum"])
        return f"{'any' if several else 'one'} of {choices}"
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    named = [TYPES[kind][several] for kind in kinds if kind != "null"]
    words = [" or ".join(named), *_limits(schema), *_of_list(schema, defs)]
    return " ".join(words) + (", or <code>null</code>" if "null" in kinds else "")


def _limits(schema: Mapping[str, Any]) -> Iterator[str]:
    if {"minimum", "maximum"} <= schema.keys():
        yield f"from {schema['minimum']} to {schema['maximum']}"
    elif limits := [f"{words} {schema[key]}" for key, words in LIMITS.items() if key in schema]:
        yield " and ".join(limits)
    if "pattern" in schema:
        yield f"that matches <code>{escape(schema['pattern'])}</code>"


def _of_list(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Iterator[str]:
    if "prefixItems" in schema:
        parts = [_allowed(part, defs) for part in schema["prefixItems"]]
        yield f"of {len(parts)}: {', '.join(parts)}"
    elif "items" in schema:
        yield f"of {_allowed(schema['items'], defs, several=True)}"
        lengths = {schema.get("minItems", 0), schema.get("maxItems", 0)}
        if schema.get("minItems"):
            yield f"({'exactly' if len(lengths) == 1 else 'at least'} {schema['minItems']})"


def _yaml(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
    return text.removesuffix("...\n").strip()


def _read_comments(config: str) -> _Texts:
    """A comment belongs to the last key so far; after a header, to the one below."""
    keys = _keys_by_line(yaml.compose(config))
    ends = _ends_by_line(config)
    owner, meaning, invalidates = "", dict[str, list[str]](), dict[str, str]()
    for number, line in enumerate(config.splitlines()):
        if header := HEADER.fullmatch(line):
            owner, what, invalidates[header[1]] = header.groups()
            meaning[owner] = [f"{what}."] if what else []
            continue
        owner = keys.get(number, owner)
        comment = line[ends.get(number, 0) :].strip().lstrip("# ")
        if comment and owner:
            meaning.setdefault(owner, []).append(comment)
    return _Texts({path: " ".join(lines) for path, lines in meaning.items()}, invalidates)


def _keys_by_line(node: yaml.Node | None, path: str = "") -> dict[int, str]:
    """Line -> path of the first key on it."""
    found: dict[int, str] = {}
    for key, value in node.value if isinstance(node, yaml.MappingNode) else []:
        below = f"{path}.{key.value}" if path else key.value
        found.setdefault(key.start_mark.line, below)
        found = {**_keys_by_line(value, below), **found}
    return found


def _ends_by_line(config: str) -> dict[int, int]:
    """Line -> column behind the last token on it, where a comment may start."""
    found: dict[int, int] = {}
    for token in yaml.scan(config):
        mark = token.end_mark
        found[mark.line] = max(found.get(mark.line, 0), mark.column)
    return found
