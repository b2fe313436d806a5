import pytest

from harness.errors import UsageError
from harness.log_patterns import compiled, logs_in, search
from harness.verdict import Verdict


def test_what_must_not_be_said_is_found(tmp_path):
    (tmp_path / "n1").mkdir()
    (tmp_path / "n1" / "node.log").write_bytes(b"started\npanic: \xff oh\nchecksum 1\npanic: again\n")
    (tmp_path / "n2.log").write_text("checksum 2\n")
    result = search(logs_in(tmp_path), compiled(["^panic", "checksum [23]", "assert"]))
    assert (result.verdict, result.summary) == (Verdict.VIOLATED, "5 lines of 2 logs: 3 found")
    assert [(each.title, each.lines) for each in result.findings] == [
        ("2 lines of logs with ^panic", ("n1/node.log:2: panic: \\xff oh", "n1/node.log:4: panic: again")),
        ("1 line of logs with checksum [23]", ("n2.log:1: checksum 2",)),
    ]
    assert result.figures["found"] == {"^panic": 2, "checksum [23]": 1, "assert": 0}


def test_quiet_logs_hold():
    assert search({"n1": ["all is well"]}, compiled(["panic"])).verdict is Verdict.HOLDS


def test_nothing_to_search_proves_nothing(tmp_path):
    assert search(logs_in(tmp_path), compiled(["panic"])).verdict is Verdict.INCONCLUSIVE


def test_only_the_first_lines_are_shown():
    (found,) = search({"n1": ["panic\n"] * 100}, compiled(["panic"])).findings
    assert (found.title, len(found.lines)) == ("100 lines of logs with panic", 5)


def test_what_is_no_pattern_is_a_mistake():
    with pytest.raises(UsageError, match=r"--log-pattern \(: no regular expression"):
        compiled(["ok", "("])
