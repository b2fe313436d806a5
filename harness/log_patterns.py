"""Lines of a system's logs that must not be there: a pattern that is found is a finding, whatever clients saw.

A panic, a checksum that does not match or a failed assertion is told in a log and perhaps nowhere else. What must
not be said depends on the system, so patterns are given by whoever knows it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from harness.checker import CheckResult, Finding
from harness.errors import DamagedError, UsageError
from harness.verdict import Verdict
from harness.words import plural

NAME = "log-patterns"

EXAMPLES = 5
"""How many lines are shown of each pattern."""

_LONGEST = 300


def search(logs: Mapping[str, Iterable[str]], patterns: Sequence[re.Pattern[str]]) -> CheckResult:
    """Search logs, by name, line by line. Without a line there is nothing to judge: that is inconclusive."""
    counts = {pattern.pattern: 0 for pattern in patterns}
    examples: dict[str, list[str]] = {pattern.pattern: [] for pattern in patterns}
    lines = 0
    for name, log in logs.items():
        for number, line in enumerate(log, start=1):
            lines += 1
            for pattern in patterns:
                if pattern.search(line):
                    counts[pattern.pattern] += 1
                    if len(examples[pattern.pattern]) < EXAMPLES:
                        examples[pattern.pattern].append(f"{name}:{number}: {line.rstrip()[:_LONGEST]}")
    findings = [
        Finding(
            verdict=Verdict.VIOLATED,
            title=f"{plural(count, 'line')} of logs with {pattern}",
            lines=tuple(examples[pattern]),
        )
        for pattern, count in counts.items()
        if count
    ]
    if not lines:
        findings.append(Finding(verdict=Verdict.INCONCLUSIVE, title="there is no log to search"))
    found = sum(counts.values())
    return CheckResult(
        checker=NAME,
        verdict=findings[0].verdict if findings else Verdict.HOLDS,
        summary=f"{plural(lines, 'line')} of {plural(len(logs), 'log')}: {found} found",
        findings=tuple(findings),
        figures={"lines": lines, "found": counts},
        anomalies=("log-pattern",) if found else (),
    )


def compiled(patterns: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    """Return regular expressions; raises UsageError for what is none."""
    found = []
    for pattern in patterns:
        try:
            found.append(re.compile(pattern))
        except re.error as error:
            raise UsageError(f"--log-pattern {pattern}: no regular expression: {error}") from error
    return tuple(found)


def logs_in(folder: Path) -> Mapping[str, Iterable[str]]:
    """Return the lines of every file below a folder, by its path in it; read when they are asked for."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): _lines(path) for path in paths}


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", errors="backslashreplace") as file:
            yield from file
    except OSError as error:
        raise DamagedError(f"{path}: can't be read: {error.strerror or error}") from error
