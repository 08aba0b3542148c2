"""Where every test has what it needs, none may be skipped: CUEWALK_NO_SKIPS=1 makes that a failure.

A skip is for a machine without Slurm, Chromium, root or the photographs. In CI it would hide that a
test no longer runs.
"""

import os

import pytest


def forbidden(report):
    """The report as it is, but failed if it tells of a skip that the environment forbids."""
    if report.skipped and not hasattr(report, "wasxfail") and "CUEWALK_NO_SKIPS" in os.environ:
        report.outcome = "failed"
        report.longrepr = (
            f"{report.nodeid} was skipped, which CUEWALK_NO_SKIPS forbids: {report.longrepr}"
        )
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return forbidden((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return forbidden((yield))  # of a module that skips itself, as `importorskip` makes it
