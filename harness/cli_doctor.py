"""`acked doctor`: what this host can do, in lines for people or as one JSON object."""

from pathlib import Path

import click
import msgspec

from harness import doctor
from harness.cli_output import say
from harness.doctor import Finding
from harness.verdict import ExitCode


def run(*, as_json: bool) -> int:
    """Print what was found; returns 0 if `acked verify` can run here, else 2."""
    findings = []
    for finding in doctor.examine(Path("runs")):
        findings.append(finding)
        if not as_json:
            _print(finding)
    able = doctor.can_verify(findings)
    if as_json:
        say(msgspec.json.encode({"verify": able, "checks": findings}))
    else:
        say(f"\n{_conclusion(findings, able=able)}")
    return ExitCode.HOLDS if able else ExitCode.INCONCLUSIVE


def _print(finding: Finding) -> None:
    style = "ok" if finding.ok else "missing"
    colour = "blue" if finding.ok else ("red" if finding.needed else "yellow")
    say(f"{click.style(f'{style:<8}', fg=colour)} {finding.what:<14} {finding.detail}")


def _conclusion(findings: list[Finding], *, able: bool) -> str:
    missing = [finding.what for finding in findings if not finding.ok]
    if not able:
        needed = [finding.what for finding in findings if finding.needed and not finding.ok]
        return f"acked verify can't run here: {', '.join(needed)} missing"
    without = f", without {', '.join(missing)}" if missing else ""
    return f"acked verify can run here{without}"
