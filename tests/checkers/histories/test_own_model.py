"""A model of a user's own, named on the command line."""

import json
import re
from pathlib import Path

import pytest
from history_files import op, write

from harness import cli

DOCS = Path(__file__).parents[3] / "docs" / "linearizability.md"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with the model of the documentation."""
    code = re.search(r"```python\n(class Ring:.*?)```", DOCS.read_text(), re.DOTALL)
    assert code is not None
    (tmp_path / "ring.py").write_text(code[1])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pushes(last):
    write(
        Path("h.jsonl"),
        op(0, "push", 1, at=0, until=1),
        op(1, "push", 2, at=0, until=1),
        op(2, "push", 3, at=0),
        op(3, "push", 9, at=2, until=3, outcome="fail"),
        op(4, "last", at=4, until=5, value=last),
    )


@pytest.mark.parametrize(
    "last,code",
    [([2, 1], 0), ([1, 2], 0), ([3, 2], 0), ([1, 3], 0), ([2, None], 1), ([9, 2], 1), ([1, 1], 1)],
)
@pytest.mark.parametrize("jobs", ["1", "3"])
def test_it_judges_every_operation_as_it_was_called(last, code, jobs, capsys):
    pushes(last)
    assert cli.main(["check", "h.jsonl", "--model", "ring.py:Ring", "--jobs", jobs, "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert told["checks"][0]["checker"] == "linearizable"
    assert told["checks"][0]["summary"].startswith("ring: 4 operations on 1 object")


PARTS = """
from ring import Ring

class Rings(Ring):
    name = "rings"

    def part(self, call):
        return call.args[0]

    def step(self, state, call):
        assert call.args[0] in ("a", "b")
        if call.f == "push":
            return ((call.args[1], state[0]),)
        return (state,) if not call.known or call.result == state else ()

RINGS = Rings()
"""


def test_it_may_tell_parts_and_come_from_a_module(folder, monkeypatch, capsys):
    monkeypatch.syspath_prepend(folder)
    Path("rings_of_mine.py").write_text(PARTS)
    write(
        Path("h.jsonl"),
        op(0, "push", "a", 1, at=0, until=1),
        op(1, "last", "a", at=2, until=3, value=[1, None]),
        op(2, "last", "b", at=2, until=3, value=[1, None]),
    )
    for model in ("rings_of_mine:Rings", "rings_of_mine:RINGS"):
        assert cli.main(["check", "h.jsonl", "--model", model, "--out", "kept"]) == 1
        assert "3 operations on 2 objects, 1 not linearizable" in capsys.readouterr().out
    assert 'class="window"' in Path("kept", "report.html").read_text()


@pytest.mark.parametrize(
    "model,told",
    [
        ("gone.py:Ring", "there is no such file"),
        ("ring.py:Wring", "has no 'Wring' (it has: Ring)"),
        ("no_such_module:Ring", "a file is named like mine.py:Mine"),
        ("json:JSONDecoder", "lacks what every model has: name, init, step, describe"),
        ("rung", "there is no model 'rung'; allowed: register, cas-register, multi-register"),
        ("two.py:Nameless", "lacks what every model has: step"),
        ("two.py:Wide", "model two.py:Wide can't be made: TypeError: "),
        ("bad.py:X", "bad.py can't be imported: ZeroDivisionError: division by zero"),
        ("worse.py:X", "worse.py can't be imported: SyntaxError: "),
        ("loud.py:X", "loud.py can't be imported: ValueError: a"),
        (":Ring", "can't be imported: ValueError: "),
        ("ring.py:", "has no ''"),
        ("two.py:Register", "'register' is the name of a model that comes with Acked"),
    ],
)
def test_what_is_no_model_is_a_mistake(model, told, capsys):
    pushes([2, 1])
    Path("bad.py").write_text("1 / 0")
    Path("worse.py").write_text("def init(:")
    Path("loud.py").write_text("raise ValueError('a\\nb')")
    Path("two.py").write_text(TWO)
    assert cli.main(["check", "h.jsonl", "--model", model]) == 64
    said = capsys.readouterr().err
    assert told in said and said.count("\n") == 1


TWO = """
class Nameless:
    name = "nameless"
    init = describe = lambda self: 0

class Wide:
    def __init__(self, width):
        pass

class Register(Nameless):
    name = "register"
    step = None
"""


def test_no_other_code_is_run(capsys):
    pushes([2, 1])
    for name in ("register.py", "sitecustomize.py", "ring.pth"):
        Path(name).write_text("1 / 0")
    assert cli.main(["check", "h.jsonl", "--model", "register"]) == 2


def test_a_model_that_fails_is_an_error(capsys):
    pushes([2, 1])
    Path("raises.py").write_text(
        Path("ring.py").read_text()
        + "\nclass Raises(Ring):\n    def step(self, state, call):\n        raise ValueError('mine')\n"
    )
    assert cli.main(["check", "h.jsonl", "--model", "raises.py:Raises"]) == 3
    out = capsys.readouterr().out
    assert "the checker failed: ValueError: mine" in out and "raises.py" in out


def test_registers_that_are_written_together_are_judged_by_their_name(capsys):
    write(
        Path("h.jsonl"),
        op(0, "write", {"x": 1, "y": 2}, at=0, until=1),
        op(1, "read", ["x", "y"], at=2, until=3, value={"x": 1, "y": None}),
    )
    assert cli.main(["check", "h.jsonl", "--model", "multi-register"]) == 1
    assert "multi-register: 2 operations on 1 object" in capsys.readouterr().out


def test_an_order_is_certified_on_request(capsys):
    assert cli.main(["generate", "register", "--operations", "200", "--keys", "4", "--out", "h.jsonl"]) == 0
    assert cli.main(["check", "h.jsonl", "--set", "linearizable.orders=true", "--out", "kept"]) == 0
    assert cli.main(["verify-certificate", "kept", "h.jsonl"]) == 0
    assert capsys.readouterr().out.count("an order of") == 4
