"""From a certificate to a conclusion: what was checked, or the first thing that is wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from checkers.verifier.cases import check_case
from checkers.verifier.cycles import check_cycle
from checkers.verifier.fields import field
from checkers.verifier.history import History, Refused
from checkers.verifier.levels import forbids
from checkers.verifier.losses import FinalReads, check_loss
from checkers.verifier.micro import transactions
from checkers.verifier.orders import TooLarge
from checkers.verifier.windows import check_linearization, check_window


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What was found to be true, one line for each claim, and which claims are too large to be tried in full."""

    true: tuple[str, ...]
    unchecked: tuple[str, ...] = ()


def verify(certificate: Any, history: History) -> Conclusion:
    """Check all claims of a certificate against the history; raises Refused at the first that is wrong.

    It may be wrapped in what `acked check --out` writes around it.
    """
    if isinstance(certificate, Mapping) and "certificate" in certificate:
        certificate = certificate["certificate"]
    kind = field(certificate, "kind", str)
    if kind not in _KINDS:
        raise Refused(f"certificates of kind {kind!r} can't be checked; allowed: {', '.join(_KINDS)}")
    claims, check = _KINDS[kind](certificate, history)
    if not claims:
        raise Refused("the certificate claims nothing")
    true, unchecked = [], []
    for place, claim in enumerate(claims):
        try:
            true.append(check(claim))
        except TooLarge:
            unchecked.append(f"claim {place}: there are too many possibilities to try them all")
        except Refused as refusal:
            raise Refused(f"claim {place}: {refusal}") from refusal
    return Conclusion(true=tuple(true), unchecked=tuple(unchecked))


Claims = tuple[list[Any], Callable[[Any], str]]


def _windows(certificate: Any, history: History) -> Claims:
    return field(certificate, "windows", list), lambda claim: check_window(claim, history)


def _linearizations(certificate: Any, history: History) -> Claims:
    return field(certificate, "objects", list), lambda claim: check_linearization(claim, history)


def _losses(certificate: Any, history: History) -> Claims:
    reads = FinalReads(history, field(certificate, "survivor", str))
    return field(certificate, "writes", list), lambda claim: check_loss(claim, history, reads)


def _transactions(certificate: Any, history: History) -> Claims:
    workload = field(certificate, "workload", str)
    if workload not in ("list-append", "rw-register"):
        raise Refused(f"workload is list-append or rw-register, not {workload!r}")
    txns = transactions(history, lists=workload == "list-append")
    infer = field(certificate, "infer", list)
    anomalies = field(certificate, "anomalies", list)
    asked = field(certificate, "consistency", str)
    if not any(forbids(asked, field(each, "anomaly", str)) for each in anomalies):
        raise Refused(f"none of these anomalies is forbidden by {asked}")

    def check(claim: Any) -> str:
        if "steps" in claim:
            return check_cycle(claim, txns, history, infer)
        return check_case(claim, txns, infer)

    return anomalies, check


_KINDS: Mapping[str, Callable[[Any, History], Claims]] = {
    "window": _windows,
    "linearization": _linearizations,
    "lost-writes": _losses,
    "transactions": _transactions,
}
