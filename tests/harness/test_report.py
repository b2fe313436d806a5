"""The pages: complete, inert whatever names and values contain, and readable without the network."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from checkers import transactions
from checkers.linearizability import MODELS, CallsBuilder, check
from checkers.linearizability.findings import windows
from checkers.transactions import Builder, certificate
from checkers.workloads import append
from harness import charts, check_page, junit, losses, pictures, report, results, summary
from harness.charts import Mark
from harness.check_page import CheckPage
from harness.checker import CheckResult, Finding
from harness.contract import Mode, contract_for
from harness.course import Course
from harness.episode import Episode, Proof
from harness.errors import DamagedError, PluginError, UsageError
from harness.history import History
from harness.operation import Operation, Outcome
from harness.pages import SYMBOLS
from harness.report import RunPage
from harness.result import Latency, Rpo, RunResult
from harness.results import RunInfo
from harness.scenario import Scenario
from harness.sequence import Chart, Gap, Row
from harness.verdict import Verdict
from harness.verify import VerifyResult

S = 1_000_000_000
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}{% endraw %}\x00\u202e</svg>"
TAME = re.sub(r"[^\w ]", "x", HOSTILE)
"""As long, and wrapped at the same places."""


def operations() -> Iterator[Operation]:
    for number in range(400):
        outcome = (Outcome.OK, Outcome.OK, Outcome.FAIL, Outcome.INFO)[number % 4]
        call_ns = 2 * S + number * 10_000_000
        returned = None if number == 399 else call_ns + 2_000_000
        yield Operation(
            id=number, process=0, f="append", call_ns=call_ns, return_ns=returned, outcome=outcome
        )


def page(text: str = "plain", verdict: Verdict = Verdict.VIOLATED) -> RunPage:
    """Return a page on which every text that can come from outside is `text`."""
    episode = Episode(
        id=0,
        fault=text,
        targets=(text,),
        detail=text,
        from_ns=3 * S,
        until_ns=4 * S,
        injected=(Proof(what=text, shown=True),),
        healed=(Proof(what=text, shown=False),),
        error=text,
    )
    checks = tuple(checked(text, verdict, certificate) for certificate in (window(text), cycle(text)))
    result = RunResult(
        name=text,
        verdict=verdict,
        mode=text,
        seed=7,
        acknowledged=812,
        lost=3,
        permitted=2,
        forbidden=1,
        rpo=Rpo(operations=3, bytes=60, seconds=0.25),
        rto=1.5,
        latency=Latency(p50=0.002, p99=0.03),
        checks=checks,
        episodes=(episode,),
        error=text,
        skipped=text,
        warnings=(text,),
        seconds={text: 1.0},
    )
    columns = History.of(operations()).columns()
    contract = contract_for(Mode.ASYNC, ("n1", "n2"))
    return RunPage(
        result=result,
        scenario=Scenario(name="x", mode=Mode.ASYNC, description=text, system=text),
        info=info(text),
        contract=msgspec.structs.replace(contract, promise=text),
        timeline=charts.timeline(columns, (episode,), [Mark(at_ns=3 * S, label=text)]),
        started_ns=2 * S,
        commands=((text, text),),
        pictures=pictures.of_checks(checks, (episode,)),
        sequence=Chart(
            columns=("clients", text),
            rows=(
                Row(at_ns=2 * S, who="clients", kind="call", text=text),
                Gap(rows=3),
                Row(at_ns=3 * S, who=None, kind="fault", text=text),
                Row(at_ns=4 * S, who=text, kind="grave", text=f"PRIMARY {text}"),
            ),
            violations=(),
        ),
    )


def checked(text: str, verdict: Verdict, certificate: dict[str, Any]) -> CheckResult:
    finding = Finding(verdict=verdict, title=text, lines=(text, text))
    name = f"{text} {certificate['kind']}"
    return CheckResult(
        checker=name, verdict=verdict, summary=text, findings=(finding,), certificate=certificate
    )


def window(text: str) -> dict[str, Any]:
    """Return a certificate of a window in which every text is this one."""
    builder = CallsBuilder()
    for id, value in enumerate((text, f"{text}!")):
        builder.add(
            id=id,
            f="write",
            args=(value,),
            result=None,
            call_ns=id * 3 * S,
            return_ns=id * 3 * S + S,
            key=text,
        )
    builder.add(id=2, f="read", result=text, call_ns=5 * S, return_ns=6 * S, key=text)
    builder.add(id=3, f="write", args=(text,), result=None, call_ns=9 * S, return_ns=9 * S, key=text)
    return dict(windows(check(builder.build(), MODELS["register"])))


def cycle(text: str) -> dict[str, Any]:
    """Return a certificate of a cycle of transactions in which every text is this one."""
    builder = Builder()
    other = f"{text}!"
    builder.add([("append", text, text), ("append", other, text)], id=0, call_ns=0, return_ns=9)
    builder.add([("r", text, [text]), ("r", other, [])], id=1, process=1, call_ns=0, return_ns=9)
    return certificate(transactions.check(builder.build()))


def info(text: str) -> RunInfo:
    return RunInfo(
        acked="0.1.0", python="3.11", kernel=text, distribution=text, packages={text: text}, cores=2, seed=7,
        command=("acked", text), started="2026-01-31T10:15:00+00:00",
    )  # fmt: skip


def verification(text: str = "plain") -> VerifyResult:
    run = page(text).result
    cells = tuple(
        summary.summarise(
            msgspec.structs.replace(run, verdict=verdict, skipped=None),
            folder=Path("/x"),
            fault=fault,
            variant=text,
        )
        for verdict, fault in zip(Verdict, ("kill", text, None, None), strict=True)
    )
    return VerifyResult(
        verdict=Verdict.VIOLATED, seed=1, interrupted=False, allow_skipped=False, expect_no_loss=False,
        cells=cells, not_run=(text,), seconds=3.0, folder="/x",
    )  # fmt: skip


class Tags(HTMLParser):
    """Collects every tag, attribute and piece of text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def pages(text: str) -> dict[str, str]:
    links = {cell.name: "cells/x/report.html" for cell in verification(text).cells}
    checked_page = CheckPage(
        verdict=Verdict.VIOLATED, file=text, format=text, operations=3, notes=(text,),
        checks=page(text).result.checks, certificates={f"{text} window": text}, commands=((text, text),),
    )  # fmt: skip
    return {
        "check": check_page.render(checked_page),
        "run": report.render_run(page(text)),
        "verify": report.render_verification(verification(text), info(text), links),
    }


