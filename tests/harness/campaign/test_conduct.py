"""A campaign: what it counts, finds and keeps; and that it may stop and go on without a difference."""

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from stand_ins import Here, Watching, outcome

from harness import schema
from harness.campaign.book import Book, Campaign
from harness.campaign.conduct import FuzzResult, conduct
from harness.campaign.draw import Aim, scenario
from harness.campaign.executors import LocalProcesses
from harness.campaign.findings import Findings, kind
from harness.campaign.one import Try
from harness.errors import DamagedError, UsageError
from harness.verdict import Verdict

AIM = Aim(nodes=3, faults=("kill", "partition"))


def rule(seed: int) -> dict[str, Any]:
    """Two kinds of violations, an error, and a seed that proves nothing."""
    features = {"features": (f"elected by election, {seed}", "started whole; always")}
    match seed:
        case 3 | 5 | 8:
            return {"violations": (("durability", f"list-{seed}=7 was lost"), ("phantom", "x")), **features}
        case 6:
            return {"violations": (("convergence", "n1 and n2 differ"),), **features}
        case 7:
            return {"verdict": Verdict.ERROR, "error": "odd"}
        case 9:
            return {"verdict": Verdict.INCONCLUSIVE}
    return features


def begin(folder: Path, seeds: int | None = 10, time_s: float | None = None) -> Book:
    folder.mkdir()
    return Book.begin(folder, Campaign(aim=AIM, first=1, seeds=seeds, time_s=time_s))


def run(book: Book, executor: Any, **options: Any) -> FuzzResult:
    result = conduct(book, executor, watcher=Watching(), **options)
    book.close()
    return result


def test_a_campaign_sums_up_and_shrinks_each_kind_of_finding_once(tmp_path: Path) -> None:
    workers = Here(rule)
    result = run(begin(tmp_path / "c"), workers)
    assert result.verdict is Verdict.VIOLATED
    assert result.seeds == 10
    assert result.verdicts == {"holds": 4, "inconclusive": 1, "error": 1, "violated": 4}
    assert [(each.seed, each.error) for each in result.errors] == [(7, "odd")]
    assert workers.examined == [3, 6]
    first, second = result.findings
    assert (first.checker, first.count, first.seeds) == ("durability", 3, (3, 5, 8))
    assert (second.seed, second.count, second.operations) == (6, 1, 3)
    assert {each.kind: each.features for each in result.coverage} == {
        "elected by election": 8,
        "started whole": 1,
    }
    assert msgspec.json.decode((tmp_path / "c/fuzz.json").read_bytes(), type=FuzzResult) == result


def test_what_is_found_is_kept(tmp_path: Path) -> None:
    result = run(begin(tmp_path / "c"), Here(rule))
    home = tmp_path / "c" / "findings"
    assert result.findings[0].file == str(home / "seed-3.yaml")
    assert schema.load(home / "seed-3.yaml").faults == ()
    assert (home / "seed-3.txt").read_text() == "chart of 3\n"
    assert (home / "seed-3-shrunk/logs/n1/out").read_bytes() == b"x"
    assert (home / "seed-3/history.jsonl").exists()
    assert schema.load(tmp_path / "c/errors/seed-7.yaml") == scenario(7, AIM)
    assert not (home / "seed-5.yaml").exists()


@pytest.mark.parametrize(
    "rules,verdict",
    [
        ({}, Verdict.HOLDS),
        ({1: Verdict.INCONCLUSIVE}, Verdict.HOLDS),
        (dict.fromkeys(range(1, 11), Verdict.INCONCLUSIVE), Verdict.INCONCLUSIVE),
        ({1: Verdict.ERROR}, Verdict.ERROR),
    ],
)
def test_the_verdict_of_a_campaign(tmp_path: Path, rules: dict[int, Verdict], verdict: Verdict) -> None:
    workers = Here(lambda seed: {"verdict": rules.get(seed, Verdict.HOLDS)})
    assert run(begin(tmp_path / "c"), workers).verdict is verdict


class Stop:
    """Says so after it was asked a number of times."""

    def __init__(self, asked: int) -> None:
        self.left = asked

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def timeless(result: FuzzResult) -> dict[str, Any]:
    """Return what must be the same however long it took, and wherever."""
    told = msgspec.to_builtins(result)
    for name in ("tried", "seconds", "seeds_per_hour", "speed", "folder", "interrupted"):
        del told[name]
    for finding in told["findings"]:
        for name in ("file", "run", "chart"):
            del finding[name]
    return dict(told)


