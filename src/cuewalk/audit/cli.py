"""The console command `cuewalk`: starts runs (`init`), and looks at them, changing nothing.

Nothing here imports torch.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from cuewalk.audit.folder import load, one_run, runs_in
from cuewalk.audit.judge import judge
from cuewalk.audit.table import (
    Judged,
    all_ok,
    as_json,
    print_differences,
    print_table,
    print_traces,
)
from cuewalk.audit.trace import follow
from cuewalk.errors import InputError
from cuewalk.start.cli import init

FOLDER = click.Path(path_type=Path)


class _Commands(click.Group):
    """Bad input ends in one sentence and exit status 2, as a wrong option does."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            click.echo(f"cuewalk: {error}", err=True)
            ctx.exit(2)
        except OSError as error:
            click.echo(f"cuewalk: {error.filename}: {error.strerror}.", err=True)
            ctx.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Start a run on your own photographs, and look at the runs under results/."""


main.add_command(init)


@main.command()
@click.argument("results", type=FOLDER)
@click.option("--json", "machine", is_flag=True, help="Print JSON instead of a table.")
def audit(results: Path, *, machine: bool) -> None:
    """Read all artefacts of a run again and check them against their receipts.

    RESULTS is a run's folder, as results/demo, or the folder of all runs. Exit status: 0 if all is
    well, 1 if not, 2 if it could not be told.
    """
    judged = _judge_all(results)
    if machine:
        click.echo(json.dumps(as_json(judged), indent=1))
    else:
        print_table(judged, output_console())
    sys.exit(0 if all_ok(judged) else 1)


@main.command()
@click.argument("results", type=FOLDER)
@click.argument("photograph", metavar="ID")
@click.option("--output", type=FOLDER, default="panel.png", help="Where the picture goes.")
@click.option("--root", type=FOLDER, help="Where the photographs lie now, if they were moved.")
def show(results: Path, photograph: str, output: Path, root: Path | None) -> None:
    """Follow one photograph through all stages of a run, in numbers and as a picture.

    RESULTS is a run's folder, ID the photograph's name in the tables of dataset/. Digests are of
    its row in each store. Exit status: 0 if all of it is what the receipts say, 1 if not.
    """
    # Matplotlib takes a second to load.
    panel = import_module("cuewalk.audit.panel")
    run = load(one_run(results))
    traces = follow(run, photograph)
    print_traces(photograph, traces, output_console())
    panel.write_panel(panel.Kept(run, photograph, traces, root).panel(), output)
    click.echo(f"picture  {output}")
    sys.exit(0 if all(trace.same for trace in traces) else 1)


@main.command()
@click.argument("run_a", type=FOLDER)
@click.argument("run_b", type=FOLDER)
@click.option("--json", "machine", is_flag=True, help="Print JSON instead of tables.")
def diff(run_a: Path, run_b: Path, *, machine: bool) -> None:
    """Tell in which settings, code, libraries, photographs and figures two runs differ.

    RUN_A and RUN_B are folders of runs. Exit status: 0 if in none, 1 if in some.
    """
    compare = import_module("cuewalk.audit.compare").compare
    folders = [one_run(run_a), one_run(run_b)]
    found = compare(*map(load, folders))
    if machine:
        click.echo(json.dumps(vars(found), indent=1))
    else:
        print_differences(found, [str(folder) for folder in folders], output_console())
    sys.exit(0 if found.same else 1)


@main.command()
@click.argument("results", type=FOLDER)
@click.option("--json", "machine", is_flag=True, help="Print JSON instead of a table.")
@click.option("--watch", type=click.FloatRange(min=0.1), metavar="SECONDS", help="Until it ends.")
def status(results: Path, *, machine: bool, watch: float | None) -> None:
    """Tell what of a run is done, running and left, and how long it takes at the present speed.

    RESULTS is a run's folder, as results/demo, or the folder of all runs. Exit status: 0 if it is
    running or finished, 1 if not, 2 if it could not be told.
    """
    screen = import_module("cuewalk.watch.screen")
    sys.exit(screen.show_status(results, output_console(), machine=machine, watch=watch))


def output_console() -> Console:
    """Where tables go; wide enough to be read in a file too."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 110)


def _judge_all(results: Path) -> Judged:
    runs = [load(folder) for folder in runs_in(results)]
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("audit", total=sum(run.size() for run in runs))
        return {run.folder: judge(run, lambda size: bar.advance(task, size)) for run in runs}
