"""The command line, `acked`: which commands and options there are, and how a process tells its caller.

Only the modules called `harness.cli*` print. With `--json`, standard output carries one JSON object and
nothing else. What a command does is in a module of its own, imported when the command is called, so that
`acked --help` answers at once.
"""

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from harness import cli_campaigns, cli_cluster, cli_histories, cli_hosts
from harness.cli_numbers import Finite
from harness.errors import AckedError, UsageError
from harness.verdict import ExitCode, Verdict

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
@cli_hosts.options
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
    **on_hosts: Any,
) -> int:
    """Run one scenario and judge it."""
    from harness import cli_run, overrides

    named = cli_hosts.read(on_hosts)
    if named is not None and machines is None:
        machines = cli_hosts.KIND
    wanted = [overrides.of_set(change) for change in changes]
    for option, value in (("machines", machines), ("system", system), ("seed", seed)):
        if value is not None:
            wanted.append(overrides.of_option(f"--{option}", option, value))
    return cli_run.run(
        scenario,
        wanted,
        hosts=named.hosts if named else None,
        results_dir=results_dir,
        folder=folder,
        as_json=as_json,
    )


@cli.command()
@click.argument("files", nargs=-1, metavar="[SCENARIO]...", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--mode", "modes", multiple=True, metavar="MODE", help="Only this mode (repeatable).")
@click.option("--fault", "faults", multiple=True, metavar="FAULT", help="Only this fault (repeatable).")
@click.option("--case", "cases", multiple=True, metavar="NAME", help="Only this textbook case (repeatable).")
@click.option(
    "--machines",
    multiple=True,
    metavar="KIND",
    help="Kind of machines (repeatable: side by side). [default: local; ssh where hosts are named]",
)
@click.option("--system", default="reference", show_default=True, help="A name, or ./mine.py:MySystem")
@click.option("--nodes", type=click.IntRange(3, 99), default=3, show_default=True)
@click.option("--time-limit", type=Finite(min=1), default=4.0, show_default=True, metavar="S")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--jobs", type=click.IntRange(min=1), help="Cells at a time. [default: as many as CPUs]")
@click.option("--expect-no-loss", is_flag=True, help="Call a permitted loss a violation too.")
@click.option("--full", is_flag=True, help="Every shape and target instead of one drawn for each cell.")
@click.option("--allow-skipped", is_flag=True, help="Leave skipped cells out of the verdict.")
@cli_hosts.options
@_RESULTS
@_JSON
def verify(
    *,
    files: tuple[Path, ...],
    modes: tuple[str, ...],
    faults: tuple[str, ...],
    cases: tuple[str, ...],
    machines: tuple[str, ...],
    system: str,
    nodes: int,
    time_limit: float,
    seed: int,
    jobs: int | None,
    expect_no_loss: bool,
    full: bool,
    allow_skipped: bool,
    results_dir: Path,
    as_json: bool,
    **on_hosts: Any,
) -> int:
    """Run every mode against every fault, and the textbook cases; or your own scenarios, on several machines."""
    from harness import cli_verify

    named = cli_hosts.read(on_hosts)
    plan = cli_verify.plan(
        files=files,
        modes=modes,
        faults=faults,
        cases=cases,
        machines=machines or ("local" if named is None else cli_hosts.KIND,),
        system=system,
        nodes=nodes,
        time_limit_s=time_limit,
        seed=seed,
        full=full,
        expect_no_loss=expect_no_loss,
    )
    return cli_verify.run(
        plan,
        hosts=named,
        jobs=jobs,
        results_dir=results_dir,
        allow_skipped=allow_skipped,
        as_json=as_json,
    )


@cli.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@_JSON
def report(*, run_folder: Path, as_json: bool) -> int:
    """Write the reports of a run or of a verification again."""
    from harness import cli_run

    return cli_run.report_again(run_folder, as_json=as_json)


@cli.command()
@_JSON
def doctor(*, as_json: bool) -> int:
    """Say what this host can do, and what to install."""
    from harness import cli_doctor

    return cli_doctor.run(as_json=as_json)


@cli.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []}, add_help_option=False
)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def client(*, args: tuple[str, ...]) -> int:
    """Talk to a node of the reference store by hand: put, get, status."""
    from nodes.reference import commands

    return commands.main(args)


cli.add_command(cli_cluster.cluster)
for _command in (*cli_campaigns.COMMANDS, *cli_histories.COMMANDS):
    cli.add_command(_command)


def main(args: Sequence[str]) -> int:
    """Carry out a command line and return the exit code; whatever goes wrong becomes a message and a code."""
    try:
        return int(cli.main(list(args), prog_name="acked", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return _object(args, ExitCode.USAGE, "no command is named")
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        command = context.command_path if context else "acked"
        click.echo(f"{command}: {' '.join(error.format_message().split())}", err=True)
        return _object(args, ExitCode.USAGE, error.format_message())
    except (click.Abort, KeyboardInterrupt):
        return interrupted(args)
    except AckedError as error:
        for line in str(error).splitlines():
            click.echo(f"acked: {line}", err=True)
        return _object(args, ExitCode.USAGE if isinstance(error, UsageError) else ExitCode.ERROR, str(error))
    except Exception as error:
        traceback.print_exc()
        click.echo("acked: this is a defect of the harness, please report it with the lines above", err=True)
        return _object(args, ExitCode.ERROR, f"{type(error).__name__}: {error}")


def interrupted(args: Sequence[str]) -> int:
    """Say that the user interrupted what there was, before it came to a verdict."""
    click.echo("acked: interrupted", err=True)
    return _object(args, ExitCode.INTERRUPTED, "interrupted")


def _object(args: Sequence[str], code: ExitCode, error: str) -> int:
    """Print the object that a script asked for, which it gets whatever happens; return the code."""
    if "--json" in args and args[0] != "client":
        import json

        verdict = Verdict.INCONCLUSIVE if code is ExitCode.INTERRUPTED else Verdict.ERROR
        click.echo(json.dumps({"verdict": verdict, "error": error, "exit_code": int(code)}))
    return code