@pytest.mark.parametrize("kind", ["check", "run", "verify"])
def test_what_comes_from_outside_is_only_ever_text(kind: str) -> None:
    plain, hostile = Tags(pages(TAME)[kind]), Tags(pages(HOSTILE)[kind])
    # The same elements, whatever the texts are: nothing that was put in became markup.
    assert hostile.tags == plain.tags
    assert [name for name, _ in hostile.attributes] == [name for name, _ in plain.attributes]
    assert "<script>alert(1)</script>" in hostile.text
    assert "{{ 7*7 }}" in hostile.text
    drawn = [value for name, value in plain.attributes if name == "class" and value in ("window", "cycle")]
    assert drawn == ([] if kind == "verify" else ["window", "cycle"])


@pytest.mark.parametrize("kind", ["check", "run", "verify"])
def test_a_page_asks_the_network_for_nothing(kind: str) -> None:
    text = pages(HOSTILE)[kind]
    tags = Tags(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(tags.tags)
    assert [value for name, value in tags.attributes if name in ("src", "srcset", "data", "action")] == []
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    style = "".join(re.findall(r"<style>(.*?)</style>", text, re.DOTALL))
    assert re.findall(r"url\((?!#)|@import", style) == []
    assert "default-src 'none'" in text
    links = [value for name, value in tags.attributes if name == "href"]
    assert all(link == "cells/x/report.html" for link in links)


@pytest.mark.parametrize("verdict", Verdict)
def test_the_page_of_a_run_tells_all_that_counts(verdict: Verdict) -> None:
    text = Tags(report.render_run(page("plain", verdict))).text
    for expected in (
        verdict.upper(), SYMBOLS[verdict], report.SENTENCES[verdict], "812", "2 permitted, 1 forbidden",
        "0.25 s", "3 operations, 60 bytes", "1.50 s", "2.0 ms", "30.0 ms", "What was promised",
        "after a failover: a suffix", "2.000 s", "3.000 s", "4.000 s", "seed 7",
    ):  # fmt: skip
        assert expected in text


def test_the_page_of_a_violation_tells_it_step_by_step() -> None:
    text = Tags(report.render_run(page("plain"))).text
    assert "Step by step" in text
    assert "3 rows left out" in text
    assert "PRIMARY plain" in text
    assert "Step by step" not in report.render_run(msgspec.structs.replace(page("plain"), sequence=None))


def test_what_keeps_it_from_being_told_step_by_step_does_not_cost_the_page() -> None:
    untold = msgspec.structs.replace(page("plain"), sequence=None, untold="no workload is called 'x'")
    text = Tags(report.render_run(untold)).text
    assert "It can't be told step by step: no workload is called 'x'" in text


def test_lines_of_errors_are_told_whole() -> None:
    long = f'  File "/home/{"x" * 60}/ledger.py", line 203, in ^^^^^^^^^^^^'
    result = page("plain").result
    checks = tuple(
        msgspec.structs.replace(
            check, findings=(Finding(verdict=verdict, title=verdict, lines=(long,)),), certificate=None
        )
        for check, verdict in zip(result.checks, (Verdict.ERROR, Verdict.VIOLATED), strict=True)
    )
    text = Tags(report.render_run(msgspec.structs.replace(
        page("plain"), result=msgspec.structs.replace(result, checks=checks), pictures={}
    ))).text  # fmt: skip
    assert text.count(long) == 1
    told = list(summary.stories(checks))
    assert f"    {long}" in told
    assert sum("long)" in line for line in told) == 1


def test_an_expectation_alone_is_no_broken_promise() -> None:
    result = page().result
    unmet = CheckResult(checker="expectations", verdict=Verdict.VIOLATED, summary="0 of 1 met")
    kept = CheckResult(checker="durability", verdict=Verdict.HOLDS, summary="98 lost: 98 permitted")
    broken = msgspec.structs.replace(kept, verdict=Verdict.VIOLATED)
    only_expected = msgspec.structs.replace(result, checks=(kept, unmet))
    assert (
        report.sentence(only_expected)
        == "What the mode promises was kept, but not what the scenario expects."
    )
    assert (
        report.sentence(msgspec.structs.replace(result, checks=(broken, unmet))) == "The promise was broken."
    )


def test_the_page_of_a_verification_tells_all_that_counts() -> None:
    text = Tags(pages("plain")["verify"]).text
    for expected in ("812 acked", "3 lost, 1 forbidden", "Cases", "Not run: plain", "1 violated"):
        assert expected in text


def test_what_came_of_a_case_on_each_kind_of_machines_is_side_by_side() -> None:
    outcome = verification()
    cells = tuple(
        msgspec.structs.replace(cell, name=f"a-case-{kind}", title="a-case", machines=kind, verdict=verdict)
        for cell, kind, verdict in zip(
            outcome.cells, ("sim", "ssh"), (Verdict.HOLDS, Verdict.VIOLATED), strict=False
        )
    )
    both = msgspec.structs.replace(outcome, cells=cells)
    text = report.render_verification(both, info("plain"), {"a-case-ssh": "cells/a-case-ssh/report.html"})
    (table,) = [part for part in text.split("<h2>") if part.startswith("Side by side")]
    shown = Tags(table.split("</table>")[0])
    places = [shown.text.index(word) for word in ("sim", "ssh", "a-case", "holds", "violated")]
    assert places == sorted(places)
    assert ("href", "cells/a-case-ssh/report.html") in shown.attributes
    one_kind = msgspec.structs.replace(outcome, cells=cells[:1])
    assert "Side by side" not in report.render_verification(one_kind, info("plain"), {})


def test_a_run_without_anything_still_has_a_page() -> None:
    result = RunResult(name="x", verdict=Verdict.ERROR, mode="sync", seed=1, error="n1 did not start")
    bare = RunPage(
        result=result, scenario=None, info=None, contract=None, timeline=None, started_ns=None, commands=()
    )
    assert "n1 did not start" in report.render_run(bare)


def test_reports_are_written_from_a_folder(tmp_path: Path) -> None:
    results.write_json(tmp_path / "results.json", page().result)
    assert report.write(tmp_path) == tmp_path / "report.html"
    assert "VIOLATED" in (tmp_path / "report.html").read_text()
    assert b'<failure type="violated"' not in (tmp_path / "junit.xml").read_bytes()
    assert b"<skipped" in (tmp_path / "junit.xml").read_bytes()


def test_a_verification_links_the_pages_of_its_cells(tmp_path: Path) -> None:
    results.write_json(tmp_path / "verify.json", verification())
    cell = tmp_path / "cells" / "plain"
    cell.mkdir(parents=True)
    report.write(tmp_path)
    assert "href=" not in (tmp_path / "report.html").read_text()
    (cell / "report.html").write_text("")
    report.write(tmp_path)
    assert 'href="cells/plain/report.html"' in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    "content,message",
    [
        (None, "neither results.json nor verify.json is in it: no run, or not finished"),
        (b"{", "damaged: Input data was truncated"),
        (b'{"name": 3}', "damaged: Expected `str`, got `int` - at `$.name`"),
    ],
)
def test_a_folder_without_results_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(UsageError if content is None else DamagedError) as caught:
        report.write(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert str(caught.value).endswith(message)


# JUnit


def junit_of(verdict: Verdict, *, skipped: str | None = None) -> str:
    result = msgspec.structs.replace(page(HOSTILE, verdict).result, skipped=skipped)
    return junit.of_run(result).decode()


def test_junit_maps_each_verdict() -> None:
    from xml.etree import ElementTree as ET

    cases = {
        Verdict.HOLDS: None,
        Verdict.VIOLATED: ("failure", "violated"),
        Verdict.INCONCLUSIVE: ("failure", "inconclusive"),
        Verdict.ERROR: ("error", "error"),
    }
    for verdict, expected in cases.items():
        suite = ET.fromstring(junit_of(verdict))[0]
        (case,) = suite
        found = [(child.tag, child.get("type")) for child in case]
        assert found == ([expected] if expected else [])
        assert suite.get("failures") == str(int(expected is not None and expected[0] == "failure"))
    skipped = ET.fromstring(junit_of(Verdict.INCONCLUSIVE, skipped="no disk"))[0][0][0]
    assert (skipped.tag, skipped.get("message")) == ("skipped", "no disk")


def test_junit_of_a_verification_has_a_case_for_each_cell() -> None:
    from xml.etree import ElementTree as ET

    root = ET.fromstring(junit.of_verification(verification(HOSTILE).cells))
    assert [(suite.get("name"), suite.get("tests")) for suite in root] == [
        ("acked verify: matrix", "2"),
        ("acked verify: textbook", "2"),
    ]


# The timeline


def test_the_timeline_counts_every_operation() -> None:
    timeline = charts.timeline(History.of(operations()).columns(), (), ())
    assert timeline is not None
    per_pixel = max(tick.at for tick in timeline.rates) - min(tick.at for tick in timeline.rates)
    full = float(timeline.rates[-1].label)
    bin_s = (399 * 0.01) / charts.BINS
    for bars, number in ((timeline.ok, 200), (timeline.failed, 100), (timeline.unknown, 100)):
        counted = sum(bar.height for bar in bars) / per_pixel * full * bin_s
        assert counted == pytest.approx(number, rel=0.02)


def test_lost_operations_are_drawn_apart_from_those_that_lasted() -> None:
    lost_ns = [op.return_ns for op in operations() if op.outcome is Outcome.OK and op.return_ns][:50]
    timeline = charts.timeline(History.of(operations()).columns(), (), (), lost_ns=lost_ns)
    whole = charts.timeline(History.of(operations()).columns(), (), ())
    assert timeline is not None
    assert whole is not None
    assert sum(bar.height for bar in timeline.lost) == pytest.approx(
        sum(bar.height for bar in whole.ok) / 4, rel=0.02
    )
    apart = sum(bar.height for bar in (*timeline.ok, *timeline.lost))
    assert apart == pytest.approx(sum(bar.height for bar in whole.ok), rel=0.001)


def acknowledged(number: int, *, f: str = "append", node: str = "n1", value: object = None) -> Operation:
    at_ns = number * S
    args = (["k"],) if f == "peek" else ("k", number)
    return Operation(
        id=number, process=0, f=f, args=args, node=node, call_ns=at_ns, return_ns=at_ns + 1, outcome=Outcome.OK,
        value=value,
    )  # fmt: skip


@pytest.mark.parametrize("lost,expected", [(2, (2 * S + 1, 3 * S + 1)), (1, ()), (0, ())])
def test_lost_writes_are_found_again_or_not_drawn_at_all(lost: int, expected: tuple[int, ...]) -> None:
    history = History.of(
        [
            *(acknowledged(number) for number in (1, 2, 3)),
            acknowledged(5, f="peek", value=[[1, 2, 3]], node="n2"),
            acknowledged(6, f="peek", value=[[1]]),
        ]
    )
    went = Course(stopped_ns=4 * S, survivor="n1")
    assert losses.times_ns(history, append({}), went, lost=lost) == expected
    assert losses.times_ns(history, append({}), Course(), lost=lost) == ()


def test_a_history_without_operations_has_no_timeline() -> None:
    assert charts.timeline(History.of([]).columns(), (), ()) is None


def test_a_single_operation_has_a_timeline() -> None:
    one = Operation(id=0, process=0, f="append", call_ns=5)
    assert charts.timeline(History.of([one]).columns(), (), ()) is not None


def test_labels_do_not_cover_each_other() -> None:
    marks = [Mark(at_ns=2 * S + number * 50_000_000, label="n2 primary of epoch 2") for number in range(60)]
    timeline = charts.timeline(History.of(operations()).columns(), (), marks)
    assert timeline is not None
    rows: dict[float, list[tuple[float, float]]] = {}
    for label in timeline.marks:
        width = len(label.text) * 6
        left = label.x if label.anchor == "start" else label.x - width
        rows.setdefault(label.y, []).append((left, left + width))
    for spans in rows.values():
        for (_, end), (start, _) in zip(sorted(spans), sorted(spans)[1:], strict=False):
            assert end <= start
    assert all(left >= 0 and right <= charts.WIDTH for spans in rows.values() for left, right in spans)


def test_a_certificate_that_can_not_be_drawn_is_told_and_one_of_another_kind_is_left_out() -> None:
    damaged = checked("x", Verdict.VIOLATED, {"kind": "window", "windows": [{"key": 1}]})
    with pytest.raises(PluginError, match="the certificate of x window can't be drawn: ValidationError"):
        pictures.of_checks([damaged])
    assert pictures.of_checks([checked("x", Verdict.VIOLATED, {"kind": "other"})]) == {}


def test_of_many_claims_a_few_are_drawn() -> None:
    one = window("x")["windows"]
    drawn = pictures.of_checks([checked("x", Verdict.VIOLATED, {"kind": "window", "windows": one * 9})])
    assert len(drawn["x window"]) == pictures.MOST
