"""Stand-ins for the workers of a search: outcomes by a rule instead of by runs."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from msgspec.structs import replace

from harness.campaign.findings import Finding
from harness.campaign.one import Outcome, Try
from harness.campaign.shrink import Shrunk
from harness.campaign.work import Examined
from harness.verdict import Verdict

LOST = {"violations": (("durability", "lost"),)}
"""The fields of an outcome that is violated."""

Rule = Callable[[int], dict[str, Any]]


def outcome(wanted: Try, **fields: Any) -> Outcome:
    """Return what a try came to; it holds, with a write, unless it is told otherwise."""
    values = {"verdict": Verdict.HOLDS, "acknowledged": 1, "simulated_s": 10.0, **fields}
    if "violations" in fields:
        values["verdict"] = Verdict.VIOLATED
    return Outcome(seed=wanted.seed, scenario=wanted.scenario, **values)


class Here:
    """An executor that does at once what it is asked to, by a rule from a seed to the fields of its outcome."""

    def __init__(self, rule: Rule = lambda seed: {}, jobs: int = 2) -> None:
        self.jobs = jobs
        self.tried: list[Try] = []
        self.examined: list[int] = []
        self._rule = rule

    def submit(self, call: Any, given: Any) -> "Future[Any]":
        """Answer as a worker would."""
        future: Future[Any] = Future()
        if isinstance(given, Try):
            self.tried.append(given)
            future.set_result(outcome(given, **self._rule(given.seed)))
        else:
            self.examined.append(given.seed)
            future.set_result(story(given))
        return future

    def close(self) -> None:
        """Leave nothing behind."""


def story(found: Outcome) -> Examined:
    """Return the story of a violation that was as short as can be."""
    checker, title = found.violations[0]
    return Examined(
        shrunk=Shrunk(
            scenario=replace(found.scenario, faults=()),
            faults=0,
            operations=3,
            checker=checker,
            title=title,
            tries=7,
        ),
        chart=f"chart of {found.seed}\n",
        run={"history.jsonl": b"{}", "logs/n1/out": b"x"},
        first_run={"history.jsonl": b"{}"},
    )


class Watching:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.seeds = 0

    def went(self, tally: Any, features: int) -> None:
        self.seeds = tally.seeds

    def found(self, finding: Finding) -> None:
        self.findings.append(finding)

    def shrinking(self, count: int) -> None:
        pass

    def hunting(self, name: str, seeds: int) -> None:
        self.seeds = seeds

    def hunted(self, hunt: Any) -> None:
        pass
