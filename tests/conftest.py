"""Where every test has what it needs, none may be skipped: CUEWALK_NO_SKIPS=1 makes that a failure.

A skip is for a machine without Slurm, Chromium, root or the photographs. In CI it would hide that a
test no longer runs.
"""

import os

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and "CUEWALK_NO_SKIPS" in os.environ:
        report.outcome = "failed"
        report.longrepr = (
            f"{item.nodeid} was skipped, which CUEWALK_NO_SKIPS forbids: {report.longrepr}"
        )
    return report
