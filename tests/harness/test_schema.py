"""Scenario files: what is read, and every message about what is wrong."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness import overrides, plugins, schema
from harness.contract import Mode
from harness.errors import UsageError
from harness.problems import ScenarioError
from harness.scenario import FaultStep, Scenario
from harness.system import SettingError, SystemConfig

MODES = "async, semi_sync, semi_sync_memory, sync, quorum, hybrid"
FAULTS = "kill, partition, pause, promote"
ROLES = "primary, replica, replicas, holder, slowest, minority, majority, all"
NODES = "n1, n2, n3, $name of an earlier step"


class FakeSystem:
    """Knows two settings and refuses a mode."""

    name = setup = start = form = status = client = None

    def __init__(self, config: SystemConfig) -> None:
        for name, value in config.settings.items():
            if name not in ("failover", "k"):
                raise SettingError(name, "unknown setting", ("failover", "k"))
            if name == "failover" and value not in ("automatic", "manual"):
                raise SettingError(name, f"'{value}' is not known", ("automatic", "manual"))
        if config.mode is Mode.HYBRID:
            raise SettingError("mode", "this system has no hybrid mode")
        if config.settings.get("k", 1) >= len(config.nodes):
            raise SettingError("k", f"needs {config.settings['k'] + 1} nodes, there are {len(config.nodes)}")

    def contract(self) -> None:
        return None


class FakeWorkload:
    checkers = ("durability",)
    generator = writes = sees = final_reads = None

    def __init__(self, options: Mapping[str, Any]) -> None:
        for name in options:
            if name != "reads":
                raise SettingError(name, "unknown option", ("reads",))


class FakeFault:
    needs = target = inject = evidence = heal = None

    def __init__(self, options: Mapping[str, Any]) -> None:
        for name, value in options.items():
            if name != "shape":
                raise SettingError(name, "unknown option", ("shape",))
            if value not in ("halves", "bridge"):
                raise SettingError(name, f"'{value}' is not known", ("halves", "bridge"))


INSTALLED = {
    "acked.machines": {"local": object()},
    "acked.systems": {"reference": FakeSystem},
    "acked.workloads": {"append": FakeWorkload, "mixed": FakeWorkload},
    "acked.faults": {"kill": FakeFault, "partition": FakeFault, "pause": FakeFault, "promote": FakeFault},
}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for the plug-ins, so that the messages here depend on nothing else."""

    def load(group: str, name: str) -> Any:
        if name.endswith(":MySystem"):
            return FakeSystem
        if name not in INSTALLED[group]:
            raise UsageError(f"no {plugins.GROUPS[group]} is called {name!r}")
        return INSTALLED[group][name]

    monkeypatch.setattr(plugins, "load", load)
    monkeypatch.setattr(plugins, "installed", lambda group: tuple(sorted(INSTALLED[group])))


GOOD = """\
name: tail
description: One paragraph.
mode: async
nodes: 3
settings: {failover: automatic}
workload: {name: append, clients: 8, rate: 200, reads: 0.1}
time_limit_s: 6
seed: 1
faults:
  - {partition: {shape: bridge}, target: primary, at_s: 1.5, for_s: 2, as: cut}
  - {kill: {}, target: primary+n2, at_s: 2}
  - {pause: {}, target: $cut, at_s: 2.5}
expect: {loss: shown}
"""


def test_a_file_is_read_into_a_scenario() -> None:
    assert schema.parse(GOOD, "s.yaml") == Scenario(
        name="tail",
        description="One paragraph.",
        mode=Mode.ASYNC,
        nodes=3,
        settings={"failover": "automatic"},
        workload="append",
        workload_options={"reads": 0.1},
        clients=8,
        rate=200.0,
        time_limit_s=6.0,
        seed=1,
        faults=(
            FaultStep(
                fault="partition",
                target="primary",
                at_s=1.5,
                for_s=2.0,
                bind="cut",
                options={"shape": "bridge"},
            ),
            FaultStep(fault="kill", target="primary+n2", at_s=2.0),
            FaultStep(fault="pause", target="$cut", at_s=2.5),
        ),
        expect={"loss": "shown"},
    )


