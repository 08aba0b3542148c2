"""Ground truth masks reach confusion, metrics and report, and nothing that makes masks."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from runs import ROOT, TINY, Run

from cuewalk.artifacts.code import imported_modules

pytestmark = pytest.mark.timeout(1800)  # the first test of a run waits for all of it

UPSTREAM = {
    "shapes", "dataset", "classes", "classifier", "cues", "crf", "labels", "affinitynet", "walk",
    "masks",
}  # fmt: skip
EXPLAINING = {"predictions", "precision", "explanations", "perturbation", "faithfulness"}
SIGHTED = {
    "confusion_cue", "confusion_crf", "confusion_walk", "confusion_labels", "segmentation",
    "report",
}  # fmt: skip
TABLES = {"metrics", "faithfulness", "cue_segmentation"}
ASIDE = {"truth", "counts"}
BLIND = sorted((UPSTREAM | EXPLAINING) - {"shapes", "dataset", "classes"})
"""Stages that compute masks, or explanations, from what the dataset stage lists."""


@dataclass(frozen=True)
class Step:
    """A job of the DAG."""

    rule: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    command: str


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """Every job of a run from nothing, as Snakemake plans it."""
    run = Run(tmp_path_factory.mktemp("plan"), TINY)
    # The profile keeps Snakemake quiet; here all that it can say is wanted.
    plan = run.snakemake_or_fail("--dry-run", "--forceall", "--printshellcmds", "--quiet", "host")
    return read_plan(plan.stdout)


def read_plan(text: str) -> list[Step]:
    found = []
    for block in re.split(r"^(?:local)?rule ", text, flags=re.M)[1:]:
        fields = dict(re.findall(r"^    (\w+): (.*)$", block, flags=re.M))
        command = re.search(r"^Shell command: (.*)$", block, flags=re.M)
        found.append(
            Step(
                block.split(":", 1)[0],
                tuple(fields["input"].split(", ")) if "input" in fields else (),
                tuple(fields["output"].split(", ")) if "output" in fields else (),
                command[1] if command else "",
            )
        )
    return found


def ancestors(steps: list[Step], goals: list[Step]) -> list[Step]:
    """Goals and all jobs that something of theirs is made from."""
    maker = {output: step for step in steps for output in step.outputs}
    found: list[Step] = []
    waiting = list(goals)
    while waiting:
        step = waiting.pop()
        if step not in found:
            found.append(step)
            waiting += [maker[path] for path in step.inputs if path in maker]
    return found


def test_the_plan_is_whole(steps):
    rules = {step.rule for step in steps}
    assert rules == UPSTREAM | EXPLAINING | SIGHTED | TABLES | ASIDE | {"all"}
    made = {output for step in steps for output in step.outputs}
    assert {path for step in steps for path in step.inputs} <= made


def test_truth_is_an_input_of_confusion_and_report_alone(steps):
    reading = {step.rule for step in steps if any("truth" in path for path in step.inputs)}
    assert reading == SIGHTED | {"all"}  # which asks for everything, and makes nothing
    writing = {step.rule for step in steps if any("truth" in path for path in step.outputs)}
    assert writing == {"truth"}


def test_masks_descend_from_no_truth(steps):
    line = ancestors(steps, [step for step in steps if step.rule == "masks"])
    assert {step.rule for step in line} == UPSTREAM
    for step in line:
        for path in step.inputs:
            assert not re.search(r"truth|/confusion/|/metrics/", path), (step.rule, path)


def test_commands_name_no_truth(steps):
    """Paths that a rule slips into its command, beside its inputs."""
    for step in steps:
        named = re.search(r"truth|/confusion/|/metrics/", step.command)
        # `precision` reads labels alone, but its table lies beside the others.
        writing = {"truth", "precision"}
        assert bool(named) == (step.rule in SIGHTED | TABLES | writing), step.rule


# What the code of a stage says.

READERS = {
    "TruthReader", "load_truth", "read_truth", "read_voc_truths",
    "read_imagenet_segmentation_truths", "mask_cell",
    "read_folder_truths",
}  # fmt: skip


def named(module: str) -> set[str]:
    """Names and strings in a module, but for what `TruthReader` itself is made of."""
    if module == "cuewalk.datasets.truth":
        return set()  # it reads the truth; that nobody else calls it is looked for in the others
    path = ROOT.joinpath("src", *module.split("."))
    file = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
    found: set[str] = set()
    for part in ast.parse(file.read_text()).body:
        if module == "cuewalk.stages.rows" and isinstance(part, ast.ImportFrom):
            continue  # for TruthReader, which lies there
        if isinstance(part, ast.ClassDef) and part.name == "TruthReader":
            continue
        for node in ast.walk(part):
            match node:
                case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                    found.add(name)
                case ast.Constant(value=str(text)):
                    found.add(text)
    return found


@pytest.mark.parametrize("stage", BLIND)
def test_code_of_a_blind_stage_reads_no_truth(stage):
    modules = imported_modules(f"cuewalk.stages.{stage}")
    assert len(modules) > 5
    for module in sorted(modules):
        stage_words = {"truth", "SegmentationClass"} if ".stages." in module else set()
        found = named(module) & (READERS | stage_words)
        assert not found, module


def test_the_search_finds_those_who_read():
    stages = {path.stem for path in (ROOT / "src" / "cuewalk" / "stages").glob("*.py")}
    reading = {name for name in stages if named(f"cuewalk.stages.{name}") & READERS}
    # `truth` checks masks when it lists them; that is all it does with them.
    assert reading == {"confusions", "confusion_labels", "segmentation", "report", "truth"}


# What a run does.


def read_all(folder: Path, pattern: str) -> dict[str, bytes]:
    """Content of files, by their own name and, unless that is a shard, their folder's."""
    found = {}
    for path in sorted(folder.glob(pattern)):
        shard = re.fullmatch(r"(train|evaluate)-\d+", path.parent.name)
        found[path.name if shard else f"{path.parent.name}/{path.name}"] = path.read_bytes()
    return found


def read_rows(folder: Path, pattern: str) -> list[str]:
    """Lines of tables that are cut into shards, in one order."""
    return sorted(
        line for path in folder.glob(pattern) for line in path.read_text().splitlines()[1:]
    )


def test_the_masks_of_the_truth_are_others(tiny, blanked):
    found = read_rows(tiny.folder, "truth/*.csv")
    assert found != read_rows(blanked.folder, "truth/*.csv")
    assert len(found) == 10


def test_other_truth_changes_no_photograph(tiny, blanked):
    found = read_rows(tiny.folder, "dataset/[te]*.csv")
    assert found == read_rows(blanked.folder, "dataset/[te]*.csv")
    assert len(found) == 22


@pytest.mark.parametrize("pattern", ["*/model.safetensors", "masks/*/*.png"])
def test_other_truth_changes_no_byte(tiny, blanked, pattern):
    found = read_all(blanked.folder, pattern)
    assert found
    assert found == read_all(tiny.folder, pattern)
