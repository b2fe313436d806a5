"""Printing that a vanished reader can't turn into a wrong exit code.

`acked run … | head` closes our standard output early. The verdict must still be told by the exit code, and
the usual end of such a program, status 1, would read as "violated" here.
"""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import click

from harness.errors import AckedError
from harness.verdict import Verdict, merge


def say(text: str | bytes) -> None:
    """Print a line on standard output; if nobody reads it any more, it and all that follows is dropped."""
    try:
        click.echo(text)
    except BrokenPipeError:
        drop()


def written(write: Callable[[], Path]) -> Path | None:
    """Write a report and return its path; a failure is told and costs no verdict: None then."""
    try:
        return write()
    except AckedError as error:
        click.echo(f"acked: no report: {error}", err=True)
    except Exception:
        click.echo(f"{traceback.format_exc()}acked: no report, by a defect of the harness", err=True)
    return None


def told(verdict: Verdict, report: Path | None) -> Verdict:
    """Return the verdict to tell: without its report a pass is an error, and a violation still one."""
    return verdict if report else merge((verdict, Verdict.ERROR))


def drop() -> None:
    """Send standard output to nowhere from now on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
