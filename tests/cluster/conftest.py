"""A Slurm for the tests of this folder, and the run on this machine that theirs have to equal."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "workflow")]


@pytest.fixture(scope="session")
def slurm():
    """A cluster of one node, started here and stopped here."""
    from slurm import running, why_not

    if reason := why_not():
        pytest.skip(reason)
    with running() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def local(slurm, tmp_path_factory):
    """The built-in data, small, from nothing to the report, without a cluster."""
    from runs import TINY, Run

    run = Run(tmp_path_factory.mktemp("local"), TINY)
    run.snakemake_or_fail()
    return run
