"""What every stage shares: its arguments, log, pulse, receipt and the way it ends.

A stage is one function `Job -> photographs handled`. It reads exactly the config sections, files
and folders that its rule names, so a stage cannot depend on what its rule did not declare.
"""

import argparse
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cuewalk.artifacts.atomic import remove_leftovers
from cuewalk.artifacts.code import code_digest
from cuewalk.artifacts.provenance import Provenance
from cuewalk.errors import InputError, disk_sentence
from cuewalk.stages.memory import keep_freed_memory
from cuewalk.watch.bars import progress, progress_in_rounds, progress_of, say, watch_job
from cuewalk.watch.pulse import Pulse, state_path

__all__ = [
    "Job", "Stage", "Work", "log", "main", "progress", "progress_in_rounds", "progress_of",
]  # fmt: skip

log = logging.getLogger("cuewalk")


@dataclass(frozen=True)
class Job:
    """One run of a stage.

    Attributes:
        cfg: the config sections that the rule passes, by name; nothing else may shape the result.
        compute: config section `compute`: how to run, never what.
        root: folder that the paths of photographs and masks are relative to.
        inputs: name -> paths, as the rule lists them.
        outputs: name -> path.
        shard: which shard, "" for stages that are not cut into shards.
        threads: that the job may use.
        code: digest of the stage's code.
        data: digest of the photographs, labels and masks that it reads, or "none".
        wanted: what the whole run is to make, as in `tables` and `explain.methods`: a reason to
            refuse early what a later stage could not do, never to compute anything else.
        dataset: config section `dataset`, with `shards`: which photographs a shard has. What
            follows from it stands in `data`, so that no name of a list is a reason to compute.
        log: file that the stage's log goes to.
    """

    cfg: dict[str, Any]
    compute: dict[str, Any]
    root: Path
    inputs: dict[str, list[Path]]
    outputs: dict[str, Path]
    shard: str
    threads: int
    code: str = ""
    data: str = "none"
    wanted: dict[str, list[str]] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dict)
    log: Path | None = None

    def input(self, name: str) -> Path:
        """The only path of an input."""
        (path,) = self.inputs[name]
        return path


@dataclass(frozen=True)
class Work:
    """What a stage did.

    Attributes:
        images: photographs handled, each as often as it was.
        earlier: seconds that processes took which were cut off, and whose work counts in `images`.
    """

    images: int
    earlier: float = 0.0


Stage = Callable[[Job], int | Work]
"""Returns what it did, or the photographs alone."""


def main(module: str, stage: Stage) -> None:
    """Run a stage from the command line; exit with 0, or with 1 and one sentence."""
    keep_freed_memory()
    arguments = _parse()
    log_to(arguments.log, arguments.shard)
    cfg = json.loads(arguments.cfg)
    # A method's module is loaded by the name that the settings give.
    modules = [module, *([cfg["module"]] if "module" in cfg else [])]
    if arguments.code != code_digest(*modules):
        sys.exit(f"cuewalk: the code of {module} changed while the workflow ran; start it again.")
    job = Job(
        cfg=cfg,
        compute=json.loads(os.environ["CUEWALK_COMPUTE"]),
        root=Path(os.environ["CUEWALK_ROOT"]),
        inputs={name: [Path(p) for p in paths] for name, *paths in arguments.input},
        outputs={name: Path(path) for name, path in arguments.output},
        shard=arguments.shard,
        threads=arguments.threads,
        code=arguments.code,
        data=arguments.data,
        wanted=json.loads(os.environ.get("CUEWALK_WANTED", "{}")),
        dataset=json.loads(os.environ.get("CUEWALK_DATASET", "{}")),
        log=arguments.log,
    )
    pulse = Pulse(state_path(arguments.log))
    watch_job(pulse, job.shard)
    try:
        for path in (*job.outputs.values(), arguments.receipt):
            remove_leftovers(path)
        _make(job, stage, modules, arguments, pulse)
    except Exception as error:
        sentence = _sentence(error, module, arguments)
        pulse.end("failed", text=sentence)
        sys.exit(say(f"cuewalk: {sentence}"))


def _sentence(error: Exception, module: str, arguments: argparse.Namespace) -> str:
    """What to say of an error; the log gets the same, or the traceback of one that is a mistake."""
    if isinstance(error, InputError):
        log.error("%s", error)
        return str(error)
    if sentence := disk_sentence(error):
        log.error("%s", sentence)
        return f"{arguments.receipt.parent}: {sentence}"
    log.error("%s", "".join(traceback.format_exception(error)))
    return (
        f"stage {module.rsplit('.', 1)[-1]} failed with {type(error).__name__}: {error}; "
        f"the traceback is in {arguments.log}."
    )


def _make(
    job: Job, stage: Stage, modules: list[str], arguments: argparse.Namespace, pulse: Pulse
) -> None:
    """Take the outputs over from another run, or run the stage; then write the receipt."""
    about = {
        "stage": modules[0].rsplit(".", 1)[-1],
        "shard": job.shard,
        "cfg": job.cfg,
        "code": job.code,
        "data": job.data,
    }
    own = Provenance(arguments.receipt, modules, about, job.inputs, job.outputs, job.root)
    if other := own.reuse(arguments.log):
        log.info("done: taken over from another run, as %s says", other)
        pulse.end("done", reused=True)
        return
    started = time.monotonic()
    did = stage(job)
    work = did if isinstance(did, Work) else Work(did)
    seconds = work.earlier + time.monotonic() - started
    rate = work.images / max(seconds, 1e-9)
    log.info("done: %d photographs, %.1f s, %.2f images/s", work.images, seconds, rate)
    own.write(work.images, seconds, job.threads, job.compute)
    pulse.end("done", done=work.images, total=work.images, rate=rate, seconds=seconds)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cfg", required=True, help="config sections, canonical JSON")
    parser.add_argument("--code", required=True, help="digest of the stage's code")
    parser.add_argument("--data", default="none", help="digest of what it reads of the data set")
    parser.add_argument("--input", action="append", nargs="+", default=[], metavar="NAME PATH")
    parser.add_argument("--output", action="append", nargs=2, default=[], metavar=("NAME", "PATH"))
    parser.add_argument("--shard", default="")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--receipt", type=Path, required=True)
    return parser.parse_args()


def log_to(path: Path, shard: str, *, append: bool = False) -> None:
    """Send the log to a file.

    Args:
        path: of the file.
        shard: named in each line, "" for none.
        append: keep what is in it, as a further process of the stage does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    logging.raiseExceptions = False  # a full disk is reported once, by the stage
    if not append:
        path.write_bytes(b"")
    logging.basicConfig(
        filename=path,
        filemode="a",  # each line goes to the end, whichever process wrote the one before
        level=logging.INFO,
        format=f"%(asctime)s {shard} %(message)s".replace("  ", " "),
        force=True,
    )
