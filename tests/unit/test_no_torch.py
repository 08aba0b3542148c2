"""The CRF, label and metric code runs in jobs that have no need of torch, so it never loads it."""

import subprocess
import sys
from pathlib import Path

MODULES = [
    "cuewalk.resize",
    "cuewalk.cues",
    "cuewalk.crf",
    "cuewalk.labels",
    "cuewalk.evaluate.confusion",
    "cuewalk.evaluate.background",
    "cuewalk.evaluate.curves",
    "cuewalk.evaluate.explanation",
    "cuewalk.evaluate.segmentation",
]


def imports_torch(modules: list[str], folder: Path) -> bool:
    code = f"import sys, {', '.join(modules)}; print('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return ran.stdout.strip() == "True"


def test_modules_do_not_import_torch(tmp_path: Path) -> None:
    assert not imports_torch(MODULES, tmp_path)


def test_the_check_would_notice(tmp_path: Path) -> None:
    (tmp_path / "torch.py").touch()  # stands in for the real one, which takes seconds to load
    (tmp_path / "user.py").write_text("import torch")
    assert imports_torch(["user"], tmp_path)
