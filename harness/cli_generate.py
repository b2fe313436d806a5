"""`acked generate`: a history from a seed, in a file."""

import time
from pathlib import Path

import click
import msgspec

from harness.exporting.write import export
from harness.generate.catalogue import Wanted, generate
from harness.verdict import ExitCode
from harness.words import plural


def run(wanted: Wanted, out: Path, target: str, *, as_json: bool) -> int:
    """Make the history and write it."""
    began = time.monotonic()
    table = generate(wanted)
    made = time.monotonic()
    export(table, out, target)
    ended = time.monotonic()
    told = {
        "file": str(out),
        "format": target,
        "operations": len(table),
        "seconds": round(made - began, 3),
        "writing_seconds": round(ended - made, 3),
    }
    if as_json:
        click.echo(msgspec.json.encode(told))
    else:
        click.echo(f"{out}: {plural(len(table), 'operation')} of {wanted.workload}, seed {wanted.seed}")
    return ExitCode.HOLDS
