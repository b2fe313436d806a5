"""When a generator ends: after so many operations, after some time, or by a condition."""

from collections.abc import Callable

from msgspec import Struct

from harness.generator import EMPTY, Blocked, Context, Generator, Source, Step, Wait, lift
from harness.operation import Invocation


def limit(source: Source, count: int) -> Generator:
    """Return at most `count` operations of the source."""
    return Limit(child=lift(source), left=count)


def once(source: Source) -> Generator:
    """Return the first operation of the source, for whichever worker asks first."""
    return limit(source, 1)


def time_limit(source: Source, span_ns: int) -> Generator:
    """Return the source until `span_ns` have passed since it was first asked."""
    return TimeLimit(child=lift(source), span_ns=span_ns, end_ns=None)


def until(source: Source, condition: Callable[[Context], bool]) -> Generator:
    """Return the source until `condition` first holds; it is looked at before each operation."""
    return Until(child=lift(source), condition=condition)


class Limit(Struct, frozen=True, kw_only=True):
    """A source cut off after `left` more operations; made by `limit`."""

    child: Generator
    left: int

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer with the source's step while any are left."""
        if self.left <= 0:
            return None, EMPTY
        step, child = self.child.next(context)
        if step is None:
            return None, EMPTY
        return step, Limit(child=child, left=self.left - isinstance(step, Invocation))


class TimeLimit(Struct, frozen=True, kw_only=True):
    """A source cut off at `end_ns`, which is set by the first question; made by `time_limit`."""

    child: Generator
    span_ns: int
    end_ns: int | None

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer with the source's step; never sends a worker to sleep beyond the end."""
        end_ns = context.now_ns + self.span_ns if self.end_ns is None else self.end_ns
        if context.now_ns >= end_ns:
            return None, EMPTY
        step, child = self.child.next(context)
        if step is None:
            return None, EMPTY
        if isinstance(step, Wait):
            step = Wait(min(step.until_ns, end_ns))
        elif isinstance(step, Blocked):
            step = Blocked(end_ns if step.until_ns is None else min(step.until_ns, end_ns))
        return step, TimeLimit(child=child, span_ns=self.span_ns, end_ns=end_ns)


class Until(Struct, frozen=True, kw_only=True):
    """A source cut off by a condition; made by `until`."""

    child: Generator
    condition: Callable[[Context], bool]

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer with the source's step unless the condition holds."""
        if self.condition(context):
            return None, EMPTY
        step, child = self.child.next(context)
        return (None, EMPTY) if step is None else (step, Until(child=child, condition=self.condition))
