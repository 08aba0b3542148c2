"""The one small run that most tests of this folder look at, and their helpers' place."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "unit")]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The whole workflow on 22 built-in photographs, from nothing to the report."""
    from runs import TINY, Run

    run = Run(tmp_path_factory.mktemp("tiny"), TINY)
    run.snakemake_or_fail()
    return run
