"""Why an artefact is not, or would no longer be, what its receipt says, in a few words each."""

from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError
from typing import Any

from cuewalk.artifacts.code import PACKAGE, code_digest, code_parts
from cuewalk.artifacts.content import describe
from cuewalk.artifacts.origin import named_files
from cuewalk.audit.folder import Artefact, Run

SHOWN = 3
"""Names in one sentence."""


def bytes_reason(
    run: Run, path: str, output: Mapping[str, Any], differing: Mapping[str, str | None]
) -> str:
    """Which values of a changed output changed: arrays and photographs where it is a store."""
    name = min(differing)
    where = path if name == "." else f"{path}/{name}"
    if name not in output["stores"]:
        return f"{where} changed"
    now = describe(run.folder / path).stores.get(name)
    if now is None or not now["attributes"]:
        return f"{where} changed and can no longer be read"
    before = output["stores"][name]
    if now == before:
        return f"{where} changed, though its values are the same"
    arrays = [n for n, d in before["arrays"].items() if now["arrays"].get(n) != d]
    rows = [id for id, digest in before["rows"].items() if now["rows"].get(id) != digest]
    of = f" of {_several(rows)}" if rows else ""
    return f"{where} changed: {_several(arrays) or 'attributes'}{of}"


def code_reason(content: Mapping[str, Any]) -> str:
    """How the installed code of a stage differs from the code that made an artefact; "" if not."""
    modules = [f"{PACKAGE}.stages.{content['stage']}"]
    modules += [content["cfg"]["module"]] if "module" in content["cfg"] else []
    try:
        if code_digest(*modules) == content["code"]:
            return ""
        parts = code_parts(*modules)
    except (ImportError, SyntaxError, ValueError, PackageNotFoundError) as error:
        return f"the installed package has no such stage ({error})"
    changed = [
        name
        for part in ("modules", "libraries", "templates")
        for name in sorted(content[part].keys() | parts[part].keys())
        if content[part].get(name) != parts[part].get(name)
    ]
    return f"the code changed: {_several(changed)}"


def file_reason(content: Mapping[str, Any]) -> str:
    """Which file that the settings name is another one now; "" if none is, or none is there."""
    now = named_files(content["cfg"])
    before = content["named_files"]
    changed = [name for name in now if before.get(name, now[name]) != now[name]]
    return f"{changed[0]}, which its settings name, is another file now" if changed else ""


def settings_reasons(run: Run) -> dict[str, str]:
    """Receipts that disagree with a newer one on a setting: key -> what differs.

    One run has one configuration, so of two values the later one counts.
    """
    newest: dict[str, Artefact] = {}
    for artefact in sorted(_sound(run), key=lambda a: str((a.content or {})["finished"])):
        for name in settings(artefact):
            newest[name] = artefact
    found = {}
    for artefact in _sound(run):
        for name, value in settings(artefact).items():
            other = settings(newest[name])[name]
            if value != other:
                key, old, new = next(differences({name: value}, {name: other}))
                found[artefact.key] = (
                    f"{key} is {old}, and {new} in {newest[name].name}, which is newer"
                )
                break
    return found


def settings(artefact: Artefact) -> dict[str, Any]:
    """What a receipt tells of the configuration: `section.key` -> value; a method's are its own.

    A stage may have been given some keys of a section only.
    """
    cfg = (artefact.content or {}).get("cfg", {})
    if "method" in cfg:
        return {f"explain[{cfg['method']}].{key}": value for key, value in cfg.items()}
    found: dict[str, Any] = {}
    for name, section in cfg.items():
        keys = section.items() if isinstance(section, Mapping) else [("", section)]
        found |= {f"{name}.{key}".rstrip("."): value for key, value in keys}
    return found


def differences(a: Any, b: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two values of JSON differ: (dotted key, value in `a`, value in `b`), None if absent."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in sorted(a.keys() | b.keys()):
            yield from differences(a.get(key), b.get(key), f"{name}.{key}" if name else key)
    elif a != b:
        yield name, a, b


def _sound(run: Run) -> Iterator[Artefact]:
    return (artefact for artefact in run.artefacts.values() if artefact.content is not None)


def _several(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
