"""The guard against skips that nobody notices."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).with_name("conftest.py").read_text()

TESTS = """
import pytest

def test_runs():
    pass

@pytest.mark.skip(reason="no such program")
def test_skipped():
    pass

@pytest.mark.xfail(reason="known")
def test_expected_to_fail():
    assert False
"""


@pytest.mark.parametrize(
    "options,expected,code",
    [
        ([], "{}", 0),
        (["--no-unexpected-skips"], "{}", 1),
        (["--no-unexpected-skips"], "{'test_it.py::test_skipped': 'why'}", 0),
    ],
)
def test_an_unexpected_skip_fails_the_session(
    pytester: pytest.Pytester, options: list[str], expected: str, code: int
) -> None:
    pytester.makeconftest(f"{CONFTEST}\nEXPECTED_SKIPS.clear()\nEXPECTED_SKIPS.update({expected})\n")
    pytester.makepyfile(test_it=TESTS)
    done = pytester.runpytest_subprocess(*options)
    assert done.ret == code
    told = [line for line in done.outlines if line.startswith("UNEXPECTED SKIP")]
    assert told == (["UNEXPECTED SKIP test_it.py::test_skipped: Skipped: no such program"] if code else [])
