"""What a run concluded: the content of `results.json`."""

from collections.abc import Mapping

from msgspec import Struct

from harness.checker import CheckResult
from harness.episode import Episode
from harness.machine import Death
from harness.verdict import Verdict


class Rpo(Struct, frozen=True, kw_only=True):
    """What was lost: acknowledged writes, their bytes, and how far back in time the loss reaches."""

    operations: int = 0
    bytes: int = 0
    seconds: float = 0.0


class Latency(Struct, frozen=True, kw_only=True):
    """Time from call to acknowledgement of writes, in seconds; None when none was acknowledged."""

    p50: float | None = None
    p99: float | None = None


class RunResult(Struct, frozen=True, kw_only=True):
    """A run's verdict and its figures.

    `skipped` is set (and the verdict inconclusive) when the run was not made because the machines lack an
    ability; `interrupted` when it was cut short; `error` when the harness or a node failed. `rto` is the
    time in seconds from the first fault that stopped acknowledgements until writes were acknowledged again;
    None when they never stopped or never came back.
    """

    name: str
    verdict: Verdict
    mode: str
    seed: int
    system: str = ""
    """What the system calls itself, with all that sets it apart; empty where nobody judged the run."""
    acknowledged: int = 0
    failed: int = 0
    unknown: int = 0
    lost: int = 0
    permitted: int = 0
    forbidden: int = 0
    rpo: Rpo = Rpo()
    rto: float | None = None
    latency: Latency = Latency()
    checks: tuple[CheckResult, ...] = ()
    episodes: tuple[Episode, ...] = ()
    skipped: str | None = None
    interrupted: bool = False
    error: str | None = None
    warnings: tuple[str, ...] = ()
    """What went wrong without costing the verdict anything: a failed teardown, a log that was not fetched."""
    deaths: tuple[Death, ...] = ()
    """Processes of the system that died though no fault had ended them, with what they said last."""
    seconds: Mapping[str, float] = {}
    """How long each phase of the run took."""
