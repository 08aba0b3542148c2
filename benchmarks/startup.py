"""Claim: a job of a stage without a network starts in about a second.

A whole job that does nothing: imports, arguments, the check of its code, its receipt. Beside it
`python -c pass`; the figure is seconds beyond that, CPU time of the process. A job with a network,
too, as it is and where torch's compiler is loaded, which it spares.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from paired import Limits, Row, at_most, main

from cuewalk.artifacts.code import code_digest

STAGES = ("crf", "labels", "metrics")
NETWORK = "cues"
IDLE = """
{before}
import cuewalk.stages.{stage}
from cuewalk.stages.runner import main
main("cuewalk.stages.{stage}", lambda job: 0)
"""


def seconds(*arguments: str) -> float:
    """CPU time of Python with these arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    around = {"CUEWALK_COMPUTE": '{"device": "cpu"}', "CUEWALK_ROOT": "."}
    subprocess.run([sys.executable, *arguments], env={**os.environ, **around}, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def start(stage: str, folder: Path, before: str = "") -> float:
    """CPU time of an idle job of a stage, which leaves its log and receipt in a folder."""
    receipt = folder / f"{stage}.json"
    given = ["--cfg", "{}", "--code", code_digest(f"cuewalk.stages.{stage}")]
    given += ["--log", str(folder / f"{stage}.log"), "--receipt", str(receipt)]
    took = seconds("-c", IDLE.format(stage=stage, before=before), *given)
    assert receipt.is_file()
    return took


def rows(quick: bool = False) -> list[Row]:
    """The claims as measured."""
    rounds = 1 if quick else 7
    jobs = [(f"an idle {stage} job", at_most(1.5, 1), stage, "") for stage in STAGES]
    jobs.append((f"an idle {NETWORK} job", Limits(), NETWORK, ""))
    jobs.append(("the same with torch's compiler", Limits(), NETWORK, "import torch._dynamo"))
    extra: list[list[float]] = [[] for _ in jobs]
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds + 1):
            for (_, _, stage, before), some in zip(jobs, extra, strict=True):
                some.append(start(stage, Path(folder), before) - seconds("-c", "pass"))
    return [
        limits.row(
            f"start of {name}, seconds beyond python -c pass",
            median(some[1:]),  # the first one fills the disk's cache
            f"{rounds} rounds, {min(some[1:]):.2f} to {max(some[1:]):.2f}",
        )
        for (name, limits, _, _), some in zip(jobs, extra, strict=True)
    ]


if __name__ == "__main__":
    main(rows, __doc__)