WRONG: dict[str, tuple[str, list[str]]] = {
    "nothing": ("", ["s.yaml: a scenario is a mapping of fields, this is nothing"]),
    "a list": ("- a\n", ["s.yaml:1:1: a scenario is a mapping of fields, this is a list"]),
    "a word": ("hello", ["s.yaml:1:1: a scenario is a mapping of fields, this is 'hello'"]),
    "no YAML": (
        "name: [a\nmode: async\n",
        ["s.yaml:2:5: not YAML: while parsing a flow sequence: expected ',' or ']', but got ':'"],
    ),
    "a tab": (
        "name: x\nmode:\n\t- a\n",
        [
            "s.yaml:3:1: not YAML: while scanning for the next token: "
            "found character '\\t' that cannot start any token"
        ],
    ),
    "a control character": ("name: a\x01b\n", ["s.yaml:1: a character that YAML does not allow: 0x0001"]),
    "two documents": (
        "name: x\nmode: async\n---\nname: y\n",
        ["s.yaml:3:1: a second document begins here; a scenario is one document"],
    ),
    "a tag": (
        "name: !!python/name:os.system x\nmode: async\n",
        [
            "s.yaml:1:7: the tag tag:yaml.org,2002:python/name:os.system is not allowed; tags are not used here",
        ],
    ),
    "a duplicate key": (
        "name: x\nmode: async\nnodes: 3\nmode: sync\n",
        ["s.yaml:4:1: mode: given twice, first at s.yaml:2:1"],
    ),
    "a list as a key": ("? [a]\n: b\n", ["s.yaml:1:3: a key must be plain text"]),
    "an alias of nothing": (
        "name: *nobody\n",
        ["s.yaml:1:7: *nobody stands for nothing that was finished before it"],
    ),
    "an alias of itself": (
        "name: &a [*a]\n",
        ["s.yaml:1:11: *a stands for nothing that was finished before it"],
    ),
    "no name": (
        "mode: async\n",
        ["s.yaml:1:1: name: missing; say in a few words what the scenario shows"],
    ),
    "no mode": ("name: x\n", [f"s.yaml:1:1: mode: missing; allowed: {MODES}"]),
    "unknown mode": (
        "name: x\nmode: semisync\n",
        [f"s.yaml:2:7: mode: 'semisync' is not known; did you mean 'semi_sync'? allowed: {MODES}"],
    ),
    "a mode with another separator": (
        "name: x\nmode: Semi-Sync\n",
        [f"s.yaml:2:7: mode: 'Semi-Sync' is not known; did you mean 'semi_sync'? allowed: {MODES}"],
    ),
    "a mode that is a list": (
        "name: x\nmode: [async]\n",
        [f"s.yaml:2:7: mode: a list is not known; allowed: {MODES}"],
    ),
    "unknown field": (
        "name: x\nmode: async\nnoeds: 3\n",
        [
            "s.yaml:3:1: noeds: unknown field; did you mean 'nodes'? allowed: name, description, system, mode, "
            "nodes, machines, ip, settings, workload, time_limit_s, operation_timeout_s, ready_s, recovery_s, "
            "seed, faults, expect"
        ],
    ),
    "a name with a slash": (
        "name: ../x\nmode: async\n",
        [
            "s.yaml:1:7: name: '../x' can't name a folder; allowed: letters, digits, '.', '_' and '-', "
            "beginning with a letter or a digit, at most 80 characters"
        ],
    ),
    "a name that is a number": (
        "name: 7\nmode: async\n",
        ["s.yaml:1:7: name: 7 is not text; put it in quotes"],
    ),
    "nodes as text": (
        "name: x\nmode: async\nnodes: three\n",
        ["s.yaml:3:8: nodes: 'three' is not allowed; allowed: a whole number from 1 to 99"],
    ),
    "nodes as a fraction": (
        "name: x\nmode: async\nnodes: 2.5\n",
        ["s.yaml:3:8: nodes: 2.5 is not allowed; allowed: a whole number from 1 to 99"],
    ),
    "nodes as a truth": (
        "name: x\nmode: async\nnodes: true\n",
        ["s.yaml:3:8: nodes: true is not allowed; allowed: a whole number from 1 to 99"],
    ),
    "too few nodes": (
        "name: x\nmode: quorum\nnodes: 2\n",
        [
            "s.yaml:3:8: nodes: 2 is too few for quorum: at least 3, a majority that survives the loss of a node"
        ],
    ),
    "too few nodes for sync": (
        "name: x\nmode: sync\nnodes: 1\n",
        [
            "s.yaml:3:8: nodes: 1 is too few for sync: at least 2, "
            "a primary and at least one other member of the sync set"
        ],
    ),
    "negative time": (
        "name: x\nmode: async\ntime_limit_s: -1\n",
        ["s.yaml:3:15: time_limit_s: -1 is not allowed; allowed: a number above 0, at most 1e+06"],
    ),
    "no time at all": (
        "name: x\nmode: async\noperation_timeout_s: 0\n",
        ["s.yaml:3:22: operation_timeout_s: 0 is not allowed; allowed: a number above 0, at most 3600"],
    ),
    "a seed below zero": (
        "name: x\nmode: async\nseed: -3\n",
        ["s.yaml:3:7: seed: -3 is not allowed; allowed: a whole number from 0 to 9223372036854775807"],
    ),
    "an unknown IP version": (
        "name: x\nmode: async\nip: 5\n",
        ["s.yaml:3:5: ip: 5 is not known; allowed: 4, 6"],
    ),
    "settings as a list": (
        "name: x\nmode: async\nsettings: [a]\n",
        ["s.yaml:3:11: settings: a list is not a mapping of names to values"],
    ),
    "an unknown setting": (
        "name: x\nmode: async\nsettings:\n  failovr: automatic\n",
        ["s.yaml:4:3: settings.failovr: unknown setting; did you mean 'failover'? allowed: failover, k"],
    ),
    "a wrong value of a setting": (
        "name: x\nmode: async\nsettings:\n  failover: automtic\n",
        [
            "s.yaml:4:3: settings.failover: 'automtic' is not known; did you mean 'automatic'? "
            "allowed: automatic, manual"
        ],
    ),
    "a mode that the system lacks": (
        "name: x\nmode: hybrid\n",
        ["s.yaml:2:1: mode: this system has no hybrid mode"],
    ),
    "an unknown system": (
        "name: x\nmode: async\nsystem: postgres\n",
        ["s.yaml:3:1: system: no system is called 'postgres'"],
    ),
    "unknown machines": (
        "name: x\nmode: async\nmachines: vagrant\n",
        ["s.yaml:3:1: machines: no kind of machines is called 'vagrant'"],
    ),
    "an unknown workload": (
        "name: x\nmode: async\nworkload: apend\n",
        ["s.yaml:3:1: workload: no workload is called 'apend'"],
    ),
    "a workload as a list": (
        "name: x\nmode: async\nworkload: [append]\n",
        ["s.yaml:3:11: workload: a list is neither a name nor a mapping"],
    ),
    "an unknown workload option": (
        "name: x\nmode: async\nworkload: {clents: 3}\n",
        [
            "s.yaml:3:12: workload.clents: unknown option; did you mean 'clients'? "
            "allowed: reads, name, clients, rate"
        ],
    ),
    "a negative rate": (
        "name: x\nmode: async\nworkload: {rate: -1}\n",
        ["s.yaml:3:18: workload.rate: -1 is not allowed; allowed: a number at least 0, at most 1e+06"],
    ),
    "faults as a mapping": (
        "name: x\nmode: async\nfaults: {kill: {}}\n",
        ["s.yaml:3:9: faults: a mapping is not a list of faults"],
    ),
    "a fault as a word": (
        "name: x\nmode: async\nfaults: [kill]\n",
        ["s.yaml:3:10: faults.0: 'kill' is not a step such as {kill: {}}"],
    ),
    "a step without a fault": (
        "name: x\nmode: async\nfaults:\n  - {at_s: 1}\n",
        [f"s.yaml:4:5: faults.0: names no fault; allowed: {FAULTS}"],
    ),
    "an unknown fault": (
        "name: x\nmode: async\nfaults:\n  - {partiton: {}, at_s: 1}\n",
        [
            "s.yaml:4:6: faults.0.partiton: unknown fault; did you mean 'partition'? "
            f"allowed: {FAULTS}, target, at_s, for_s, as"
        ],
    ),
    "two faults in a step": (
        "name: x\nmode: async\nfaults:\n  - {kill: {}, pause: {}, at_s: 1}\n",
        ["s.yaml:4:16: faults.0.pause: one fault a step; this one is already a kill"],
    ),
    "an unknown field of a step": (
        "name: x\nmode: async\nfaults:\n  - {kill: {}, at_s: 1, fr_s: 2}\n",
        ["s.yaml:4:25: faults.0.fr_s: unknown field; did you mean 'for_s'? allowed: target, at_s, for_s, as"],
    ),
    "a fault without a time": (
        "name: x\nmode: async\nfaults:\n  - {kill: {}}\n",
        ["s.yaml:4:5: faults.0.at_s: missing; when, in seconds after the clients start"],
    ),
    "a fault before the start": (
        "name: x\nmode: async\nfaults:\n  - {kill: {}, at_s: -0.5}\n",
        ["s.yaml:4:22: faults.0.at_s: -0.5 is not allowed; allowed: a number at least 0, at most 1e+06"],
    ),
    "a fault after the end": (
        "name: x\nmode: async\ntime_limit_s: 4\nfaults:\n  - {kill: {}, at_s: 4}\n",
        ["s.yaml:5:22: faults.0.at_s: 4 s is not before the clients stop (time_limit_s: 4)"],
    ),
    "a fault for no time": (
        "name: x\nmode: async\nfaults:\n  - {kill: {}, at_s: 1, for_s: 0}\n",
        ["s.yaml:4:32: faults.0.for_s: 0 is not allowed; allowed: a number above 0, at most 1e+06"],
    ),
    "fault options as a word": (
        "name: x\nmode: async\nfaults:\n  - {kill: hard, at_s: 1}\n",
        ["s.yaml:4:12: faults.0.kill: 'hard' is not a mapping of names to values"],
    ),
    "an unknown fault option": (
        "name: x\nmode: async\nfaults:\n  - {partition: {shpe: bridge}, at_s: 1}\n",
        ["s.yaml:4:18: faults.0.partition.shpe: unknown option; did you mean 'shape'? allowed: shape"],
    ),
    "a wrong fault option": (
        "name: x\nmode: async\nfaults:\n  - {partition: {shape: brige}, at_s: 1}\n",
        [
            "s.yaml:4:18: faults.0.partition.shape: 'brige' is not known; did you mean 'bridge'? "
            "allowed: halves, bridge"
        ],
    ),
    "an unknown role": (
        "name: x\nmode: async\nfaults:\n  - {kill: {}, target: primry, at_s: 1}\n",
        [
            "s.yaml:4:24: faults.0.target: 'primry' is neither a role nor a node; did you mean 'primary'? "
            f"allowed: {ROLES}, {NODES}"
        ],
    ),
    "a node that there is not": (
        "name: x\nmode: async\nfaults:\n  - {kill: {}, target: n1+n4, at_s: 1}\n",
        [f"s.yaml:4:24: faults.0.target: 'n4' is neither a role nor a node; allowed: {ROLES}, {NODES}"],
    ),
    "a name that no step has": (
        "name: x\nmode: async\nfaults:\n  - {kill: {}, at_s: 1, as: down}\n"
        "  - {pause: {}, target: $dwn, at_s: 2}\n",
        ["s.yaml:5:25: faults.1.target: no step is called '$dwn'; did you mean '$down'? allowed: $down"],
    ),
    "a name where no step has one": (
        "name: x\nmode: async\nfaults:\n  - {pause: {}, target: $cut, at_s: 2}\n",
        ["s.yaml:4:25: faults.0.target: no step is called '$cut'; no step has a name (as: …)"],
    ),
    "a name that comes too late": (
        "name: x\nmode: async\nfaults:\n  - {pause: {}, target: $cut, at_s: 1}\n"
        "  - {kill: {}, at_s: 2, as: cut}\n",
        ["s.yaml:4:25: faults.0.target: '$cut' is bound at 2 s, not before 1 s"],
    ),
    "a name given twice": (
        "name: x\nmode: async\nfaults:\n  - {pause: {}, at_s: 1, as: a}\n  - {kill: {}, at_s: 2, as: a}\n",
        ["s.yaml:5:29: faults.1.as: 'a' is already the name of an earlier step"],
    ),
    "an unknown expectation": (
        "name: x\nmode: async\nexpect: {los: shown}\n",
        [
            "s.yaml:3:10: expect.los: unknown expectation 'los'; did you mean 'loss'? allowed: loss, suffix, "
            "degraded, blocked, flowing, refused, failover, truncated, unapplied, unflushed, phantoms, "
            "latency, fenced, recovered"
        ],
    ),
    "an expectation with a wrong word": (
        "name: x\nmode: async\nexpect: {loss: some}\n",
        ["s.yaml:3:10: expect.loss: loss does not know 'some'; allowed: shown, none, any"],
    ),
    "an expectation about an unknown episode": (
        "name: x\nmode: async\nfaults:\n  - {kill: {}, at_s: 1, as: down}\nexpect: {blocked: dwn}\n",
        [
            "s.yaml:5:10: expect.blocked: no fault of this scenario is called 'dwn'; did you mean 'down'? "
            "allowed: down"
        ],
    ),
    "yes is text": (
        "name: x\nmode: async\nnodes: yes\n",
        ["s.yaml:3:8: nodes: 'yes' is not allowed; allowed: a whole number from 1 to 99"],
    ),
    "several at once": (
        "name: x\nmode: asinc\nnodes: 0\nbogus: 1\nfaults:\n  - {kil: {}, at_s: 1}\n",
        [
            "s.yaml:4:1: bogus: unknown field; allowed: name, description, system, mode, nodes, machines, ip, "
            "settings, workload, time_limit_s, operation_timeout_s, ready_s, recovery_s, seed, faults, expect",
            f"s.yaml:2:7: mode: 'asinc' is not known; did you mean 'async'? allowed: {MODES}",
            "s.yaml:3:8: nodes: 0 is not allowed; allowed: a whole number from 1 to 99",
            "s.yaml:6:6: faults.0.kil: unknown fault; did you mean 'kill'? "
            f"allowed: {FAULTS}, target, at_s, for_s, as",
        ],
    ),
}


