"""Does the run prove anything? The check that keeps a run in which nothing happened from passing.

A run is vacuous when no client's write was acknowledged, or when a fault was not seen to act or to be gone
again. Such a run may still show a violation, but it can't show that a promise holds.
"""

from collections.abc import Iterator, Sequence

from harness.checker import CheckResult, Finding
from harness.course import Course
from harness.deaths import told
from harness.episode import Episode, Proof
from harness.verdict import Verdict, merge
from harness.words import plural

NAME = "soundness"


def judge(
    course: Course | None,
    episodes: Sequence[Episode],
    *,
    acknowledged: int,
    planned: int,
    recovery_expected: bool = True,
) -> CheckResult:
    """Return whether the run can prove anything: `holds` or `inconclusive`, with the reasons.

    `acknowledged` counts the clients' writes, `planned` the scenario's fault steps. `course` is None when
    the harness was killed. Without `recovery_expected` a system that does not recover is no reason for doubt.
    """
    findings = (
        *_of_course(course, acknowledged),
        *_of_episodes(course, episodes, planned),
        *_of_recovery(course, expected=recovery_expected),
    )
    healed = sum(episode.bit and episode.mended for episode in episodes)
    sound = f"{plural(acknowledged, 'write')}, {plural(healed, 'fault')} with evidence"
    summary = findings[0].title if findings else sound
    return CheckResult(
        checker=NAME,
        verdict=merge((Verdict.HOLDS, *(finding.verdict for finding in findings))),
        summary=summary if len(findings) < 2 else f"{summary}, and {len(findings) - 1} more",
        findings=findings,
        figures={"acknowledged_by_clients": acknowledged, "episodes": len(episodes), "proved": healed},
    )


def _of_course(course: Course | None, acknowledged: int) -> Iterator[Finding]:
    if course is None:
        yield _doubt("the harness was killed before the run was over")
    elif course.interrupted:
        yield _doubt("the run was interrupted")
    if not acknowledged:
        yield _doubt("no write of a client was acknowledged")


def _of_episodes(course: Course | None, episodes: Sequence[Episode], planned: int) -> Iterator[Finding]:
    for episode in episodes:
        yield from _of_episode(episode, stopped_ns=None if course is None else course.stopped_ns)
    if missing := planned - len(episodes):
        yield _doubt(f"{missing} of {planned} faults were never injected")


def _of_recovery(course: Course | None, *, expected: bool) -> Iterator[Finding]:
    if course is None or course.stopped_ns is None:
        return
    if course.recovered is False:
        if not expected:
            return
        yield _doubt(
            "the system did not recover: no write was acknowledged after the faults were healed",
            *told(course.deaths),
        )
    elif course.recovered is None:
        yield _doubt("the run ended before it was known whether the system recovers")
    if course.unsettled:
        yield _doubt("the nodes did not settle", course.unsettled, *told(course.deaths))


def _of_episode(episode: Episode, *, stopped_ns: int | None) -> Iterator[Finding]:
    what = f"{episode.fault} on {', '.join(episode.targets) or 'nothing'}"
    if episode.error is not None:
        yield _doubt(f"{what} went wrong", episode.error)
    if episode.injected_ns is None:
        if episode.error is None:
            yield _doubt(f"{what} was never injected")
    elif stopped_ns is not None and episode.injected_ns >= stopped_ns:
        yield _doubt(f"{what} struck only after the clients had stopped")
    elif not episode.bit:
        yield _doubt(f"nothing shows that {what} acted", *_missed(episode.injected))
    if episode.injected_ns is not None and not episode.mended:
        yield _doubt(f"nothing shows that {what} was healed", *_missed(episode.healed))


def _missed(proofs: Sequence[Proof]) -> tuple[str, ...]:
    return tuple(proof.what for proof in proofs if not proof.shown)


def _doubt(title: str, *lines: str) -> Finding:
    return Finding(verdict=Verdict.INCONCLUSIVE, title=title, lines=lines)
