"""One fault from injection to heal, with the evidence that it bit."""

from msgspec import Struct


class Proof(Struct, frozen=True, kw_only=True):
    """One observation made from outside the injector.

    `shown` tells whether the observation supports the claim; `what` says it in one line, figures included
    ("412 packets dropped n1 -> n2", "pid 71 gone").
    """

    what: str
    shown: bool


class Episode(Struct, frozen=True, kw_only=True):
    """A fault as it happened. Times are nanoseconds since the history's origin.

    `from_ns` is taken just before the injection began and `until_ns` just after the heal was complete, so
    the fault acted only within [from_ns, until_ns], and surely within [injected_ns, healing_ns].
    `error` is set when inject or heal raised. `name` is what the scenario calls this episode, if anything.
    """

    id: int
    name: str | None = None
    fault: str
    targets: tuple[str, ...]
    detail: str = ""
    from_ns: int
    injected_ns: int | None = None
    healing_ns: int | None = None
    until_ns: int | None = None
    injected: tuple[Proof, ...] = ()
    healed: tuple[Proof, ...] = ()
    error: str | None = None

    @property
    def bit(self) -> bool:
        """Whether every claim of the injection was observed (and at least one was made)."""
        return bool(self.injected) and all(proof.shown for proof in self.injected)

    @property
    def mended(self) -> bool:
        """Whether every claim of the healing was observed (and at least one was made)."""
        return bool(self.healed) and all(proof.shown for proof in self.healed)
