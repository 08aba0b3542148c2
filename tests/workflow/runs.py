"""Runs of the real workflow, each in a folder of its own, for tests that look at what comes out."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cuewalk.artifacts.code import code_digest
from cuewalk.artifacts.receipts import read_receipt
from cuewalk.config import merge_config, read_config

ROOT = Path(__file__).resolve().parents[2]
CORES = os.environ.get("CUEWALK_TEST_CORES", "2")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}

# One epoch teaches the classifier next to nothing; an alpha_low of 16 makes AffinityNet's pairs
# of foreground all the same, and a background of alpha 1 leaves some of it in the masks.
TINY: dict[str, Any] = {
    "run": "tiny",
    "tables": ["masks", "faithfulness", "cue_segmentation"],
    "dataset": {"shapes": {"train": 12, "select": 4, "evaluate": 6, "size": 64}},
    "shards": {"train": 2, "evaluate": 1},
    "classifier": {
        "model": {
            "image_size": 64,
            "stem": {
                "name": "resnet10t",
                "level": 2,
                "options": {"channels": [8, 16, 16, 16], "stem_width": 8},
            },
            "transformer": {"blocks": 2, "width": 32, "heads": 2},
        },
        "training": {"epochs": 1, "batch_size": 4, "warmup_epochs": 0},
    },
    "cues": {"sizes": [64], "flip": True},
    "grid": {"cells": 8, "radius": 3},
    "crf": {"alpha_low": 16, "alpha_high": 32},
    "affinitynet": {
        "image_size": 64,
        "levels": [4, 8],
        "channels": 32,
        "epochs": 1,
        "batch_size": 4,
    },
    "walk": {"beta": 16, "steps": 8, "alphas": [1, 4], "also": [{"beta": 8, "steps": 4}]},
    "masks": {"splits": ["evaluate"], "background": {"place": "inside", "alpha": 1}},
    "sweep": {
        "threshold": 0.2,
        "alphas": [4, 8],
        "constants": [0.2, 0.4],
        "crf_alphas": [4],
        "crf_constants": [0.2],
    },
    "explain": {"methods": ["relevance", "rollout", "random"], "share": 1},
    "metrics": {"bootstrap": 20},
    "report": {"panels": 2},
    "compute": {"device": "cpu", "batch_size": 4},
}
CLASSES = ("stripes", "checks", "dots", "rings", "zigzag", "grid")
"""Of the built-in data, in label order."""


@dataclass(frozen=True)
class Run:
    """A run: its working directory, what is laid over config.yaml, and the project's own folder."""

    work: Path
    overlay: Mapping[str, Any]
    project: Path = ROOT

    @property
    def folder(self) -> Path:
        """Where its products lie."""
        return self.work / "results" / self.overlay["run"]

    @property
    def photographs(self) -> Path:
        """Root of the data set."""
        return Path(self.overlay["dataset"].get("root") or self.folder / "photographs")

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command that a user types, run to its end."""
        around = {} if self.project == ROOT else {"PYTHONPATH": str(self.project / "src")}
        return _command(*self.arguments(), *arguments, work=self.work, around=around)

    def arguments(self) -> list[str]:
        """Of Python, for that command, with the profile of the Makefile."""
        overlay = self.work / "overlay.yaml"
        overlay.write_text(yaml.safe_dump(dict(self.overlay)))
        options = {
            "--snakefile": self.project / "Snakefile",
            "--profile": self.project / "workflow" / "profiles" / "default",
            "--directory": self.work,
            "--configfile": overlay,
            "--cores": CORES,
        }
        return ["-m", "snakemake", *(str(part) for option in options.items() for part in option)]

    def snakemake_or_fail(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same, where it has to succeed."""
        ran = self.snakemake(*arguments)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran

    def planned(self, *arguments: str) -> dict[str, int]:
        """Rule -> how many of its jobs the next run would do."""
        said = self.snakemake_or_fail("--dry-run", "--quiet", "host", *arguments)
        text = said.stdout + said.stderr
        if "Nothing to be done" in text:
            return {}
        rows = [line.split() for line in text.split("Job stats:")[1].split("total")[0].splitlines()]
        counts = {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}
        return {rule: count for rule, count in counts.items() if rule != "all"}

    def stage(
        self,
        name: str,
        sections: list[str],
        inputs: Mapping[str, Path],
        outputs: list[str],
        shard: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """One stage without Snakemake, called as workflow/rules/common.smk calls it.

        Outputs and receipt lie under `folder / name`, those of a shard named after it.
        """
        config = merge_config(read_config(ROOT / "config.yaml"), self.overlay)
        folder = self.folder / name
        given = {
            "--cfg": json.dumps({section: config[section] for section in sections}),
            "--code": code_digest(f"cuewalk.stages.{name}"),
            "--threads": "1",
            "--log": self.folder / "logs" / f"{name}.log",
            "--receipt": folder / f"{shard or 'receipt'}.json",
            **({"--shard": shard} if shard else {}),
        }
        arguments = [str(part) for option in given.items() for part in option]
        around = {
            "CUEWALK_COMPUTE": json.dumps(config["compute"]),
            "CUEWALK_ROOT": str(inputs.get("root", self.photographs)),
            "CUEWALK_DATASET": json.dumps({**config["dataset"], "shards": config["shards"]}),
        }
        for key, path in inputs.items():
            arguments += ["--input", key, str(path)]
        for file in outputs:
            own = {"dataset": "index", "truth": "truth"}.get(name, file.split(".")[0])
            arguments += ["--output", own, str(folder / file)]
        module = f"cuewalk.stages.{name}"
        return _command("-m", module, *arguments, work=self.work, around=around)

    def temporary_files(self) -> list[Path]:
        """Half-written artefacts that a stage left behind."""
        return [path for path in self.work.rglob(".*.tmp") if ".snakemake" not in path.parts]


def products(folder: Path) -> dict[str, str]:
    """Receipt -> digest of the values that it claims, but for what tells how fast."""
    timed = {"faithfulness", "cue_segmentation", "report"}
    paths = set(folder.rglob("*.json")) - set(folder.glob("logs/**/*"))
    receipts = {str(path.relative_to(folder)): read_receipt(path) for path in paths}
    return {name: r["product"] for name, r in receipts.items() if r["stage"] not in timed}


def _command(
    *arguments: str, work: Path, around: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=work,
        env={**ENVIRONMENT, **(around or {})},
        capture_output=True,
        text=True,
        check=False,
    )
