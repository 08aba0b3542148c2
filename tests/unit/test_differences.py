"""The report's list of differences between paper and code is that of docs/method.md."""

import re
from importlib.resources import files
from pathlib import Path

import yaml

METHOD = Path(__file__).parents[2] / "docs" / "method.md"
COLUMNS = ("place", "paper", "code", "cuewalk")


def test_report_and_page_tell_the_same():
    text = METHOD.read_text()
    tables = re.findall(r"\| place \| paper \| code \| cuewalk \|\n\|[-|]+\|\n((?:\|.*\n)+)", text)
    rows = [row.strip("| ").split(" | ") for table in tables for row in table.splitlines()]
    told = [
        dict(zip(COLUMNS, (re.sub("[`*]", "", c).strip() for c in row), strict=True))
        for row in rows
    ]
    listed = yaml.safe_load(files("cuewalk.report").joinpath("differences.yaml").read_text())
    assert len(told) > 20
    assert listed == told
