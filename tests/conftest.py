"""What all tests share: nothing may be skipped unnoticed where continuous integration asks for that."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

ACKED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("acked", ACKED)
settings.load_profile("acked")  # no test may fail because the machine is busy

# For `make mutation`: that a property fails is enough, no smaller example is looked for.
settings.register_profile("mutation", ACKED, phases=(Phase.explicit, Phase.generate), database=None)

EXPECTED_SKIPS: dict[str, str] = {
    "tests/nodes_vagrant/test_vagrantfile.py": "Vagrant is installed by make vm, not by make test",
    "tests/checkers/linearizability/test_compiled.py": "there is no compiler, and the search in Python is tested",
    "tests/checkers/linearizability/test_check.py::test_verdicts_of_others_histories": (
        "the histories with known verdicts are not part of the repository"
    ),
}
"""Tests that may be skipped even as root in continuous integration: the beginning of the id, and why."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-unexpected-skips",
        action="store_true",
        help="Fail when a test is skipped that tests/conftest.py does not list.",
    )


class UnexpectedSkips:
    """Collects skipped tests and turns a session with any that is not listed into a failure."""

    def __init__(self, expected: dict[str, str]) -> None:
        self._expected = expected
        self._skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in self._skipped:
            terminalreporter.write_line(f"UNEXPECTED SKIP {line}", red=True)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail") and not any(self._listed(report.nodeid)):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
            self._skipped.append(f"{report.nodeid}: {reason}")

    def _listed(self, nodeid: str) -> Iterator[bool]:
        return (nodeid.startswith(beginning) for beginning in self._expected)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--no-unexpected-skips"):
        config.pluginmanager.register(UnexpectedSkips(EXPECTED_SKIPS))
