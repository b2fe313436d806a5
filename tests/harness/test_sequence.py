"""The sequence of a run tells what happened, in order, and stays short enough to read."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from checkers.workloads import append
from harness import report, schema, sequence, sequence_text
from harness.campaign.one import Try, attempt
from harness.checker import Finding
from harness.errors import UsageError
from harness.events import Waiting
from harness.history import History
from harness.operation import Operation, Outcome
from harness.sequence import CLIENTS, Chart, Gap, Row, around, moments, told_together
from harness.verdict import Verdict
from harness.words import brief

S = 1_000_000_000

NUMBERED = re.compile(r"[→←] (?P<number>\d+)(?: \(the harness\))?: (?P<f>\w+) .*")

UNFENCED = """
name: unfenced
mode: quorum
nodes: 3
machines: sim
settings: {bug: old-primary-not-fenced}
workload: {name: append, rate: 15}
time_limit_s: 3
faults:
  - {pause: {}, target: n1, at_s: 0.5, for_s: 1.0}
"""


def told(at_s: float, text: str, *, who: str | None = "n1", kind: str = "told") -> Row:
    return Row(at_ns=round(at_s * S), who=who, kind=kind, text=text)


def lines_of(rows: Iterable[Row | Gap], columns: tuple[str, ...] = ("n1",)) -> list[str]:
    chart = Chart(columns=(CLIENTS, *columns), rows=tuple(rows), violations=())
    return sequence_text.drawn(chart).splitlines()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A violated run of some hundred operations, most of which have nothing to do with it."""
    keep = tmp_path_factory.mktemp("recorded")
    for seed in range(20):
        scenario = replace(schema.parse(UNFENCED, "unfenced"), seed=seed)
        if attempt(Try(seed=seed, scenario=scenario), keep=keep).verdict is Verdict.VIOLATED:
            return keep / f"seed-{seed}"
    raise AssertionError("the planted bug was not found with 20 seeds")


def test_a_row_has_its_time_and_its_column() -> None:
    _, line = lines_of([told(0.0015, "starts, blank")], ("n1", "n2"))
    assert line == f"   0.0015  {'│':25}{'starts, blank':25}│"


def test_a_fault_goes_across_and_a_gap_is_counted() -> None:
    _, fault, gap = lines_of([told(1, "pause n1", who=None, kind="fault"), Gap(rows=7)])
    assert fault.startswith("   1.0000  ─── pause n1 ───")
    assert "(7 rows left out)" in gap


def test_a_long_key_costs_a_few_lines() -> None:
    key = "list0" + 301 * "x" + "end"
    _, *lines = lines_of([told(1, brief(f"→ 1: append {key} 304"), who=CLIENTS, kind="call")])
    assert len(lines) <= 4
    assert "append" in lines[0]
    assert any("304" in line for line in lines)


def test_padding_is_left_out_and_short_words_are_kept_whole() -> None:
    assert brief(f"append set-6{300 * '.'}=618 1") == "append set-6…=618 1"
    assert brief(f"append {48 * 'k'} 1") == f"append {48 * 'k'} 1"
    assert brief("a  b ..... 1000000000") == "a  b ..... 1000000000"


def test_what_a_node_does_again_and_again_is_told_together() -> None:
    again = [told(number, "CUTS 2:3 off its log", kind="grave") for number in range(50)]
    other = told(20.5, "CUTS 2:3 off its log", who="n2", kind="grave")
    rows = told_together(sorted([*again, other], key=lambda row: row.at_ns))
    assert rows == [
        again[0],
        again[1],
        other,
        told(49, "CUTS 2:3 off its log, 50 times in all", kind="grave"),
    ]


def test_a_few_times_and_what_clients_do_are_told_each() -> None:
    few = [told(number, "has 1:1 on disk") for number in range(5)]
    calls = [told(10 + number, "→ append", who=CLIENTS, kind="call") for number in range(9)]
    assert told_together([*few, *calls]) == [*few, *calls]


def test_the_moments_of_a_story_are_read_from_its_lines() -> None:
    lines = ("5.492 s: pause of n1, until 6.863 s", "after 3.0 s nothing", "26.717 s: n3 had it")
    finding = Finding(verdict=Verdict.VIOLATED, title="1.000 s: a title", lines=lines)
    assert list(moments(finding)) == [5_492_000_000, 26_717_000_000]


