"""What a command does at its end: keep what was found, and tell it also when it can't be kept."""

import traceback
from collections.abc import Callable
from pathlib import Path

import click

from harness import results
from harness.errors import AckedError, PluginError
from harness.results import ERROR_FILE
from harness.verdict import Verdict, merge


def kept(what: str, keep: Callable[[], object]) -> str | None:
    """Keep something, like a report; return None, or the complaint, which has been told, when that fails."""
    try:
        keep()
    except AckedError as error:
        complaint = f"no {what}: {error}"
    except Exception as error:
        click.echo(traceback.format_exc(), err=True, nl=False)
        complaint = f"no {what}, by a defect of the harness: {type(error).__name__}: {error}"
    else:
        return None
    click.echo(f"acked: {complaint}", err=True)
    return complaint


def with_traceback(error: PluginError, folder: Path) -> PluginError:
    """Keep the traceback of the plug-in's own error in a folder; return the error that says where."""
    file = folder / ERROR_FILE
    results.write(file, "".join(traceback.format_exception(error.__cause__)).encode())
    return PluginError(f"{error}; the traceback is in {file}")


def told(verdict: Verdict, complaint: str | None) -> Verdict:
    """Return the verdict to tell: where something could not be kept a pass is an error, a violation still one."""
    return merge((verdict, Verdict.ERROR)) if complaint else verdict
