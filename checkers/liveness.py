"""Whether the system came back: writes are acknowledged again after the last heal, and all nodes agree in the end.

A promise of durability is easily kept by a system that never acknowledges anything again. What a contract's
election needs tells which faults a cluster must survive; only then is a cluster that stays down at fault:

- every fault was healed, and failover needs no operator;
- enough members still have the disk on which they voted. A wiped member has no vote until it has caught up, which
  it may never do; so each disk that was ever lost counts as gone for good.

A cluster that may degrade must also end that: with all its disks, it acknowledges writes with all copies again,
and waits for them, by the primary's own word. Both must be done within the scenario's `recovery_s`.

Where too few disks are left to elect a primary, a cluster rightly stays down. But then one of the nodes that have
theirs must report what it waits for (`harness.events.Waiting`), or that it refuses its disk: whoever is called at
night must be able to read what is amiss.

Beyond that nothing is expected, and what happened is left to other checks. Where a process has died that no
fault had ended, nobody knows whether it did so by itself or was killed by a stranger: then it can't be told. In a
simulation there are no strangers, and a process that gave up without a fault of its disk has only itself to blame,
whatever else may be expected.
"""

from collections.abc import Sequence

from checkers.evidence.incidents import WIPES
from checkers.words import names
from harness.checker import CheckResult, Finding, RecordedRun
from harness.contract import Contract, Failover, Mode
from harness.episode import Episode
from harness.events import Damaged, Elected, Started, SteppedDown, Waiting
from harness.machine import Death
from harness.verdict import Verdict

_DAMAGES = ("bit-rot", "lost-write", "misdirected-write", "lying-flush", "lost-flush")
"""The faults after which a node rightly refuses to go on with its disk."""

_RUINS = (WIPES, *_DAMAGES)
"""The faults that may cost a node what it had stored."""


_FAILS = ("flush-error", "disk-full", "disk-detached")
"""The faults at which a node rightly stops."""

SAY_S = 10.0
"""How long nodes have, at least, to say what they wait for."""


class Liveness:
    """Checks that a cluster that can recover does, and that one that can't says so."""

    name = "liveness"

    def check(self, run: RecordedRun) -> CheckResult:
        """Judge the end of the run. O(episodes + events)."""
        if run.recovered and run.settled and run.protected is not False:
            return self._result(
                Verdict.HOLDS, "writes were acknowledged after the last heal, and all nodes agreed"
            )
        if (death := _by_itself(run)) is not None:
            return self._blame(run, f"it did not all come back: {death.words}")
        if (why := _excuse(run)) is not None:
            return self._result(Verdict.HOLDS, f"not expected to recover: {why}")
        if (why := _stuck(run)) is not None:
            if _silent(run):
                return self._blame(run, f"no node says that it waits, though {why}")
            return self._result(Verdict.HOLDS, f"not expected to recover: {why}")
        if run.recovered is None:
            return self._result(Verdict.INCONCLUSIVE, "whether it recovers was not tried to the end")
        if run.recovered and (refusing := _ruined(run.episodes, _DAMAGES)):
            return self._result(
                Verdict.HOLDS,
                f"writes were acknowledged after the last heal; {names(refusing)} may refuse its disk",
            )
        if run.deaths:
            return self._result(Verdict.INCONCLUSIVE, f"it did not all come back: {run.deaths[0].words}")
        if run.recovered and run.survivor is None:
            return self._result(Verdict.INCONCLUSIVE, "another primary took over while the nodes were read")
        within = f"within {run.recovery_s:g} s after the faults were healed"
        if not run.recovered:
            return self._blame(run, f"no write was acknowledged {within}")
        if run.protected is False:
            return self._blame(run, f"the primary went on with fewer copies {within}")
        return self._blame(run, f"the nodes did not come to agree {within}")

    def _blame(self, run: RecordedRun, title: str) -> CheckResult:
        lines = tuple(f"{episode.fault} of {names(episode.targets)}: healed" for episode in run.episodes)
        finding = Finding(verdict=Verdict.VIOLATED, title=title, lines=lines)
        return CheckResult(checker=self.name, verdict=Verdict.VIOLATED, summary=title, findings=(finding,))

    def _result(self, verdict: Verdict, summary: str) -> CheckResult:
        return CheckResult(checker=self.name, verdict=verdict, summary=summary)


def _excuse(run: RecordedRun) -> str | None:
    """Return why nothing is expected of the cluster; None if something is."""
    contract = run.contract
    if not run.recovery_expected:
        return "the scenario says so"
    if contract.failover is Failover.MANUAL:
        return "only an operator makes a primary"
    unhealed = [episode.fault for episode in run.episodes if not episode.mended]
    if unhealed:
        return f"{names(unhealed)} not healed for sure"
    refusing = set(_ruined(run.episodes, _DAMAGES))
    able = set(contract.nodes) - refusing
    if refusing and (len(able) < contract.copies or not able.issuperset(contract.members)):
        return f"an acknowledgement needs {names(refusing)}, which may refuse its disk"
    return None


def _stuck(run: RecordedRun) -> str | None:
    """Return why the cluster may stay down for want of disks; None if it must come back."""
    contract = run.contract
    gone = _ruined(run.episodes, _RUINS)
    if gone and (contract.degrades or contract.failover is Failover.MIRROR):
        return f"a disk was lost ({names(gone)}), which may have been the only one in sync"
    if not _elects(contract, set(contract.nodes) - set(gone)):
        return f"too few members have kept their disks: {names(gone)} lost theirs"
    return None


def _by_itself(run: RecordedRun) -> Death | None:
    """Return a process that ended by itself, surely, and not for its disk's sake."""
    for death in run.deaths:
        struck = _ruined(run.episodes, (*_RUINS, *_FAILS))
        if not run.strangers and death.status > 0 and death.node not in struck:
            return death
    return None


def _silent(run: RecordedRun) -> bool:
    """Tell whether no node said, since the last heal, what keeps the cluster from having a primary.

    One that had a primary then, or whose disks are all gone, need not; nor is it known of one that does not report
    or was not given the time.
    """
    left = set(run.contract.nodes) - set(_ruined(run.episodes, _RUINS))
    if run.recovered is not False or not run.reports or not left or run.recovery_s < SAY_S or run.deaths:
        return False
    healed_ns = max((episode.until_ns or 0 for episode in run.episodes), default=0)
    primaries: set[str] = set()
    for event in run.events:
        match event:
            case Damaged():
                return False
            case Waiting(at_ns=at_ns) | Elected(at_ns=at_ns) if at_ns >= healed_ns:
                return False
            case Elected(node=node):
                primaries.add(node)
            case SteppedDown(node=node) | Started(node=node):
                primaries.discard(node)
    return not primaries


def _ruined(episodes: Sequence[Episode], faults: Sequence[str]) -> tuple[str, ...]:
    """Return whose disks these faults have struck."""
    return tuple(
        sorted({node for episode in episodes if episode.fault in faults for node in episode.targets})
    )


def _elects(contract: Contract, left: set[str]) -> bool:
    """Tell whether these members can elect a primary, as the mode's election asks for."""
    count = len(contract.nodes)
    if len(left) < count // 2 + 1:
        return False
    if contract.mode in (Mode.SEMI_SYNC, Mode.SEMI_SYNC_MEMORY):
        return len(left) >= count - (contract.copies - 1)
    if contract.mode in (Mode.SYNC, Mode.HYBRID):
        return not left.isdisjoint(contract.members)
    return True
