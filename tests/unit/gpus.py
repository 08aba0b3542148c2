"""GPUs that only the driver's own program knows of."""

from pathlib import Path


def pretend_gpus(folder: Path, *names: str) -> Path:
    """A folder, for PATH, with an `nvidia-smi` that names these GPUs."""
    program = folder / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n" + "".join(f"echo {name}\n" for name in names))
    program.chmod(0o755)
    return program.parent
