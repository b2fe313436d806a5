"""What is shown while a run or a verification gets on."""

import io
from pathlib import Path

from rich.console import Console

from harness import marks, progress
from harness.contract import Mode
from harness.episode import Episode
from harness.events import Cause, Damaged, Elected, NodeEvent, Stored, Truncated, Waiting
from harness.events import Medium as Where
from harness.matrix import Cell
from harness.operation import Invocation, Outcome
from harness.progress import Live, Plain, RunLine
from harness.result import RunResult
from harness.scenario import Scenario
from harness.verdict import Verdict
from harness.verify import CellResult


def done(verdict: Verdict = Verdict.HOLDS, *, fault: str | None = "kill", **fields: object) -> CellResult:
    scenario = Scenario(name="sync-kill", mode=Mode.SYNC)
    values = {"acknowledged": 812, **fields}
    result = RunResult(name="sync-kill", verdict=verdict, mode="sync", seed=1, **values)  # type: ignore[arg-type]
    cell = Cell(
        name="sync-kill", fault=fault, variant="" if fault in (None, "none") else "primary", scenario=scenario
    )
    return CellResult(cell=cell, result=result, folder=Path("x"), seconds=6.12)


def test_a_line_for_each_cell() -> None:
    line = progress.line
    assert line(done(), 12, 61) == "[12/61] sync × kill (primary): holds, 812 acknowledged, 0 lost, 6.1 s"
    assert line(done(fault="none"), 1, 2).startswith("[1/2] sync × no fault: holds, ")
    assert line(done(fault=None), 1, 2).startswith("[1/2] sync-kill: holds, ")
    lost = done(Verdict.VIOLATED, lost=3, permitted=1, forbidden=2)
    assert "violated, 812 acknowledged, 3 lost (1 permitted, 2 forbidden), 6.1 s" in line(lost, 1, 2)
    skipped = done(Verdict.INCONCLUSIVE, skipped="no root")
    assert line(skipped, 1, 2) == "[1/2] sync × kill (primary): inconclusive, skipped: no root"
    assert line(done(Verdict.ERROR, error="boom"), 1, 2) == "[1/2] sync × kill (primary): error: boom"


def test_plain_lines_where_there_is_no_terminal() -> None:
    lines: list[str] = []
    with Plain(lines.append) as display:
        display.started(done().cell)
        display.ended(done(), 1, 1)
    assert lines == [progress.line(done(), 1, 1)]


def test_a_live_display_takes_what_names_and_reasons_contain() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=200, markup=False)
    nasty = done(Verdict.ERROR, error="[bold]not markup[/bold] [/]")
    with Live(console, 1) as display:
        display.started(nasty.cell)
        display.ended(nasty, 1, 1)
    assert "[bold]not markup[/bold] [/]" in output.getvalue()


def text_of(line: RunLine) -> str:
    return str(line.__rich__())


def test_the_line_of_a_run_counts_and_shows_what_acts() -> None:
    line = RunLine()
    line.on_phase("run")
    for outcome in (Outcome.OK, Outcome.OK, Outcome.INFO, Outcome.FAIL):
        line.on_return(Invocation(f="put"), process=1, outcome=outcome, call_ns=1, return_ns=2)
    episode = Episode(id=0, fault="kill", targets=("n1", "n2"), from_ns=1)
    line.on_episode(episode)
    assert text_of(line) == "run       2 done, 1 unknown, 1 failed  [kill n1, n2]"
    line.on_episode(Episode(id=0, fault="kill", targets=("n1", "n2"), from_ns=1, until_ns=9))
    assert text_of(line) == "run       2 done, 1 unknown, 1 failed"


# Marks on the timeline


def elected(node: str, epoch: int, at_ns: int, cause: Cause = Cause.ELECTION) -> NodeEvent:
    return Elected(
        node=node, at_ns=at_ns, epoch=epoch, cause=cause, heard=(node, "n3"), log_epoch=1, log_offset=4
    )


def test_marks_say_who_did_what() -> None:
    events = [
        elected("n1", 1, 10, Cause.BOOTSTRAP),
        Stored(node="n1", at_ns=11, epoch=1, first=1, last=2, medium=Where.DISK),
        elected("n2", 2, 20),
        Truncated(node="n1", at_ns=30, epoch=1, first=5, last=9),
        Damaged(node="n3", at_ns=40, reason="a hole"),
    ]
    assert [(mark.at_ns, mark.label) for mark in marks.of(events)] == [
        (10, "n1 primary of epoch 1"),
        (20, "n2 primary of epoch 2 by election, heard n2, n3"),
        (30, "n1 cut off 5 to 9 of epoch 1"),
        (40, "n3 refuses its disk: a hole"),
    ]


def test_what_is_said_again_at_once_is_said_once() -> None:
    events = [Waiting(node="n1", at_ns=at, epoch=1, reason="waits for n2") for at in range(5)]
    assert [mark.label for mark in marks.of(events)] == ["n1 waits for n2"]


def test_what_a_node_does_again_and_again_is_marked_twice() -> None:
    cuts = [Truncated(node="n1", at_ns=at, epoch=1 + at % 2, first=5, last=9) for at in range(40)]
    last = elected("n2", 3, 40)
    assert [mark.at_ns for mark in marks.of([*cuts, last])] == [0, 1, 2, 3, 40]


def test_marks_are_bounded() -> None:
    events = [Waiting(node="n1", at_ns=at, epoch=at, reason=f"{at} {'x' * 200}") for at in range(1000)]
    found = list(marks.of(events))
    assert len(found) == marks.MOST
    assert all(len(mark.label) <= 90 for mark in found)
