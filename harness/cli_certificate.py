"""`acked verify-certificate`: what checkers claim, compared with the raw history by a program of its own."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Struct

from checkers.verifier import Conclusion, History, Refused, read_history, verify
from harness import certificates
from harness.errors import UsageError
from harness.verdict import ExitCode


class Told(Struct, frozen=True, kw_only=True):
    """What came of one certificate: why it is refused, or what of it is true."""

    file: Path
    refusal: str
    found: Conclusion


def run(certificate: Path, history: Path, *, as_json: bool) -> int:
    """Check a certificate, or all in a folder, and return the exit code.

    0 if all is true, 1 if one is refused, 2 if a claim was too large to try or there is no certificate.
    """
    files = certificates.in_folder(certificate) if certificate.is_dir() else (certificate,)
    claimed = {file: _read(file) for file in files}
    if not history.is_file():
        raise UsageError(f"{history}: there is no such history; others' are exported first: --to jsonl")
    told = _compared(claimed.items(), history)
    if as_json:
        click.echo(msgspec.json.encode(_view(told)))
    else:
        for line in _lines(told, certificate):
            click.echo(line)
    if any(each.refusal for each in told):
        return ExitCode.VIOLATED
    certain = told and not any(each.found.unchecked for each in told)
    return ExitCode.HOLDS if certain else ExitCode.INCONCLUSIVE


def _read(certificate: Path) -> Any:
    try:
        return json.loads(certificate.read_bytes())
    except OSError as error:
        raise UsageError(f"{certificate}: can't be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"{certificate}: no JSON: {error}") from error


def _compared(claimed: Iterable[tuple[Path, Any]], history: Path) -> list[Told]:
    try:
        recorded: History | None = read_history(history)
        damage = ""
    except Refused as error:
        recorded, damage = None, str(error)
    told = []
    for file, certificate in claimed:
        refusal, found = damage, Conclusion(true=())
        if recorded is not None:
            try:
                found = verify(certificate, recorded)
            except Refused as error:
                refusal = str(error)
        told.append(Told(file=file, refusal=refusal, found=found))
    return told


def _view(told: list[Told]) -> dict[str, Any]:
    """Return the one object: of several certificates what all came to."""
    several = len(told) > 1
    refusals = [
        f"{each.file.name}: {each.refusal}" if several else each.refusal for each in told if each.refusal
    ]
    return {
        "accepted": bool(told) and not refusals,
        "refusal": "; ".join(refusals),
        "true": [line for each in told for line in each.found.true],
        "unchecked": [line for each in told for line in each.found.unchecked],
    }


def _lines(told: list[Told], named: Path) -> Iterable[str]:
    if not told:
        yield f"{named}: no certificate is kept there: nothing was compared"
    for each in told:
        yield from (f"  true: {line}" for line in each.found.true)
        yield from (f"  not checked: {line}" for line in each.found.unchecked)
        yield f"{each.file}: {f'REFUSED: {each.refusal}' if each.refusal else _accepted(each.found)}"


def _accepted(found: Conclusion) -> str:
    if found.unchecked:
        return "accepted as far as it could be checked"
    return "ACCEPTED"
