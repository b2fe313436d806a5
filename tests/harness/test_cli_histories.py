import json
from pathlib import Path

import pytest

from harness import cli

LOST = """\
{:type :invoke, :f :add, :value 0, :process 0, :time 10, :index 0}
{:type :ok, :f :add, :value 0, :process 0, :time 20, :index 1}
{:type :invoke, :f :read, :value nil, :process 0, :time 50, :index 4}
{:type :ok, :f :read, :value [], :process 0, :time 60, :index 5}
"""


@pytest.fixture
def acked(tmp_path, monkeypatch, capsys):
    """Call the command line in a folder of its own; return exit code, output and complaints."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        code = cli.main(args)
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_a_history_is_judged(acked, tmp_path):
    (tmp_path / "history.edn").write_text(LOST)
    for name in ("history.edn", "."):
        code, out, err = acked("check", name, "--out", "kept")
        assert (code, err) == (1, "")
        assert out.splitlines()[0].startswith("history.edn: VIOLATED (2 operations, format edn, read in ")
        assert "  chosen by the operations: set-full" in out
        assert "  violated: 1 element lost" in out
        assert "  certificate: kept/certificate-set-full.json" in out
    kept = json.loads((tmp_path / "kept" / "certificate-set-full.json").read_text())
    assert kept["history"] == "history.edn"
    assert kept["certificate"]["lost"] == [{"element": 0, "add": 0, "missing_in": 1}]
    assert json.loads((tmp_path / "kept" / "checks.json").read_text())[0]["checker"] == "set-full"


def test_scripts_get_an_object(acked, tmp_path):
    (tmp_path / "h").write_text(LOST)
    code, out, _ = acked("check", "h", "--json")
    told = json.loads(out)
    assert (code, told["verdict"], told["anomalies"], told["operations"]) == (1, "violated", ["lost"], 2)
    assert (told["format"], told["chosen"], told["notes"]) == ("edn", ["set-full"], [])
    assert told["seconds"] >= 0
    checks = {check["checker"]: check for check in told["checks"]}
    assert checks["set-full"]["figures"]["lost"] == 1
    assert checks["set-full"]["findings"][0]["title"] == "1 element lost"
    assert checks["statistics"]["verdict"] == "holds"


@pytest.mark.parametrize(
    "text,args,code,complaint",
    [
        ("hello", (), 64, "h:1: no history that can be read; expected one of: our own JSON lines"),
        (LOST, ("--checker", "bnk"), 64, "no checker of histories is called 'bnk'"),
        (LOST, ("--set", "bank.total"), 64, "--set bank.total: expected key=value"),
        (LOST, ("--set", "total=3"), 64, "--set total=3: expected CHECKER.OPTION=VALUE"),
        (LOST, ("--format", "json"), 64, "h:1: damaged: "),
        (LOST.replace(":time 50", ":time 5o"), (), 3, "h:3: damaged: 5o is no number"),
        ("", (), 64, "h:1: no history"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(acked, text, args, code, complaint):
    Path("h").write_text(text)
    found, out, err = acked("check", "h", *args)
    assert (found, out) == (code, "")
    assert err.startswith(f"acked: {complaint}")
    assert err.count("\n") == 1


def test_a_named_checker_judges_what_it_can(acked, tmp_path):
    (tmp_path / "h").write_text(LOST)
    code, out, _ = acked("check", "h", "--checker", "unique-ids", "--json")
    assert (code, json.loads(out)["chosen"]) == (2, [])
    assert acked("check", "h", "--checker", "availability", "--set", "availability.at_least=0.5")[0] == 0


def test_options_of_histories_are_not_for_runs(acked, tmp_path):
    (tmp_path / "scenario.json").write_text("{}")
    code, _, err = acked("check", ".", "--checker", "bank")
    assert (code, err) == (
        64,
        "acked: .: a run is judged by its own checkers; --checker is for a history: name its history.jsonl\n",
    )


@pytest.mark.parametrize("target", ["edn", "json", "jsonl", "parquet"])
def test_histories_are_made_judged_and_exported(acked, tmp_path, target):
    code, out, err = acked(
        "generate", "set-full", "--operations", "300", "--out", f"made.{target}", "--seed", "4"
    )
    assert (code, out, err) == (0, f"made.{target}: 300 operations of set-full, seed 4\n", "")
    assert acked("check", f"made.{target}")[0] == 0
    code, out, _ = acked("export", f"made.{target}", "--to", "edn", "--out", "again.edn", "--json")
    assert (code, json.loads(out)["operations"]) == (0, 300)
    assert acked("check", "again.edn")[0] == 0
    acked("generate", "set-full", "--out", f"bad.{target}", "--anomaly", "lost", "--unknown", "0.1")
    assert acked("check", f"bad.{target}")[0] == 1


def test_an_export_replaces_nothing_by_itself(acked, tmp_path):
    (tmp_path / "h.edn").write_text(LOST)
    code, _, err = acked("export", "h.edn", "--to", "edn")
    assert (code, err) == (64, "acked: h.edn: is there already; name another file with --out\n")
    code, _, err = acked("export", "h.edn", "--to", "edn", "--out", "./h.edn")
    assert (code, err) == (64, "acked: h.edn: is the history itself; name another file with --out\n")
    assert (tmp_path / "h.edn").read_text() == LOST
    assert acked("export", "h.edn", "--to", "json")[1] == "h.json: 2 operations, as json\n"


def test_a_runs_history_is_exported_from_its_folder(acked, tmp_path):
    acked("generate", "counter", "--out", "history.jsonl")
    assert acked("export", ".", "--to", "json")[0] == 0
    assert Path("history.json").exists()


def test_mistakes_of_generate_are_told(acked):
    code, _, err = acked("generate", "bank", "--out", "h.txt")
    assert (code, err) == (
        64, "acked: h.txt: the name tells no format; name one with --to: edn, json, jsonl, parquet\n"
    )  # fmt: skip
    code, _, err = acked("generate", "bank", "--out", "h.edn", "--anomaly", "lost")
    assert (code, err) == (
        64, "acked: --anomaly lost: bank does not have it; allowed: wrong-total, negative-balance\n"
    )  # fmt: skip


def test_logs_are_searched_beside_a_history(acked):
    acked("generate", "counter", "--out", "h.edn")
    code, _, err = acked("check", "h.edn", "--log-pattern", "panic")
    assert (code, err) == (64, "acked: logs: no such folder; name that of the logs with --logs\n")
    Path("logs").mkdir()
    Path("logs/n1.log").write_text("panic: oh\n")
    code, out, _ = acked("check", "h.edn", "--log-pattern", "panic", "--json")
    assert (code, json.loads(out)["anomalies"]) == (1, ["log-pattern"])
    assert acked("check", "h.edn", "--log-pattern", "fatal", "--logs", "logs")[0] == 0
