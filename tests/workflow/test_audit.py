"""A real run is what its receipts say; no bit of it can flip unseen; another run takes it over."""

import json
import random
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from runs import ENVIRONMENT, Run

from cuewalk.audit.folder import load
from cuewalk.audit.judge import judge
from cuewalk.audit.trace import follow
from cuewalk.config import merge_config

pytestmark = pytest.mark.timeout(1800)  # the first test waits for a whole run
FLIPS = 200


def cuewalk(run, *arguments):
    """The console command, where the run was made."""
    return subprocess.run(
        [sys.executable, "-m", "cuewalk.audit", *map(str, arguments)],
        cwd=run.work, env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def verdicts(run):
    return {one.name: str(one.verdict) for one in judge(load(run.folder))}


def artefacts(run):
    """Every file of the run that has a bit to flip, but for logs and Snakemake's own."""
    return sorted(
        path
        for path in run.folder.rglob("*")
        if path.is_file()
        and path.stat().st_size
        and path.name != ".snakemake_timestamp"
        and "logs" not in path.relative_to(run.folder).parts
    )


@pytest.fixture
def copy(tiny, tmp_path):
    """The finished run in another place, to be spoilt."""
    shutil.copytree(tiny.work, tmp_path / "work")
    return Run(tmp_path / "work", tiny.overlay)


def test_a_finished_run_is_well(tiny):
    ran = cuewalk(tiny, "audit", "results/tiny")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert set(verdicts(tiny).values()) == {"ok"}


def test_the_audit_needs_neither_snakemakes_memory_nor_its_place(copy, tmp_path):
    shutil.rmtree(copy.work / ".snakemake")
    shutil.move(copy.folder, tmp_path / "moved")
    ran = cuewalk(copy, "audit", "--json", tmp_path / "moved")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(ran.stdout)["ok"]


def test_no_single_bit_flip_escapes(copy):
    chance = random.Random(0)
    files = artefacts(copy)
    # A file at random and not a bit of all: else nearly all flips would be in the weights.
    flips = [(path := chance.choice(files), chance.randrange(8 * path.stat().st_size))
             for _ in range(FLIPS)]  # fmt: skip
    assert len({path.relative_to(copy.folder).parts[0] for path, _ in flips}) > 12
    escaped = []
    for path, bit in flips:
        raw = path.read_bytes()
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        if set(verdicts(copy).values()) == {"ok"}:
            escaped.append((path, bit))
        path.write_bytes(raw)
    assert escaped == []
    assert set(verdicts(copy).values()) == {"ok"}


def test_a_flip_names_the_artefact_and_the_commands_mend_it(copy):
    victim = copy.folder / "confusion/cue/evaluate-000/confusion.zarr.zip"
    victim.write_bytes(victim.read_bytes() + b" ")
    ran = cuewalk(copy, "audit", "--json", "results")
    assert ran.returncode == 1
    (run,) = json.loads(ran.stdout)["runs"]
    (bad,) = [a for a in run["artefacts"] if a["verdict"] != "ok"]
    assert (bad["artefact"], bad["verdict"]) == ("confusion/cue/evaluate-000", "modified")
    subprocess.run(bad["command"], shell=True, cwd=copy.work, check=True)
    targets = run["then"].split(" -- ")[1].split()
    assert copy.planned("--", *targets) == {"confusion_cue": 1, "metrics": 1, "report": 1}


def test_one_photograph_through_the_stages(tiny, tmp_path):
    id, output = "shape_000003", tmp_path / "panel.png"
    ran = cuewalk(tiny, "show", "results/tiny", id, "--output", output)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    traces = follow(load(tiny.folder), id)
    assert {"shapes", "dataset", "cues", "crf", "labels", "walk", "masks", "confusion_walk"} <= {
        trace.stage for trace in traces
    }
    for trace in traces:
        assert trace.digest in ran.stdout
    sheet = np.asarray(Image.open(output))
    # Pictures of at least the cue, both maps, labels, affinity, walk, mask, truth: none is blank.
    height, width = sheet.shape[:2]
    assert width > 9 * 140 > height
    truth = np.asarray(Image.open(tiny.photographs / "SegmentationClass" / f"{id}.png"))
    assert (sheet[20:150, -150:-20] == (0, 0, 0)).all(-1).any() == (truth == 0).any()


def test_an_unknown_photograph(tiny, tmp_path):
    ran = cuewalk(tiny, "show", "results/tiny", "shape_0003")
    assert ran.returncode == 2
    assert ran.stdout == ""
    (line,) = ran.stderr.splitlines()
    assert "did you mean shape_00" in line


def test_auditing_does_not_load_torch(tiny):
    code = (
        "import sys; from cuewalk.audit.cli import main\n"
        "try: main(['audit', 'results/tiny'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(
        command, cwd=tiny.work, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "False False"


def test_a_run_that_differs_downstream_takes_over_what_is_upstream(copy):
    changes = {"run": "other", "tables": ["masks"], "walk": {"beta": 15}}
    other = Run(copy.work, merge_config(copy.overlay, changes))
    assert "3 (3 reused)" in other.snakemake_or_fail().stderr
    reused, computed = set(), set()
    for artefact in load(other.folder).artefacts.values():
        (reused if artefact.content["reused_from"] else computed).add(artefact.stage)
    assert computed == {"walk", "confusion_walk", "masks", "metrics", "report"}
    assert reused >= {"shapes", "dataset", "classifier", "cues", "crf", "labels", "affinitynet"}
    # Both are audited alike, and Snakemake is content with both.
    ran = cuewalk(copy, "audit", "results")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert other.planned() == {}
    assert copy.planned() == {}
    cue = "cues/train-000/cues.zarr.zip"
    assert (other.folder / cue).samefile(copy.folder / cue)
    ran = cuewalk(copy, "diff", "--json", "results/tiny", "results/other")
    assert ran.returncode == 1
    found = json.loads(ran.stdout)
    assert found["settings"] == [["walk.beta", 16, 15]]
    assert not found["code"] + found["libraries"] + found["data"]
    assert {row[0].split(":")[0] for row in found["figures"]} <= {"masks", "background"}
