"""Printing that a vanished reader can't turn into a wrong exit code.

`acked run … | head` closes our standard output early. The verdict must still be told by the exit code, and
the usual end of such a program, status 1, would read as "violated" here.
"""

import os
import sys

import click


def say(text: str | bytes) -> None:
    """Print a line on standard output; if nobody reads it any more, it and all that follows is dropped."""
    try:
        click.echo(text)
    except BrokenPipeError:
        drop()


def drop() -> None:
    """Send standard output to nowhere from now on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
