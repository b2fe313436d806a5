"""Whether all nodes tell the same in the end.

After the faults are healed and the system has recovered, every data node is read in full. Lists must be equal
element by element, sets in any order, everything else as it is. Only fingerprints are kept while reading;
what differs is read a second time. An element whose write has an unknown outcome may still be on its way to
some nodes: such a difference alone proves nothing.
"""

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from checkers.evidence.ledger import appended_keys
from checkers.words import names
from harness.checker import CheckResult, Finding, RecordedRun
from harness.operation import Operation, Outcome
from harness.verdict import Verdict, merge
from harness.words import plural
from harness.workload import is_final_read

STORIES = 10
"""How many keys with differences are told."""

_UNREAD = 0

_encode = msgspec.json.Encoder().encode


class Convergence:
    """Checks that the final reads of all data nodes are equal."""

    name = "convergence"

    def check(self, run: RecordedRun) -> CheckResult:
        """Judge the run: one pass over its history, and another if there are differences."""
        if run.left_down:
            return self._result(Verdict.HOLDS, "not compared: the system is expected not to recover")
        prints = _Fingerprints(run)
        unread = {node: count for node in run.contract.nodes if (count := prints.unread(node))}
        if not prints.keys:
            return self._result(Verdict.INCONCLUSIVE, "no node was read in the end")
        differing = prints.differing()
        findings = [
            Finding(
                verdict=Verdict.INCONCLUSIVE,
                title=f"{node} was not read in full: {plural(count, 'key')} missing",
            )
            for node, count in unread.items()
        ]
        findings += _differences(run, differing)
        if differing:
            summary = f"the nodes differ in {len(differing)} of {plural(len(prints.keys), 'key')}"
        elif unread:
            summary = f"{names(unread)} could not be read in full"
        elif len(run.contract.nodes) == 1:
            summary = f"{names(run.contract.nodes)} is the only node with data: nothing to compare"
        else:
            summary = f"{names(run.contract.nodes)} agree on {plural(len(prints.keys), 'key')}"
        verdict = merge((Verdict.HOLDS, *(finding.verdict for finding in findings)))
        return self._result(
            verdict, summary, tuple(findings), keys=len(prints.keys), differing=len(differing)
        )

    def _result(
        self,
        verdict: Verdict,
        summary: str,
        findings: tuple[Finding, ...] = (),
        *,
        keys: int = 0,
        differing: int = 0,
    ) -> CheckResult:
        figures = {"keys": keys, "differing": differing}
        return CheckResult(
            checker=self.name, verdict=verdict, summary=summary, findings=findings, figures=figures
        )


class _Fingerprints:
    """What each node showed of each key in the end, as 64 bits; the last answered read of a key counts."""

    def __init__(self, run: RecordedRun) -> None:
        self.keys: dict[str, int] = {}
        self._prints = {node: array("Q") for node in run.contract.nodes}
        lists: set[str] = set()
        for operation in run.history:
            lists.update(appended_keys(operation))
            if operation.node in self._prints and is_final_read(
                operation, node=operation.node, stopped_ns=run.stopped_ns
            ):
                for key, value in _answers(operation):
                    self._add(operation.node, key, _canonical(value, ordered=key in lists))

    def unread(self, node: str) -> int:
        """Return how many keys of those that any node showed this one did not."""
        seen = self._prints[node]
        return len(self.keys) - len(seen) + seen.count(_UNREAD)

    def differing(self) -> list[str]:
        """Return the keys that two nodes showed differently."""
        found = []
        for key, code in self.keys.items():
            shown = {seen[code] for seen in self._prints.values() if code < len(seen)}
            if len(shown - {_UNREAD}) > 1:
                found.append(key)
        return found

    def _add(self, node: str, key: str, canonical: bytes) -> None:
        code, seen = self.keys.setdefault(key, len(self.keys)), self._prints[node]
        seen.extend([_UNREAD] * (code + 1 - len(seen)))
        seen[code] = int.from_bytes(blake2b(canonical, digest_size=8).digest(), "big") | 1


def _answers(read: Operation) -> Iterator[tuple[str, Any]]:
    return zip(read.args[0], read.value or (), strict=False)


def _canonical(value: Any, *, ordered: bool) -> bytes:
    """Return a value as bytes that are equal for equal values.

    The order of sets does not matter, and what is empty is as good as absent.
    """
    if isinstance(value, list | tuple):
        if not value:
            return _encode(None)
        if not ordered:
            return b",".join(sorted(_encode(element) for element in value))
    return _encode(value)


def _differences(run: RecordedRun, keys: Sequence[str]) -> Iterator[Finding]:
    """Read the history again for the keys that differ, and yield what was different."""
    if not keys:
        return
    views: dict[str, dict[str, Any]] = {key: {} for key in keys}
    unknown: dict[str, set[int]] = defaultdict(set)
    open_sums: set[str] = set()
    for operation in run.history:
        if operation.outcome is Outcome.INFO:
            for key, value in run.workload.writes(operation):
                unknown[key].add(value)
            open_sums.update(operation.args[:1] if operation.f == "increment" else ())
        elif operation.node in run.contract.nodes and is_final_read(
            operation, node=operation.node, stopped_ns=run.stopped_ns
        ):
            for key, value in _answers(operation):
                if key in views:
                    views[key][operation.node] = value
    certain = [key for key in keys if key not in open_sums and not _only_unknown(views[key], unknown[key])]
    certain_set = set(certain)
    for verdict, group in (
        (Verdict.VIOLATED if run.recovered and run.settled else Verdict.INCONCLUSIVE, certain),
        (Verdict.INCONCLUSIVE, [key for key in keys if key not in certain_set]),
    ):
        for key in group[:STORIES]:
            title = f"{key} differs between nodes"
            if key not in certain_set:
                title += ", by writes of unknown outcome only"
            yield Finding(verdict=verdict, title=title, lines=tuple(_views(views[key])))
        if group[STORIES:]:
            title = f"the nodes differ in {plural(len(group) - STORIES, 'more key')}"
            yield Finding(verdict=verdict, title=title)


def _only_unknown(views: Mapping[str, Any], unknown: Collection[int]) -> bool:
    """Tell whether the nodes agree but for elements whose writes may still be under way."""
    without = {
        node: [element for element in _elements(view) if element not in unknown]
        for node, view in views.items()
    }
    return all(view == next(iter(without.values())) for view in without.values())


def _views(views: Mapping[str, Any]) -> Iterator[str]:
    everything = list(dict.fromkeys(element for view in views.values() for element in _elements(view)))
    for node, view in sorted(views.items()):
        shown = _elements(view)
        missing = [element for element in everything if element not in set(shown)]
        lacks = f", lacks {_some(missing)}" if missing else ""
        yield f"{node}: {plural(len(shown), 'element')}{lacks}, ends with {_some(shown[-3:])}"


def _elements(view: Any) -> list[Any]:
    if view is None:
        return []
    return list(view) if isinstance(view, list | tuple) else [view]


def _some(elements: Sequence[Any]) -> str:
    told = ", ".join(str(element) for element in elements[:10]) or "nothing"
    return told + (f" and {len(elements) - 10} more" if len(elements) > 10 else "")