@pytest.mark.parametrize("text,messages", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said(text: str, messages: list[str]) -> None:
    with pytest.raises(ScenarioError) as caught:
        schema.parse(text, "s.yaml")
    assert [str(problem) for problem in caught.value.problems] == messages
    assert str(caught.value) == "\n".join(messages)


def test_billion_laughs_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(ScenarioError, match="more than 10,000 values once aliases are expanded"):
        schema.parse("\n".join(lines), "s.yaml")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ScenarioError, match="nested more than 20 levels deep"):
        schema.parse("settings: " + "[" * 100 + "]" * 100, "s.yaml")


def test_a_large_file_is_refused() -> None:
    with pytest.raises(ScenarioError, match="300,009 bytes; at most 250,000 are read"):
        schema.parse("name: x #" + "x" * 300_000, "s.yaml")


def test_aliases_stand_for_their_values() -> None:
    text = "name: x\nmode: async\nfaults:\n  - {kill: &none {}, at_s: 1}\n  - {pause: *none, at_s: 2}\n"
    assert [step.fault for step in schema.parse(text, "s.yaml").faults] == ["kill", "pause"]


@pytest.mark.parametrize(
    "make,message",
    [
        (lambda path: None, "can't be read: No such file or directory"),
        (lambda path: path.mkdir(), "can't be read: Is a directory"),
        (lambda path: path.write_bytes(b"name: x\nmode: \xff\n"), ":2: not UTF-8 text"),
    ],
)
def test_a_file_that_can_not_be_read(tmp_path: Path, make: Any, message: str) -> None:
    path = tmp_path / "s.yaml"
    make(path)
    with pytest.raises(UsageError) as caught:
        schema.load(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert schema.load(path) == schema.parse(GOOD, "s.yaml")


def test_a_path_to_a_system_counts_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("name: x\nmode: async\nsystem: ./mine.py:MySystem\n")
    assert schema.load(path).system == f"{tmp_path / 'mine.py'}:MySystem"


def test_a_path_to_a_system_on_the_command_line_counts_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(GOOD)
    here = tmp_path / "elsewhere"
    here.mkdir()
    monkeypatch.chdir(here)
    change = overrides.of_option("--system", "system", "./mine.py:MySystem")
    assert schema.load(path, [change]).system == f"{here / 'mine.py'}:MySystem"


def changed(*changes: str, text: str = GOOD) -> Scenario:
    return schema.parse(text, "s.yaml", [overrides.of_set(change) for change in changes])


def test_set_changes_fields_of_every_kind() -> None:
    scenario = changed(
        "nodes=5", "settings.k=2", "workload.rate=500", "faults.0.at_s=1.25", "faults.0.partition.shape=halves",
        "faults.1.for_s=0.5", "expect.loss=none", "mode=semi_sync",
    )  # fmt: skip
    assert (scenario.nodes, scenario.mode, scenario.rate) == (5, Mode.SEMI_SYNC, 500.0)
    assert scenario.settings == {"failover": "automatic", "k": 2}
    assert scenario.faults[0].at_s == 1.25
    assert scenario.faults[0].options == {"shape": "halves"}
    assert scenario.faults[1].for_s == 0.5
    assert scenario.expect == {"loss": "none"}


def test_set_makes_what_was_left_out() -> None:
    text = "name: x\nmode: async\nworkload: mixed\nfaults:\n  - {kill: , at_s: 1}\n"
    scenario = changed("settings.k=1", "workload.clients=3", "faults.0.kill.shape=bridge", text=text)
    assert scenario.settings == {"k": 1}
    assert (scenario.workload, scenario.clients) == ("mixed", 3)
    assert scenario.faults[0].options == {"shape": "bridge"}


def test_the_last_set_wins() -> None:
    assert changed("seed=4", "seed=5").seed == 5


SET_WRONG = {
    "mode": ["--set mode: expected key=value, as in --set workload.rate=500"],
    "=3": ["--set =3: expected key=value, as in --set workload.rate=500"],
    "a..b=3": ["--set a..b=3: expected key=value, as in --set workload.rate=500"],
    "mode=asinc": [f"--set mode=asinc: mode: 'asinc' is not known; did you mean 'async'? allowed: {MODES}"],
    "faults=[]": ["--set faults=[]: faults: faults are changed one by one, as in --set faults.0.at_s=1.5"],
    "faults.3.at_s=1": [
        "--set faults.3.at_s=1: faults.3.at_s: '3' is no index of this list; allowed: 0 to 2"
    ],
    "faults.first.at_s=1": [
        "--set faults.first.at_s=1: faults.first.at_s: 'first' is no index of this list; allowed: 0 to 2"
    ],
    "faults.0.at_s=9": [
        "--set faults.0.at_s=9: faults.0.at_s: 9 s is not before the clients stop (time_limit_s: 6)",
    ],
    "nodes.first=1": ["--set nodes.first=1: nodes.first: there is no 'first' in 3"],
    "settings.kk=1": [
        "--set settings.kk=1: settings.kk: unknown setting; did you mean 'k'? allowed: failover, k"
    ],
    "settings.k=3": ["--set settings.k=3: settings.k: needs 4 nodes, there are 3"],
    "nodes=[": [
        "--set nodes=[: not YAML: while parsing a flow node: expected the node content, but found '<stream end>'"
    ],
}


@pytest.mark.parametrize("change,messages", SET_WRONG.items(), ids=SET_WRONG.keys())
def test_what_is_wrong_with_set_is_said(change: str, messages: list[str]) -> None:
    with pytest.raises(ScenarioError) as caught:
        changed(change)
    assert [str(problem) for problem in caught.value.problems] == messages


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
times = st.floats(min_value=0.01, max_value=5.0, allow_nan=False)
scenarios = st.builds(
    Scenario,
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True).filter(
        lambda name: not name.replace(".", "").isdecimal()
    ),
    description=st.text(alphabet=st.characters(categories=("L", "N", "P"))).map(str.strip),
    mode=st.sampled_from(Mode).filter(lambda mode: mode is not Mode.HYBRID),
    nodes=st.integers(3, 9),
    ip=st.sampled_from([4, 6]),
    settings=st.fixed_dictionaries({}, optional={"k": st.integers(1, 2), "failover": st.just("manual")}),
    workload_options=st.dictionaries(st.just("reads"), plain, max_size=1),
    clients=st.integers(1, 100),
    rate=st.floats(0, 1000),
    time_limit_s=st.floats(5.5, 60),
    seed=st.integers(0, 2**63 - 1),
    faults=st.lists(
        st.builds(
            FaultStep,
            fault=st.sampled_from(["kill", "pause"]),
            target=st.none() | st.sampled_from(["primary", "n1+n3", "all"]),
            at_s=times,
            for_s=st.none() | times,
        ),
        max_size=3,
    ).map(tuple),
)


@given(scenario=scenarios)
@example(
    scenario=Scenario(name="A", mode=Mode.ASYNC, time_limit_s=6.0, workload_options={"reads": "\x85    "})
)
def test_a_written_scenario_reads_back_equal(scenario: Scenario) -> None:
    assert schema.parse(schema.dump(scenario), "s.yaml") == scenario
