"""Where the environment forbids skips, none of any kind goes by unseen."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SKIPS = {
    "call": "import pytest\ndef test_a():\n    pytest.skip('x')\n",
    "mark": "import pytest\n@pytest.mark.skipif(True, reason='x')\ndef test_a(): pass\n",
    "fixture": ("import pytest\n@pytest.fixture\ndef f(): pytest.skip('x')\ndef test_a(f): pass\n"),
    "module": "import pytest\npytest.importorskip('no_such_module')\ndef test_a(): pass\n",
}


@pytest.mark.parametrize("options", [[], ["-n", "1"]], ids=["alone", "distributed"])
@pytest.mark.parametrize("kind", SKIPS)
def test_a_skip_fails_where_it_is_forbidden(tmp_path: Path, kind: str, options: list[str]) -> None:
    shutil.copy(Path(__file__).parents[1] / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(SKIPS[kind])
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    around = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "CUEWALK_NO"))}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    codes = [
        subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, check=False).returncode
        for env in (around, {**around, "CUEWALK_NO_SKIPS": "1"})
    ]
    # pytest calls it 5 where all of a module's tests are gone with it.
    assert codes[0] in (0, 5)
    assert codes[1] in (1, 2)
