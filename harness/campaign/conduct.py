"""A campaign from beginning to end: seeds are tried, what is found is shrunk and kept, and all is summed up."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from typing import Final, Protocol

from msgspec import Struct

from harness import results
from harness.campaign import drive
from harness.campaign.book import RESULT, Book
from harness.campaign.executors import Executor
from harness.campaign.findings import Finding, Findings
from harness.campaign.search import Search, Settled
from harness.verdict import Verdict, merge

MOST_ERRORS: Final = 20
"""How many errors of the harness are listed."""

_POLL_S = 0.2


class SeedError(Struct, frozen=True, kw_only=True):
    """A seed with which the harness failed."""

    seed: int
    error: str


class Kind(Struct, frozen=True, kw_only=True):
    """Features of one kind: how many, and the newest one with the seed that first showed it."""

    kind: str
    features: int
    newest: str
    seed: int


class FuzzResult(Struct, frozen=True, kw_only=True):
    """The outcome of a campaign: what `acked fuzz --json` prints and `fuzz.json` holds.

    `tried` (seeds), `seconds`, `seeds_per_hour` and `speed` (simulated seconds a second) are of this part of a
    campaign that was gone on with; everything else is of the whole. `errors` are the first that there were of the
    harness.
    """

    verdict: Verdict
    interrupted: bool
    first: int
    seeds: int
    tried: int
    seconds: float
    simulated_seconds: float
    seeds_per_hour: float
    speed: float
    acknowledged: int
    operations: int
    verdicts: Mapping[str, int]
    features: int
    coverage: tuple[Kind, ...]
    findings: tuple[Finding, ...]
    errors: tuple[SeedError, ...]
    bug: str | None
    folder: str


class Watcher(Protocol):
    """Is told how a campaign gets on."""

    def went(self, tally: "Tally", features: int) -> None:
        """Take note that one more seed is settled."""

    def found(self, finding: Finding) -> None:
        """Take note of the first violation of a kind, and again when it has been shrunk."""

    def shrinking(self, count: int) -> None:
        """Take note that no more seeds are tried, and only findings are shrunk."""


class Tally:
    """Counts what seeds came to."""

    def __init__(self) -> None:
        self.verdicts: Counter[Verdict] = Counter()
        self.fresh = 0
        """How many seeds were tried now: not those that were known from an earlier part of the campaign."""
        self.acknowledged = 0
        self.operations = 0
        self.simulated_s = 0.0
        self.fresh_simulated_s = 0.0
        self.errors: list[SeedError] = []

    @property
    def seeds(self) -> int:
        """How many seeds there were."""
        return self.verdicts.total()

    def add(self, settled: Settled, *, fresh: bool) -> None:
        """Count a seed."""
        outcome = settled.outcome
        self.verdicts[outcome.verdict] += 1
        self.acknowledged += outcome.acknowledged
        self.operations += outcome.operations
        self.simulated_s += outcome.simulated_s
        if fresh:
            self.fresh += 1
            self.fresh_simulated_s += outcome.simulated_s
        if outcome.verdict is Verdict.ERROR and len(self.errors) < MOST_ERRORS:
            self.errors.append(SeedError(seed=outcome.seed, error=outcome.error or "not told"))

    def verdict(self) -> Verdict:
        """Return what is shown by all together: nothing, if every seed was inconclusive."""
        return merge(verdict for verdict in self.verdicts if verdict is not Verdict.INCONCLUSIVE)


def conduct(
    book: Book, executor: Executor, *, watcher: Watcher, stop: Callable[[], bool] = lambda: False
) -> FuzzResult:
    """Carry out a campaign, or what is left of it, and keep its outcome.

    When `stop` says so no more seeds are tried, and what is being shrunk is given up; at KeyboardInterrupt those
    under way, too. The time limit of the campaign, all its parts together, only keeps more seeds from being tried.
    """
    began = time.monotonic()
    campaign = book.campaign
    search = Search(campaign.aim, first=campaign.first, limit=campaign.seeds)
    findings = Findings(executor)
    tally = Tally()
    over = drive.deadline(None if campaign.time_s is None else campaign.time_s - book.spent_s)
    spent_s = None
    with contextlib.suppress(KeyboardInterrupt):
        for settled in drive.settled(
            search,
            executor,
            stop=lambda: stop() or (tally.seeds >= book.recorded and over()),
            known=book.known,
        ):
            fresh = book.add(settled)
            tally.add(settled, fresh=fresh)
            if settled.outcome.violations:
                finding = findings.take(settled.outcome, book.kept(settled.outcome.seed))
                if finding is not None:
                    watcher.found(finding)
            _keep(findings, book, watcher)
            watcher.went(tally, len(search.coverage))
        spent_s = time.monotonic() - began
        while findings.under_way and not stop():
            watcher.shrinking(len(findings.under_way))
            wait(findings.under_way, timeout=_POLL_S)
            _keep(findings, book, watcher)
    spent_s = spent_s or time.monotonic() - began
    findings.give_up("not shrunk: interrupted")
    outcome = FuzzResult(
        verdict=tally.verdict(),
        interrupted=stop(),
        first=campaign.first,
        seeds=tally.seeds,
        tried=tally.fresh,
        seconds=round(time.monotonic() - began, 1),
        simulated_seconds=round(tally.simulated_s, 1),
        seeds_per_hour=round(tally.fresh / spent_s * 3600),
        speed=round(tally.fresh_simulated_s / spent_s, 1),
        acknowledged=tally.acknowledged,
        operations=tally.operations,
        verdicts={str(verdict): tally.verdicts[verdict] for verdict in Verdict if tally.verdicts[verdict]},
        features=len(search.coverage),
        coverage=kinds(search.coverage),
        findings=findings.all,
        errors=tuple(tally.errors),
        bug=campaign.aim.settings.get("bug"),
        folder=str(book.folder),
    )
    results.write_json(book.folder / RESULT, outcome)
    return outcome


def kinds(coverage: Mapping[str, int]) -> tuple[Kind, ...]:
    """Return features by their kind, which is how their text begins; `coverage` in the order of discovery."""
    newest: dict[str, tuple[str, int]] = {}
    counts: Counter[str] = Counter()
    for feature, seed in coverage.items():
        kind = feature.partition(";")[0].partition(",")[0]
        newest[kind] = (feature, seed)
        counts[kind] += 1
    return tuple(
        Kind(kind=kind, features=count, newest=newest[kind][0], seed=newest[kind][1])
        for kind, count in counts.most_common()
    )


def _keep(findings: Findings, book: Book, watcher: Watcher) -> None:
    for finding, examined in findings.examined():
        watcher.found(findings.replace(book.keep(finding, examined)))
