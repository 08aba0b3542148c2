"""The one small run that most tests of this folder look at, and their helpers' place."""

import shutil
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


@pytest.fixture(scope="session")
def blanked(tiny, tmp_path_factory):
    """The same photographs as files of one's own, cut otherwise, with all masks background."""
    from PIL import Image
    from runs import TINY, Run

    from cuewalk.config import merge_config

    work = tmp_path_factory.mktemp("blanked")
    root = work / "photographs"
    shutil.copytree(tiny.photographs, root)
    for path in (root / "SegmentationClass").glob("*.png"):
        mask = Image.open(path)
        blank = Image.new("P", mask.size, 0)
        blank.putpalette(mask.getpalette())
        blank.save(path)
    changes = {
        "dataset": {"kind": "voc", "root": str(root)},
        "shards": {"train": 1, "evaluate": 2},
    }
    run = Run(work, merge_config(TINY, changes))
    run.snakemake_or_fail()
    return run
