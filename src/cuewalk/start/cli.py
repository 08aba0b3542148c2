"""The command `cuewalk init`: from a folder of photographs to the configuration of a run."""

import os
import shlex
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track
from safetensors import SafetensorError, safe_open

from cuewalk.artifacts.atomic import atomic_file
from cuewalk.errors import InputError
from cuewalk.start.check import Findings, check_folder
from cuewalk.start.reduce import reduce_photographs
from cuewalk.start.settings import SMALL, Wishes, run_name, write_settings
from cuewalk.start.table import class_table, folder_table

PROJECT = Path(__file__).resolve().parents[3]
SHOWN = 100
"""Problems that are printed; of more, the number is."""
WORDS = ("pretrained", "none")
"""Weights that are no file."""

FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--labels", type=FOLDER, help="CSV of the labels; without, a folder per class.")
@click.option("--masks", type=FOLDER, help="Folder of ground truth masks, if there are any.")
@click.option("--output", type=FOLDER, help="The file to write; by default FOLDER's name.yaml.")
@click.option("--weights", default="pretrained", help="pretrained, none, or a file for the stem.")
@click.option(
    "--reduce", type=click.IntRange(min=64), help="Use copies of at most so many pixels a side."
)
@click.option("--small/--large", "small", default=None, help="Settings; by default by number.")
def init(
    folder: Path,
    labels: Path | None,
    masks: Path | None,
    output: Path | None,
    weights: str,
    reduce: int | None,
    small: bool | None,
) -> None:
    """Check a folder of photographs, reading every one, and write a configuration for it.

    Nothing is written if anything is wrong, and nothing is ever overwritten. Exit status: 0 if the
    file was written, 1 if something has to be mended first, 2 for a wrong call.
    """
    run = run_name(folder)
    target = output or Path(f"{run}.yaml")
    _check_places(folder, target)
    copies = _copies(folder, masks, reduce)
    options = _stem_options(weights)
    truth = _seen_from(folder, masks)
    found = check_folder(folder, _seen_from(folder, labels), truth, _watch())
    _print(found)
    if found.problems:
        sys.exit(1)
    if copies and reduce:
        _write_copies(found, copies, reduce)
    wishes = Wishes(
        run=run,
        root=str(copies or folder),
        labels=_seen_from(copies or folder, labels),
        masks=truth,
        lists={name: len(ids) for name, ids in found.folder.lists().items()},
        scored=found.scored(),
        weights=weights,
        options=options,
        small=len(found.records) <= SMALL if small is None else small,
    )
    _write(target, write_settings(wishes))


def _write(target: Path, text: str) -> None:
    with atomic_file(target) as path:
        path.write_text(text, encoding="utf-8")
    click.echo(f"written  {target}\nnow type\n    {_command(target)}")


def _check_places(folder: Path, target: Path) -> None:
    if target.exists():
        raise InputError(f"{target}: exists already; delete it, or name another one: --output.")
    if Path("results").resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{folder}: the results would lie among the photographs; start this somewhere else, "
            "or put them in a folder of their own."
        )


def _copies(folder: Path, masks: Path | None, side: int | None) -> Path | None:
    """Where reduced copies go, None if none are wanted.

    Raises:
        InputError: they cannot be made.
    """
    if side is None:
        return None
    if masks is not None:
        raise InputError(
            "--reduce: masks of ground truth have the size of their photographs; reduce both "
            "yourself, masks to the nearest pixel, or leave one of the two options out."
        )
    target = folder.with_name(f"{folder.name}-{side}")
    if target.exists():
        raise InputError(f"{target}: exists already, where the copies go; delete or rename it.")
    return target


def _write_copies(found: Findings, target: Path, side: int) -> None:
    reduce_photographs(found.root, (record.path for record in found.records), target, side)
    click.echo(f"copies   {target}, at most {side} pixels a side: the masks will be too")


def _print(found: Findings) -> None:
    # Not at the top: the group that this command belongs to lies there, and imports this module.
    console: Console = import_module("cuewalk.audit.cli").output_console()
    console.print(folder_table(found))
    console.print(class_table(found))
    for note in found.notes:
        click.echo(f"note     {note}")
    for problem in found.problems[:SHOWN]:
        click.echo(f"cuewalk: {problem}", err=True)
    if len(found.problems) > SHOWN:
        click.echo(f"cuewalk: and {len(found.problems) - SHOWN} more.", err=True)


def _stem_options(weights: str) -> dict[str, Any]:
    """What the weights of the stem ask for, as they say themselves.

    Raises:
        InputError: they are a file that is missing or damaged.
    """
    if weights in WORDS:
        return {}
    if not Path(weights).is_file():
        raise InputError(
            f"{weights}: no such weights file; correct --weights, or say {' or '.join(WORDS)}."
        )
    if not weights.endswith(".safetensors"):
        return {}
    try:
        with safe_open(weights, framework="np") as file:
            about = file.metadata() or {}
    except SafetensorError as error:
        raise InputError(f"{weights}: not a readable weights file ({error}).") from error
    return {"pad_type": about["pad_type"]} if "pad_type" in about else {}


def _seen_from(folder: Path, path: Path | None) -> str | None:
    """A path relative to the folder of the photographs if it lies in it, else absolute."""
    if path is None:
        return None
    inside, own = folder.resolve(), path.resolve()
    return str(own.relative_to(inside) if own.is_relative_to(inside) else own)


def _watch() -> Callable[[Iterable[str]], Iterable[str]]:
    console = Console(stderr=True)
    quiet = not sys.stderr.isatty()

    def watched(ids: Iterable[str]) -> Iterable[str]:
        return track(list(ids), "reading", console=console, transient=True, disable=quiet)

    return watched


def _command(target: Path) -> str:
    """What starts the run, as typed where `init` was."""
    here = Path.cwd() == PROJECT
    place = Path() if here else PROJECT
    options = [] if here else ["--snakefile", str(PROJECT / "Snakefile")]
    profile = os.path.normpath(place / "workflow" / "profiles" / "default")
    words = ["snakemake", *options, "--profile", profile, "--configfile", str(target)]
    return shlex.join(words)
