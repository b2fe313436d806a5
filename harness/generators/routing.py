"""Who does it, and where: subsets of workers, groups of workers on separate keys, named nodes."""

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from harness.generator import BLOCKED, EMPTY, Context, Generator, Source, Step, lift
from harness.operation import Invocation


def on_workers(source: Source, workers: Iterable[int]) -> Generator:
    """Return the source for these workers only; the others are blocked until it has no more.

    There is no more, too, where none of these workers is served at all.
    """
    mask = 0
    for worker in workers:
        mask |= 1 << worker
    return OnWorkers(child=lift(source), mask=mask)


def each_worker(source: Source) -> Generator:
    """Return the whole source for each worker on its own; who is done is blocked until all are."""
    return EachWorker(source=lift(source), copies={}, done=0)


def per_key(source_of: Callable[[int], Source], *, group: int) -> Generator:
    """Return groups of `group` neighbouring workers, each group on a key of its own.

    `source_of(i)` gives what is done on the i-th key, counted over all groups from 0; a group takes the next
    key when its source has no more. None ends it: there are no more keys. A rest of workers that do not fill
    a group is a smaller group. Phases inside wait for their own group only (Jepsen's `independent`).
    """
    if group < 1:
        raise ValueError(f"a group has at least one worker, not {group}")
    return PerKey(source_of=source_of, group=group, current={}, keys=0, ended=False)


def to_node(source: Source, node: str) -> Generator:
    """Return the source with every operation routed to `node`."""
    return mapped(source, lambda invocation, _: replace(invocation, node=node))


def mapped(source: Source, function: Callable[[Invocation, Context], Invocation]) -> Generator:
    """Return the source with `function` applied to every operation."""
    return Mapped(child=lift(source), function=function)


class OnWorkers(Struct, frozen=True, kw_only=True):
    """A source for the workers in `mask`; made by `on_workers`."""

    child: Generator
    mask: int

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer with the source's step; blocked for other workers."""
        if not context.members & self.mask or self.child is EMPTY:
            return None, EMPTY
        if not (self.mask >> context.worker) & 1:
            return BLOCKED, self
        step, child = self.child.next(context.among(self.mask))
        return (None, EMPTY) if step is None else (step, OnWorkers(child=child, mask=self.mask))


class EachWorker(Struct, frozen=True, kw_only=True):
    """A copy of a source for each worker; `done` is the mask of finished ones; made by `each_worker`."""

    source: Generator
    copies: Mapping[int, Generator]
    done: int

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer with the step of this worker's own copy."""
        me, done = 1 << context.worker, self.done
        if not done & me:
            step, copy = self.copies.get(context.worker, self.source).next(context.among(me))
            if step is not None:
                copies = {**self.copies, context.worker: copy}
                return step, EachWorker(source=self.source, copies=copies, done=done)
            done |= me
        if context.members & ~done == 0:
            return None, EMPTY
        return BLOCKED, EachWorker(source=self.source, copies=self.copies, done=done)


class PerKey(Struct, frozen=True, kw_only=True):
    """Groups of workers on keys of their own; `current` is by group; made by `per_key`."""

    source_of: Callable[[int], Source]
    group: int
    current: Mapping[int, Generator]
    keys: int
    ended: bool

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer with the step of this worker's group, on its next key where the former has no more."""
        group = context.worker // self.group
        scope = context.among(((1 << self.group) - 1) << (group * self.group))
        current, keys, ended = self.current.get(group, EMPTY), self.keys, self.ended
        step, current = current.next(scope)
        while step is None and not ended:
            source = self.source_of(keys)
            if source is None:
                ended = True
            else:
                keys += 1
                step, current = lift(source).next(scope)
        generators = dict(self.current)
        if step is None:
            generators.pop(group, None)
            if not generators:
                return None, EMPTY
            step = BLOCKED
        else:
            generators[group] = current
        return step, PerKey(
            source_of=self.source_of, group=self.group, current=generators, keys=keys, ended=ended
        )


class Mapped(Struct, frozen=True, kw_only=True):
    """A source whose operations pass through a function; made by `mapped` and `to_node`."""

    child: Generator
    function: Callable[[Invocation, Context], Invocation]

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer with the source's step, changed by the function."""
        step, child = self.child.next(context)
        if step is None:
            return None, EMPTY
        if isinstance(step, Invocation):
            step = self.function(step, context)
        return step, Mapped(child=child, function=self.function)
