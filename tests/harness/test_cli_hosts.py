"""The options that name hosts: mistakes are told before anything is made, and no password is kept."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness import cli, cli_hosts

SCENARIO = "name: x\nmode: sync\nnodes: 3\n"


def told(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """Run a command line that is a mistake, and return the line that says so."""
    assert cli.main(list(args)) == 64
    return capsys.readouterr().err


@pytest.fixture(autouse=True)
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("ACKED_SSH_PASSWORD", "ACKED_SUDO_PASSWORD"):
        monkeypatch.setenv(variable, "")  # so that whatever a test sets is gone when it ends
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(SCENARIO)


@pytest.mark.parametrize(
    "args,line",
    [
        (["run", "x.yaml", "--machines", "ssh"], "machines: ssh run on hosts; say which"),
        (["run", "x.yaml", "--node", "a", "--node", "b"], "x has 3 nodes, and 2 hosts are named"),
        (["run", "x.yaml", "--node", "a@b@c"], "--node a@b@c: expected user@host:port"),
        (["run", "x.yaml", "--node", "a", "--nodes-file", "n"], "by --nodes-file or by --node, not by both"),
        (["run", "x.yaml", "--nodes-file", "gone.yaml"], "gone.yaml: can't be read: No such file"),
        (["run", "x.yaml", "--accept-new-host-keys"], "no hosts are named: say which"),
        (
            ["run", "x.yaml", "--machines", "local", "--node", "a"],
            "machines: local don't run on hosts",
        ),
        (
            ["verify", "--node", "a", "--node", "b", "--node", "c", "--jobs", "2"],
            "there is one run at a time",
        ),
        (["verify", "--node", "a"], "nodes, and 1 hosts are named"),
        (["verify", "--machines", "ssh"], "machines: ssh run on hosts; say which"),
        (
            ["verify", "x.yaml", "--machines", "sim", "--machines", "ssh"],
            "machines: ssh run on hosts; say which",
        ),
        (["verify", "x.yaml", "--machines", "sim", "--node", "a"], "machines: sim don't run on hosts"),
        (["cluster", "clean"], "no hosts are named: say which"),
        (["cluster", "clean", "--machines", "local", "--node", "a"], "leave nothing on hosts"),
    ],
)
def test_mistakes(capsys: pytest.CaptureFixture[str], args: list[str], line: str) -> None:
    assert line in told(capsys, *args)
    assert not Path("runs").exists()


def test_a_password_that_is_asked_for_goes_to_the_environment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACKED_SUDO_PASSWORD", raising=False)
    monkeypatch.setenv("ACKED_SSH_PASSWORD", "former")
    named: list[cli_hosts.HostOptions | None] = []
    seen: list[str] = []

    @cli_hosts.click.command()
    @cli_hosts.options
    def command(**given: object) -> None:
        import os

        named.append(cli_hosts.read(dict(given)))
        seen.append(os.environ["ACKED_SUDO_PASSWORD"])

    done = CliRunner().invoke(command, ["--node", "a", "--ask-sudo-password"], input="hush\n")
    assert done.exit_code == 0, done.output
    assert "hush" not in done.output
    (options,) = named
    assert seen == ["hush"]
    assert options is not None
    assert options.arguments == ("--node", "a")
    assert "hush" not in json.dumps(repr(options))


def test_cells_get_the_same_hosts(tmp_path: Path) -> None:
    Path("nodes.yaml").write_text("hosts: [a]\n")
    given = {"nodes_file": Path("nodes.yaml"), "nodes_on": (), "accept_new_host_keys": True}
    options = cli_hosts.read({**given, "ask_password": False, "ask_sudo_password": False})
    assert options is not None
    assert options.hosts.accept_new
    assert options.arguments == ("--nodes-file", str(tmp_path / "nodes.yaml"), "--accept-new-host-keys")
