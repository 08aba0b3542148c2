"""Tables of figures, as CSV."""

from pathlib import Path

import pandas as pd

from cuewalk.artifacts.atomic import atomic_file


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a CSV with four decimals, whole or not at all."""
    with atomic_file(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.4f")


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV; only an empty field is missing, for a class may well be called NA."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])
