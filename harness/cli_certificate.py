"""`acked verify-certificate`: what a checker claims, compared with the raw history by a program of its own."""

import json
from pathlib import Path

import click
import msgspec

from checkers.verifier import Conclusion, Refused, read_history, verify
from harness.errors import UsageError
from harness.verdict import ExitCode


def run(certificate: Path, history: Path, *, as_json: bool) -> int:
    """Check a certificate and return 0 if all is true, 1 if it is refused, 2 if a claim was too large to try."""
    try:
        claimed = json.loads(certificate.read_bytes())
    except OSError as error:
        raise UsageError(f"{certificate}: can't be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"{certificate}: no JSON: {error}") from error
    if not history.is_file():
        raise UsageError(f"{history}: there is no such history; others' are exported first: --to jsonl")
    refusal, found = "", Conclusion(true=())
    try:
        found = verify(claimed, read_history(history))
    except Refused as error:
        refusal = str(error)
    if as_json:
        told = {"accepted": not refusal, "refusal": refusal, "true": found.true, "unchecked": found.unchecked}
        click.echo(msgspec.json.encode(told))
    else:
        for line in found.true:
            click.echo(f"  true: {line}")
        for line in found.unchecked:
            click.echo(f"  not checked: {line}")
        click.echo(f"{certificate}: {f'REFUSED: {refusal}' if refusal else _accepted(found)}")
    if refusal:
        return ExitCode.VIOLATED
    return ExitCode.INCONCLUSIVE if found.unchecked else ExitCode.HOLDS


def _accepted(found: Conclusion) -> str:
    if found.unchecked:
        return "accepted as far as it could be checked"
    return "ACCEPTED"
