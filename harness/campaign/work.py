"""What a search lets its workers do: calls that can be sent to another process or another host.

Nothing comes back but values: no file that a worker writes need be seen by whoever asked.
"""

import contextlib
import faulthandler
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from harness import sequence_text
from harness.campaign.one import Outcome, Try, attempt
from harness.campaign.shrink import Shrunk, shrink

TRY_S = 120.0
"""How long a try may take, on a busy machine too; it takes well under a second."""

EXAMINE_S = 1800.0
"""How long shrinking may take."""

TRIES = 400
"""How many smaller scenarios shrinking may try."""

Files = Mapping[str, bytes]
"""The files of a folder, by their paths in it."""


class Examined(Struct, frozen=True, kw_only=True):
    """A violation looked into: the shortest story, as a chart too, and what its run and the first one recorded."""

    shrunk: Shrunk
    chart: str
    run: Files
    first_run: Files


def tried(wanted: Try) -> Outcome:
    """Make a try."""
    with deadline(TRY_S):
        return attempt(wanted)


def examined(outcome: Outcome) -> Examined:
    """Shrink a violated outcome and keep what its runs recorded."""
    with deadline(EXAMINE_S), tempfile.TemporaryDirectory(prefix="acked-") as scratch:
        shrunk = shrink(outcome, tries=TRIES)
        first = _run(Try(seed=outcome.seed, scenario=outcome.scenario), Path(scratch, "first"))
        run = _run(Try(seed=outcome.seed, scenario=shrunk.scenario), Path(scratch, "shrunk"))
        return Examined(
            shrunk=shrunk, chart=sequence_text.chart(run), run=_files(run), first_run=_files(first)
        )


def _run(wanted: Try, keep: Path) -> Path:
    attempt(wanted, keep=keep)
    return keep / f"seed-{wanted.seed}"


def _files(folder: Path) -> Files:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """End this process if its work takes longer: an endless loop would never give way to anything milder."""
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
