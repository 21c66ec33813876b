"""What holds for every test: in CI a skipped one is a failure, and Ctrl-C can be acted out."""

import os
import signal
from collections.abc import Generator

import pytest

# A shell starts what is in the background with SIGINT ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

Reports = Generator[None, pytest.TestReport, pytest.TestReport]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Reports:
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI must not do: {report.longrepr}"
    return report
