"""The command line, `acked`: which commands and options there are, and how a process tells its caller.

Only the modules called `harness.cli*` print. With `--json`, standard output carries one JSON object and
nothing else. What a command does is in a module of its own, imported when the command is called, so that
`acked --help` answers at once.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from harness.errors import AckedError, UsageError
from harness.verdict import ExitCode

_RESULTS = click.option(
    "--results",
    "results_dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Keep run folders here.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="acked", message="%(prog)s %(version)s")
def cli() -> None:
    """Tell whether every write that a replicated system acknowledged was still there after the crash.

    Exit codes: 0 holds, 1 violated, 2 inconclusive, 3 harness error, 64 usage, 130 interrupted.
    """


@cli.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a field: settings.k=2")
@click.option("--machines", metavar="KIND", help="Run on these machines instead: local, …")
@click.option("--system", metavar="NAME", help="Test this system instead: a name, or ./mine.py:MySystem")
@click.option("--seed", type=click.IntRange(min=0), help="Use this seed instead.")
@_RESULTS
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep this run exactly here, in an empty folder, instead of below --results.",
)
@_JSON
def run(
    *,
    scenario: Path,
    changes: tuple[str, ...],
    machines: str | None,
    system: str | None,
    seed: int | None,
    results_dir: Path,
    folder: Path | None,
    as_json: bool,
) -> int:
    """Run one scenario and judge it."""
    from harness import cli_run, overrides

    wanted = [overrides.of_set(change) for change in changes]
    for option, value in (("machines", machines), ("system", system), ("seed", seed)):
        if value is not None:
            wanted.append(overrides.of_option(f"--{option}", option, value))
    return cli_run.run(scenario, wanted, results_dir=results_dir, folder=folder, as_json=as_json)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with what the process has to tell."""
    args = list(sys.argv[1:] if argv is None else argv)
    code = _guarded(args)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone; the exit code still tells the verdict.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _guarded(args: list[str]) -> int:
    """Run a command; whatever goes wrong becomes a message and an exit code."""
    try:
        result = cli.main(args, prog_name="acked", standalone_mode=False)
        return int(result or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return ExitCode.USAGE
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("acked: interrupted", err=True)
        return ExitCode.INTERRUPTED
    except AckedError as error:
        return _told(error, as_json="--json" in args)
    except BrokenPipeError:
        return ExitCode.ERROR
    except Exception:
        traceback.print_exc()
        click.echo("acked: this is a defect of the harness, please report it with the lines above", err=True)
        return ExitCode.ERROR


def _told(error: AckedError, *, as_json: bool) -> int:
    """Say what the reader must do next; a script that asked for JSON gets an object all the same."""
    code = ExitCode.USAGE if isinstance(error, UsageError) else ExitCode.ERROR
    for line in str(error).splitlines():
        click.echo(f"acked: {line}", err=True)
    if as_json:
        import json

        click.echo(json.dumps({"verdict": "error", "error": str(error), "exit_code": int(code)}))
    return code
