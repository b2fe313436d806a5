"""The outcome of a self-test as a table in Markdown, to be kept in a document."""

from collections.abc import Iterator

from harness.campaign.selftest import Hunt, SelfTest
from harness.words import plural

_HEAD = (
    "| bug | way | what the store does wrong | found by | seeds | seconds | faults | operations |",
    "| --- | ---: | --- | --- | ---: | ---: | ---: | ---: |",
)
_END = "<!-- end -->"


def table(outcome: SelfTest) -> str:
    """Return the hunts as a table, those that wait for a fault too, and what came of the store without a bug."""
    return "\n".join((*_HEAD, *_rows(outcome), "", *_told(outcome))) + "\n"


def placed(text: str, kind: str, content: str) -> str:
    """Return a document with `content` in the place that is marked for self-tests on a kind of machines.

    That is between the lines `<!-- acked selftest --machines KIND -->` and `<!-- end -->`. A document without
    that place becomes the content alone.
    """
    begin = f"<!-- acked selftest --machines {kind} -->"
    before, found, rest = text.partition(begin)
    _, end, after = rest.partition(_END)
    return f"{before}{begin}\n\n{content}\n{_END}{after}" if found and end else content


def _rows(outcome: SelfTest) -> Iterator[str]:
    for hunt in outcome.bugs:
        yield _row(
            f"`{hunt.name}`", hunt.way, hunt.summary, hunt.checker or "**not found**", hunt.seeds,
            f"{hunt.seconds:.1f}", _or_dash(hunt.faults), _or_dash(hunt.operations),
        )  # fmt: skip
    for each in outcome.waiting:
        yield _row(f"`{each.name}`", each.way, each.summary, f"waits for `{each.fault}`", "", "", "", "")


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _told(outcome: SelfTest) -> Iterator[str]:
    waiting = f"; {len(outcome.waiting)} wait for a fault" if outcome.waiting else ""
    yield f"{outcome.found} of {plural(outcome.wanted, 'bug')} found{waiting}."
    if outcome.canary is not None:
        yield _canary(outcome.canary)
    silence = outcome.silence
    if silence is not None:
        accused = plural(len(silence.accused), "accusation")
        yield (
            f"The correct store: {accused} in {plural(silence.seeds, 'run')} of {silence.run_s:.0f} s together; "
            f"{silence.holds} held, {silence.inconclusive} were inconclusive, {len(silence.errors)} failed."
        )


def _canary(canary: Hunt) -> str:
    found = "not found" if canary.seed is None else "**found**"
    return f"The canary, which has no bug: {found} in {plural(canary.seeds, 'run')}."


def _or_dash(count: int | None) -> str:
    return "-" if count is None else str(count)
