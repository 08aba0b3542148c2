"""Where and with what an artefact was made: machine, device, commit, files that settings name."""

import os
import platform
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cuewalk.artifacts.code import ROOT
from cuewalk.artifacts.content import file_digests


def machine() -> dict[str, Any]:
    """Host, interpreter and largest memory of this process so far."""
    return {
        "host": platform.node(),
        "python": platform.python_version(),
        "peak_memory_mb": peak_memory_mb(),
    }


def peak_memory_mb() -> int:
    """Largest memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak / (1024 if sys.platform == "linux" else 1024 * 1024))


def device(wanted: str) -> str:
    """What the arithmetic ran on: the GPU's name, "mps", or "cpu".

    Args:
        wanted: `compute.device`: auto, cpu, cuda or mps. Counts only where torch was loaded, which
            this function does not do.
    """
    torch = sys.modules.get("torch")
    if torch is None or wanted == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return "mps" if wanted == "mps" else "cpu"


@cache
def commit() -> str | None:
    """Git commit of the running code, with "-dirty" where files differ from it.

    Returns:
        None where there is no git, no repository, or where the code is not one of its files.
    """
    # A package in an environment within somebody's repository is no part of that repository.
    if _git("ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    return _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def named_files(cfg: Any) -> dict[str, str]:
    """Digests of the files that settings name, as weights to start from: path -> SHA-256.

    The workflow compares settings by their text, so another file under the same name would pass
    unnoticed. What names no file here is left out.
    """
    return {
        text: file_digests(Path(text))["."]
        for text in sorted(set(_texts(cfg)))
        if Path(text).suffix and Path(text).is_file()
    }


def _git(*arguments: str) -> str | None:
    # A hook's variables would point git at the repository that the hook runs in.
    around = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-C", str(ROOT), *arguments]
    try:
        ran = subprocess.run(
            command, env=around, capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return None
    return ran.stdout.strip()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
