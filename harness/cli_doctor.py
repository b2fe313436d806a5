"""`acked doctor`: what this host can do, in lines for people or as one JSON object."""

from pathlib import Path

import click
import msgspec

from harness import doctor
from harness.verdict import ExitCode
from nodes.local.host import Check


def run(*, as_json: bool) -> int:
    """Print what was found; returns 0 if `acked verify` can run here, else 2."""
    checks = []
    for check in doctor.examine(Path("runs")):
        checks.append(check)
        if not as_json:
            _print(check)
    able = doctor.can_verify(checks)
    if as_json:
        told = [{**check._asdict(), "needed": check.what in doctor.NEEDED} for check in checks]
        click.echo(msgspec.json.encode({"verify": able, "checks": told}))
    else:
        click.echo(f"\n{_conclusion(checks, able=able)}")
    return ExitCode.HOLDS if able else ExitCode.INCONCLUSIVE


def _print(check: Check) -> None:
    style = "ok" if check.ok else "missing"
    colour = "blue" if check.ok else ("red" if check.what in doctor.NEEDED else "yellow")
    click.echo(f"{click.style(f'{style:<8}', fg=colour)} {check.what:<14} {check.detail}")


def _conclusion(checks: list[Check], *, able: bool) -> str:
    missing = [check.what for check in checks if not check.ok]
    if not able:
        needed = [what for what in missing if what in doctor.NEEDED]
        return f"acked verify can't run here: {', '.join(needed)} missing"
    without = f", without {', '.join(missing)}" if missing else ""
    return f"acked verify can run here{without}"