def test_of_a_long_run_what_lies_around_its_moments_and_faults_is_told() -> None:
    rows = [told(number, f"has 1:{number} on disk") for number in range(1000)]
    rows[300] = told(300, "pause n1", who=None, kind="fault")
    kept = around(rows, [700 * S], most=40)
    shown = [row.at_ns // S for row in kept if isinstance(row, Row)]
    assert shown == [*range(5), *range(298, 303), *range(688, 713), *range(995, 1000)]
    assert [row.rows for row in kept if isinstance(row, Gap)] == [293, 385, 282]


def test_many_faults_do_not_hide_the_moments_of_a_story() -> None:
    rows = [told(number, f"{number}", kind="fault" if number % 5 == 0 else "told") for number in range(2000)]
    kept = around(rows, [1800 * S, 1900 * S], most=40)
    shown = {row.at_ns // S for row in kept if isinstance(row, Row)}
    assert shown >= {*range(1796, 1805), *range(1896, 1905)}


@given(
    count=st.integers(min_value=0, max_value=60),
    at_s=st.lists(st.integers(min_value=-5, max_value=70)),
    most=st.integers(min_value=1, max_value=40),
)
def test_no_row_is_lost_without_being_counted(count: int, at_s: list[int], most: int) -> None:
    rows = [told(number, f"{number}") for number in range(count)]
    kept = around(rows, [each * S for each in at_s], most=most)
    shown = [row for row in kept if isinstance(row, Row)]
    assert shown == sorted(shown, key=lambda row: row.at_ns)
    assert len(shown) == min(count, most)
    assert len(shown) + sum(row.rows for row in kept if isinstance(row, Gap)) == count


def test_a_recorded_run_tells_of_clients_nodes_and_faults(recorded: Path) -> None:
    chart = sequence.of(recorded)
    assert chart.columns == (CLIENTS, "n1", "n2", "n3")
    rows = [row for row in chart.rows if isinstance(row, Row)]
    assert [row.at_ns for row in rows] == sorted(row.at_ns for row in rows)
    seen = {(row.who, row.kind, row.text) for row in rows}
    assert any(who is None and text == "pause n1" for who, _, text in seen)
    assert any(who is None and text == "end of pause n1" for who, _, text in seen)
    assert any(who == "n1" and text.startswith("PRIMARY of 1") for who, _, text in seen)
    assert any(who in ("n2", "n3") and kind == "grave" and "election" in text for who, kind, text in seen)
    assert any(who == "n2" and text.startswith("has 1") for who, _, text in seen)
    assert {who for who, kind, _ in seen if kind == "read"} == {"n1", "n2", "n3"}
    assert {finding.verdict for _, finding in chart.violations} == {Verdict.VIOLATED}


def operation(**fields: object) -> Operation:
    usual = {"id": 1, "process": 0, "f": "txn", "call_ns": S, "return_ns": 2 * S, "outcome": Outcome.OK}
    return Operation(**{**usual, "node": "n1", **fields})  # type: ignore[arg-type]


def texts(*operations: Operation) -> list[str]:
    rows = sequence.operations(History.of(operations), append({}), None)
    return [row.text for row in sorted(rows, key=lambda row: row.at_ns)]


def test_operations_are_numbered_by_their_calls_whoever_was_answered_first() -> None:
    slow = operation(id=2, f="append", args=("k", 7), call_ns=S, return_ns=3 * S)
    quick = operation(id=1, f="append", args=("k", 8), call_ns=S + 1, return_ns=2 * S)
    assert texts(quick, slow)[:2] == ["→ 1: append k 7", "→ 2: append k 8"]


def test_of_a_transaction_the_answer_tells_what_was_read() -> None:
    asked = (("append", "k", 1), ("get", "l", None), ("get", "m", None))
    answered = [["append", "k", None], ["get", "l", [3, 4]], ["get", "m", None]]
    assert texts(operation(args=(asked,), value=answered, epoch=1, offset=7)) == [
        "→ 1: txn append k 1; get l; get m",
        "← 1: txn ok, n1 1:7 = get l [3, 4]; get m None",
    ]
    blind = operation(args=((("append", "k", 1),),), value=[["append", "k", None]])
    assert texts(blind)[1] == "← 1: txn ok, n1"


@pytest.mark.parametrize("value", [[], [[]], [["get"], 3], "x", {"a": 1}, [["get", "k", 1], ["get", "l", 2]]])
def test_an_answer_of_any_shape_is_told(value: object) -> None:
    asked = (("get", "k", None),)
    assert texts(operation(args=(asked,), value=value))[1] == f"← 1: txn ok, n1 = {value}"
    assert texts(operation(f="odd", args=(), value=value))[1] == f"← 1: odd ok, n1 = {value}"


def test_what_a_read_showed_is_told_even_if_it_is_nothing() -> None:
    assert texts(operation(f="get", args=("k",), value=None))[1] == "← 1: get ok, n1 = None"
    assert texts(operation(f="append", args=("k", 7), value=None))[1] == "← 1: append ok, n1"
    assert texts(operation(f="peek", args=(("k", "l"),), value=[[1], None])) == [
        "→ 1: peek k, l",
        "← 1: peek ok, n1 = k [1]; l None",
    ]
    long = operation(f="get", args=("k",), value=list(range(100)))
    assert texts(long)[1] == "← 1: get ok, n1 = [0, 1, 2, 3, 4, 5, … 88 more …, 94, 95, 96, 97, 98, 99]"


def test_final_reads_in_parts_are_compared_node_by_node() -> None:
    def read(node: str, keys: range, number: int) -> Operation:
        asked = tuple(f"k{key}" for key in keys)
        value = [[key] for key in keys if (node, key) != ("n2", 7)]
        value += [[]] * (len(asked) - len(value))
        fields = {"id": number, "f": "peek", "args": (asked,), "value": value, "node": node, "process": -1}
        return operation(**fields, call_ns=(10 + number) * S, return_ns=(11 + number) * S)

    reads = [
        read(node, keys, 2 * place + part)
        for place, node in enumerate(("n1", "n2"))
        for part, keys in enumerate((range(20, 40), range(7, 8)))
    ]
    rows = [row for row in sequence.operations(History.of(reads), append({}), 5 * S) if row.kind == "read"]
    assert [(row.who, row.text) for row in rows] == [
        ("n1", "final read: 20 that all have, k7=7"),
        ("n2", "final read: 20 that all have"),
    ]


@pytest.mark.parametrize(
    ("reason", "text"),
    [("waits for a majority: has n1", "waits for a majority: has n1"), ("no quorum", "waits: no quorum")],
)
def test_who_waits_says_for_what(reason: str, text: str) -> None:
    event = Waiting(node="n1", at_ns=S, epoch=1, reason=reason)
    (row,) = sequence.node_rows([event])
    assert (row.who, row.kind, row.text) == ("n1", "grave", text)


def test_what_is_not_known_is_told_so() -> None:
    open_ended = operation(f="put", args=("k", 1), outcome=Outcome.INFO, return_ns=None)
    assert texts(open_ended) == ["→ 1: put k 1"]
    assert texts(operation(f="put", args=("k", 1), outcome=Outcome.INFO))[1] == "← 1: put unknown"
    assert texts(operation(f="put", args=("k", 1), outcome=Outcome.FAIL))[1] == "← 1: put refused"
    degraded = operation(f="put", args=("k", 1), degraded=True, epoch=2, offset=None)
    assert texts(degraded)[1] == "← 1: put ok, n1, degraded"


def test_calls_and_answers_share_a_number_and_those_of_the_harness_are_named(recorded: Path) -> None:
    calls: dict[str, str] = {}
    answered = set()
    rows = [row for row in sequence.of(recorded).rows if isinstance(row, Row) and row.who == CLIENTS]
    for row in rows:
        number, f = NUMBERED.fullmatch(row.text).group("number", "f")  # type: ignore[union-attr]
        if row.kind == "call":
            calls[number] = f
        elif number in calls:
            assert calls[number] == f
            answered.add(number)
    assert len(answered) > 5
    assert rows[0].text.startswith("→ 1 (the harness): append list")
    assert any(re.fullmatch(r"← \d+: append ok, n1 1\d+:\d+", row.text) for row in rows)
    assert {row.kind for row in rows} >= {"call", "ok", "info"}


def test_of_many_findings_the_first_are_told() -> None:
    told = [("copies", Finding(verdict=Verdict.VIOLATED, title=f"write {number}")) for number in range(5)]
    text = sequence_text.drawn(Chart(columns=(CLIENTS,), rows=(), violations=tuple(told)))
    assert [f"write {number}" in text for number in range(5)] == [True, True, True, False, False]
    assert "2 more violations" in text


def test_the_page_of_a_violated_run_has_it(recorded: Path) -> None:
    assert report.load(recorded).sequence == sequence.of(recorded)


def test_a_page_says_why_it_has_none(recorded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(recorded, folder)
    told = msgspec.json.decode((folder / "scenario.json").read_bytes())
    for workload, options, message in (
        ("nothere", {}, "no workload is called 'nothere'"),
        ("script", {"passed": 3}, r"scenario.json: passed: unknown option 'passed'"),
    ):
        changed = {**told, "workload": workload, "workload_options": options}
        (folder / "scenario.json").write_bytes(msgspec.json.encode(changed))
        page = report.load(folder)
        assert page.sequence is None
        assert page.untold is not None
        assert message in page.untold
        with pytest.raises(UsageError, match=message):
            sequence.of(folder)


def test_a_long_run_has_none(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence, "MOST_OPERATIONS", 10)
    assert report.load(recorded).sequence is None


def test_the_story_of_a_primary_without_a_fence_can_be_read_in_a_minute(recorded: Path) -> None:
    rows = [row for row in sequence.of(recorded).rows if isinstance(row, Row)]
    assert any(row.text.endswith(" times in all") for row in rows)
    lines = sequence_text.chart(recorded).splitlines()
    assert len(lines) < 200
    assert any("left out)" in line for line in lines)
    assert any(line.startswith("VIOLATED, says ") for line in lines)
