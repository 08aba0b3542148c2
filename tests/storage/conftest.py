"""The runs of the workflow's tests, for this folder too."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "workflow")]
