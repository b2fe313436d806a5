"""Session guarantees: what one client may rely on though different nodes answer it (Terry and others 1994).

- Read your writes: a read shows what its client had written before.
- Monotonic reads: a read shows what its client had seen before.
- Monotonic writes: who sees a client's write sees what the same client had written before.
- Writes follow reads: who sees a client's write sees what that client had seen before it wrote.
- Prefix: who sees a write sees every write that was acknowledged before that one was called. It implies the
  last two, but for what a client saw before it was acknowledged.
"""

import enum
from collections import defaultdict
from collections.abc import Iterator
from operator import attrgetter

from msgspec import Struct

from checkers.sessions.traffic import Seen, Traffic, Written


class Guarantee(enum.StrEnum):
    """What a read may break."""

    READ_YOUR_WRITES = "read_your_writes"
    MONOTONIC_READS = "monotonic_reads"
    MONOTONIC_WRITES = "monotonic_writes"
    WRITES_FOLLOW_READS = "writes_follow_reads"
    PREFIX = "prefix"


class Breach(Struct, frozen=True, kw_only=True):
    """A read that misses a write, though it shows `instead`, or though a client had read it `earlier`."""

    guarantee: Guarantee
    read: Seen
    missed: Written
    instead: Written | None = None
    earlier: int | None = None
    """The operation by which the client had seen it."""


class Watch:
    """Follows the clients of a run from read to read; reads come in the order of their answers.

    Of each guarantee a read breaks, the first missed write is told. O(elements of the keys that are read), a
    read.
    """

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._mine: dict[tuple[int, str], list[Written]] = defaultdict(list)
        for those in traffic.acknowledged.values():
            for written in those:
                self._mine[written.process, written.element[0]].append(written)
        self._saw: dict[tuple[int, str], dict[int, tuple[int, int]]] = defaultdict(dict)
        """For each client and key, each value that it saw: when first, and by which operation."""
        self._known: dict[str, set[int]] = defaultdict(set)
        """For each key what anybody saw."""

    def breaches(self, read: Seen) -> Iterator[Breach]:
        """Yield what a read breaks, each guarantee once, and remember what it showed."""
        found: dict[Guarantee, Breach] = {}
        for key, shown in read.shown.items():
            for breach in (*self._own(read, key, shown), *self._before(read, key, shown)):
                found.setdefault(breach.guarantee, breach)
        for breach in self._out_of_order(read):
            found.setdefault(breach.guarantee, breach)
        self._remember(read)
        yield from found.values()

    def _own(self, read: Seen, key: str, shown: frozenset[int]) -> Iterator[Breach]:
        for written in self._mine.get((read.operation.process, key), ()):
            if written.return_ns is not None and written.return_ns > read.operation.call_ns:
                break
            if written.element[1] not in shown:
                yield Breach(guarantee=Guarantee.READ_YOUR_WRITES, read=read, missed=written)

    def _before(self, read: Seen, key: str, shown: frozenset[int]) -> Iterator[Breach]:
        saw = self._saw.get((read.operation.process, key), {})
        for value in sorted(saw.keys() - shown):
            when_ns, operation = saw[value]
            if when_ns <= read.operation.call_ns:
                missed = self._traffic.written[key, value]
                yield Breach(guarantee=Guarantee.MONOTONIC_READS, read=read, missed=missed, earlier=operation)

    def _out_of_order(self, read: Seen) -> Iterator[Breach]:
        """Yield writes that are missing though something is shown that came later."""
        shown = [self._traffic.written[key, value] for key, values in read.shown.items() for value in values]
        if not shown:
            return
        last = max(shown, key=attrgetter("call_ns"))
        for key, values in read.shown.items():
            for missed in self._traffic.acknowledged.get(key, ()):
                if missed.return_ns is None or missed.return_ns > last.call_ns:
                    break
                if missed.element[1] not in values:
                    if missed.return_ns < last.call_ns:
                        yield Breach(guarantee=Guarantee.PREFIX, read=read, missed=missed, instead=last)
                    yield from self._of_one_client(read, missed, shown)
        yield from self._unfollowed(read, shown)

    def _of_one_client(self, read: Seen, missed: Written, shown: list[Written]) -> Iterator[Breach]:
        for later in shown:
            if later.process == missed.process and (missed.return_ns or 0) <= later.call_ns:
                yield Breach(guarantee=Guarantee.MONOTONIC_WRITES, read=read, missed=missed, instead=later)
                return

    def _unfollowed(self, read: Seen, shown: list[Written]) -> Iterator[Breach]:
        missing = {key: gone for key, values in read.shown.items() if (gone := self._known[key] - values)}
        for later in shown if missing else ():
            for key, gone in missing.items():
                saw = self._saw.get((later.process, key), {})
                for value in sorted(gone & saw.keys()):
                    when_ns, operation = saw[value]
                    if when_ns <= later.call_ns:
                        yield Breach(
                            guarantee=Guarantee.WRITES_FOLLOW_READS,
                            read=read,
                            missed=self._traffic.written[key, value],
                            instead=later,
                            earlier=operation,
                        )
                        return

    def _remember(self, read: Seen) -> None:
        now = (read.return_ns, read.operation.id)
        for key, values in read.shown.items():
            self._known[key] |= values
            saw = self._saw[read.operation.process, key]
            for value in values:
                saw.setdefault(value, now)
