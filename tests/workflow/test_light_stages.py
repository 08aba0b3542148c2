"""Stages without a network start in a second: they never load torch, which takes many."""

import subprocess
import sys
from pathlib import Path

from runs import ENVIRONMENT, ROOT

EXPLAINING = {"predictions", "explanations", "perturbation"}
HEAVY = {"classifier", "cues", "affinitynet", "walk"} | EXPLAINING
STAGES = {
    path.stem
    for path in (ROOT / "src" / "cuewalk" / "stages").glob("*.py")
    if "\n    main(" in path.read_text()
}


def first_with_torch(modules: list[str], folder: Path) -> str:
    """The first module whose import, after that of those before it, loads torch; "" if none."""
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    if 'torch' in sys.modules: sys.exit(print(name))\n"
    )
    command = [sys.executable, "-c", code, *modules]
    ran = subprocess.run(
        command, env=ENVIRONMENT, cwd=folder, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


def test_stages_without_a_network_do_not_load_torch(tmp_path):
    light = STAGES - HEAVY
    assert light >= {"crf", "labels", "metrics", "confusion_crf", "masks"}
    assert not first_with_torch([f"cuewalk.stages.{stage}" for stage in sorted(light)], tmp_path)


def test_the_check_would_notice(tmp_path):
    (tmp_path / "torch.py").touch()  # stands in for the real one, which takes seconds to load
    (tmp_path / "user.py").write_text("import torch")
    assert first_with_torch(["json", "user"], tmp_path) == "user"
    assert STAGES > HEAVY
