"""A Slurm for the tests of this folder."""

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
