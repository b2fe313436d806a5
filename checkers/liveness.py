"""Whether the system came back: writes are acknowledged again after the last heal, and all nodes agree in the end.

A promise of durability is easily kept by a system that never acknowledges anything again. What a contract's
election needs tells which faults a cluster must survive; only then is a cluster that stays down at fault:

- every fault was healed, and failover needs no operator;
- enough members still have the disk on which they voted. A wiped member has no vote until it has caught up, which
  it may never do; so each disk that was ever lost counts as gone for good.

Beyond that nothing is expected, and what happened is left to other checks. Where a process has died that no
fault had ended, nobody knows whether it did so by itself or was killed by a stranger: then it can't be told.
"""

from collections.abc import Sequence

from checkers.evidence.incidents import WIPES
from checkers.words import names
from harness.checker import CheckResult, Finding, RecordedRun
from harness.contract import Contract, Failover, Mode
from harness.episode import Episode
from harness.verdict import Verdict

_DAMAGES = ("bit-rot", "lost-write", "misdirected-write", "lying-flush")
"""The faults after which a node rightly refuses to go on with its disk."""

_RUINS = (WIPES, *_DAMAGES)
"""The faults that may cost a node what it had stored."""


class Liveness:
    """Checks that a cluster that can recover does."""

    name = "liveness"

    def check(self, run: RecordedRun) -> CheckResult:
        """Judge the end of the run. O(episodes)."""
        why = _excuse(run)
        if run.recovered and run.settled:
            return self._result(
                Verdict.HOLDS, "writes were acknowledged after the last heal, and all nodes agreed"
            )
        if why is not None:
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
        if run.recovered:
            title = "the nodes did not come to agree after the faults were healed"
        else:
            title = "no write was acknowledged after the faults were healed"
        lines = tuple(f"{episode.fault} of {names(episode.targets)}: healed" for episode in run.episodes)
        finding = Finding(verdict=Verdict.VIOLATED, title=title, lines=lines)
        return CheckResult(checker=self.name, verdict=Verdict.VIOLATED, summary=title, findings=(finding,))

    def _result(self, verdict: Verdict, summary: str) -> CheckResult:
        return CheckResult(checker=self.name, verdict=verdict, summary=summary)


def _excuse(run: RecordedRun) -> str | None:
    """Return why the cluster may stay down; None if it must come back."""
    contract = run.contract
    if not run.recovery_expected:
        return "the scenario says so"
    if contract.failover is Failover.MANUAL:
        return "only an operator makes a primary"
    unhealed = [episode.fault for episode in run.episodes if not episode.mended]
    if unhealed:
        return f"{names(unhealed)} not healed for sure"
    gone = _ruined(run.episodes, _RUINS)
    if gone and (contract.degrades or contract.failover is Failover.MIRROR):
        return f"a disk was lost ({names(gone)}), which may have been the only one in sync"
    refusing = set(_ruined(run.episodes, _DAMAGES))
    able = set(contract.nodes) - refusing
    if refusing and (len(able) < contract.copies or not able.issuperset(contract.members)):
        return f"an acknowledgement needs {names(refusing)}, which may refuse its disk"
    if not _elects(contract, set(contract.nodes) - set(gone)):
        return f"too few members have kept their disks: {names(gone)} lost theirs"
    return None


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
