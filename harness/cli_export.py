"""`acked export`: a history in a format that others read."""

import time
from pathlib import Path

import click
import msgspec

from harness.errors import UsageError
from harness.exporting.write import export
from harness.reading.read import read
from harness.verdict import ExitCode
from harness.words import plural

SUFFIXES = {"edn": ".edn", "json": ".json", "jsonl": ".jsonl", "parquet": ".parquet"}


def run(
    file: Path, target: str, out: Path | None, *, format_name: str | None, jobs: int, as_json: bool
) -> int:
    """Write the history in `file` as `target`, beside it unless `out` says where."""
    place = out or file.with_suffix(SUFFIXES[target])
    if place.exists() and out is None:
        raise UsageError(f"{place}: is there already; name another file with --out")
    if place.exists() and place.samefile(file):
        raise UsageError(f"{place}: is the history itself; name another file with --out")
    began = time.monotonic()
    reading = read(file, format_name=format_name, jobs=jobs)
    export(reading.table, place, target)
    told = {
        "file": str(place),
        "format": target,
        "operations": len(reading.table),
        "seconds": round(time.monotonic() - began, 3),
        "notes": reading.notes,
    }
    if as_json:
        click.echo(msgspec.json.encode(told))
    else:
        click.echo(f"{place}: {plural(len(reading.table), 'operation')}, as {target}")
        for note in reading.notes:
            click.echo(f"  note: {note}")
    return ExitCode.HOLDS