def recorded(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of the outcomes without when they came."""
    lines = [msgspec.json.decode(line) for line in (folder / "outcomes.jsonl").read_bytes().splitlines()]
    return [{name: value for name, value in line.items() if name != "at_s"} for line in lines]


@pytest.mark.parametrize("asked", [1, 2, 5, 7, 9])
def test_a_campaign_that_is_gone_on_with_ends_like_one_that_never_stopped(tmp_path: Path, asked: int) -> None:
    whole = run(begin(tmp_path / "whole", seeds=150), Here(rule))
    part = run(begin(tmp_path / "part", seeds=150), Here(rule), stop=Stop(asked))
    assert part.interrupted
    assert part.seeds < 150
    workers = Here(rule)
    rest = run(Book.open(tmp_path / "part"), workers)
    assert [wanted.seed for wanted in workers.tried] == list(range(part.seeds + 1, 151))
    assert timeless(rest) == timeless(whole)
    assert (rest.seeds, rest.tried) == (150, 150 - part.seeds)
    told = {each.seed for each in part.findings if each.file is not None}
    assert not told & set(workers.examined), "what is kept is not shrunk again"
    assert told | set(workers.examined) == {3, 6}
    assert recorded(tmp_path / "whole") == recorded(tmp_path / "part")


def test_a_line_that_was_cut_off_is_tried_again_and_damage_is_told(tmp_path: Path) -> None:
    whole = run(begin(tmp_path / "c"), Here(rule))
    path = tmp_path / "c" / "outcomes.jsonl"
    text = path.read_bytes()
    path.write_bytes(text[:-5])
    workers = Here(rule)
    assert timeless(run(Book.open(tmp_path / "c"), workers)) == timeless(whole)
    assert [wanted.seed for wanted in workers.tried] == [10]
    assert path.read_bytes().count(b"\n") == text.count(b"\n")
    path.write_bytes(b"{]\n" + text)
    with pytest.raises(DamagedError, match=r"outcomes.jsonl:1: damaged"):
        Book.open(tmp_path / "c")


def test_a_campaign_of_another_version_is_refused(tmp_path: Path) -> None:
    begin(tmp_path / "c").close()
    path = tmp_path / "c" / "campaign.json"
    told = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode({**told, "format": told["format"] + 1}))
    with pytest.raises(UsageError, match=r"campaign.json: format 3; .* goes on with format 2"):
        Book.open(tmp_path / "c")


def test_a_folder_that_is_no_campaign_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not the folder of a campaign"):
        Book.open(tmp_path)


def test_the_time_limit_ends_a_campaign_between_two_tries(tmp_path: Path) -> None:
    workers = Here(jobs=1)
    result = run(begin(tmp_path / "c", seeds=None, time_s=1e-9), workers)
    assert (result.seeds, result.verdict, result.interrupted) == (0, Verdict.INCONCLUSIVE, False)
    assert workers.tried == []


def test_all_parts_of_a_campaign_share_its_time(tmp_path: Path) -> None:
    part = run(begin(tmp_path / "c", seeds=150, time_s=60.0), Here(rule), stop=Stop(5))
    assert part.interrupted
    path = tmp_path / "c" / "outcomes.jsonl"
    *lines, last = path.read_bytes().splitlines()
    spent = msgspec.json.encode({**msgspec.json.decode(last), "at_s": 60.0})
    path.write_bytes(b"\n".join([*lines, spent]) + b"\n")
    rest = run(Book.open(tmp_path / "c"), workers := Here(rule))
    assert workers.tried == []
    assert (rest.seeds, rest.interrupted, rest.verdicts) == (part.seeds, False, part.verdicts)


def test_a_finding_has_the_title_of_its_shortest_story(tmp_path: Path) -> None:
    class Retold(Here):
        def submit(self, call: Any, given: Any) -> Any:
            future = super().submit(call, given)
            if isinstance(given, Try):
                return future
            told: Future[Any] = Future()
            found = future.result()
            told.set_result(replace(found, shrunk=replace(found.shrunk, title="list-0=1 was lost")))
            return told

    result = run(begin(tmp_path / "c"), Retold(rule))
    assert [each.title for each in result.findings] == ["list-0=1 was lost", "list-0=1 was lost"]
    assert [each.kind for each in result.findings] == ["list-3=7 was lost", "n1 and n2 differ"]
    assert [each.count for each in result.findings] == [3, 1], "kinds are told by the titles of the runs"


def test_a_second_interrupt_ends_at_once_and_what_was_found_is_told(tmp_path: Path) -> None:
    class Impatient(Watching):
        def went(self, tally: Any, features: int) -> None:
            if tally.seeds == 4:
                raise KeyboardInterrupt

    book = begin(tmp_path / "c")
    result = conduct(book, Here(rule), watcher=Impatient())
    book.close()
    assert (result.seeds, result.verdict) == (4, Verdict.VIOLATED)


def test_titles_that_differ_in_numbers_are_of_one_kind() -> None:
    wanted = Try(seed=1, scenario=scenario(1, AIM))

    def named(title: str, checker: str = "durability") -> tuple[str, str]:
        return kind(outcome(wanted, violations=((checker, title),)))

    assert named("list-5=477 was lost") == named("list-0=3 was lost")
    assert named("held by n1, n2 and n3 only") == named("held by n2 only")
    assert named("x was lost") != named("x was found")
    assert named("x was lost") != named("x was lost", "phantom")


def test_a_finding_that_can_not_be_shrunk_is_told_all_the_same() -> None:
    class Failing(Here):
        def submit(self, call: Any, given: Any) -> Any:
            future = super().submit(call, given)
            if not isinstance(given, Try):
                future = type(future)()
                future.set_exception(ValueError("odd"))
            return future

    findings = Findings(Failing())
    findings.take(outcome(Try(seed=1, scenario=scenario(1, AIM)), violations=(("durability", "lost"),)))
    assert list(findings.examined()) == []
    assert findings.all[0].problem == "not shrunk: ValueError: odd"


def test_workers_and_their_number_make_no_difference(tmp_path: Path) -> None:
    aim = Aim(faults=("power-cut", "kill"), settings={"bug": "ack-before-local-flush"}, span_s=3.0)
    told = []
    for jobs in (1, 2):
        folder = tmp_path / str(jobs)
        folder.mkdir()
        book = Book.begin(folder, Campaign(aim=aim, first=1, seeds=5, time_s=None))
        executor = LocalProcesses(jobs)
        result = run(book, executor)
        executor.close()
        assert result.findings
        assert result.findings[0].operations is not None
        told.append((timeless(result), (folder / "findings" / "seed-1.yaml").read_text()))
    assert told[0] == told[1]
