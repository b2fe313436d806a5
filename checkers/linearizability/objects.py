"""Whether a history is linearizable: object by object, in parallel, within a budget."""

from collections.abc import Hashable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.linearizability import engine, lost, repair, zones
from checkers.linearizability.budget import Budget, OverBudget
from checkers.linearizability.certificate import Linearization, Window
from checkers.linearizability.columns import Calls
from checkers.linearizability.decision import decide
from checkers.linearizability.model import Growing, Model, Partitioned, start_of
from checkers.linearizability.problem import Ints
from checkers.linearizability.program import is_register
from checkers.linearizability.renaming import beginning_as_nil
from checkers.linearizability.story import told
from checkers.linearizability.traces import settle
from checkers.linearizability.window import narrow
from harness import memory
from harness.verdict import Verdict, merge

Rows = NDArray[np.intp]

WORTH_A_PROCESS = 50_000
"""How many operations are checked in Python by one process rather than by several, which take time to start."""

ROOM_MB = 100
"""Without so much memory left everything is checked here: a pool whose threads can't start waits for ever."""

WINDOW_LIMIT_S = 20.0
"""How long the operations of a violation are made fewer."""


class ObjectResult(Struct, frozen=True, kw_only=True):
    """The verdict on one object, with its proof, or the reason why there is no verdict.

    `rows` are those of the history that are about it. If it holds, `order` has them in an order that explains
    all, or `places` stand for one; if it is violated there is a `window`. `steps` counts the configurations of
    the search, 0 when none was needed.
    """

    key: Any
    verdict: Verdict
    rows: Rows
    order: Rows | None = None
    places: zones.Places | None = None
    window: Window | None = None
    reason: str = ""
    steps: int = 0


class Result(Struct, frozen=True, kw_only=True):
    """The verdict on a history: `violated` if one object is, `holds` if all are. Objects in the order of keys.

    `start` is what the model's objects begin as, None where there is no choice.
    """

    model: str
    start: Any = None
    verdict: Verdict
    objects: tuple[ObjectResult, ...]

    @property
    def windows(self) -> tuple[Window, ...]:
        """The failing windows."""
        return tuple(each.window for each in self.objects if each.window is not None)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why there is no verdict on some objects, each reason once."""
        return tuple(dict.fromkeys(each.reason for each in self.objects if each.reason))

    @property
    def steps(self) -> int:
        """How many configurations were searched."""
        return sum(each.steps for each in self.objects)

    def linearizations(self, calls: Calls) -> Iterator[Linearization]:
        """Yield the order of each object that has one, from the history that was checked. O(n log n)."""
        for each in self.objects:
            order = each.order
            if each.places is not None:
                order = each.rows[each.places.order(calls.take(each.rows))]
            if order is not None:
                ids = tuple(calls.id[order].tolist())
                yield Linearization(key=each.key, model=self.model, start=self.start, order=ids)


class _Task(Struct, frozen=True, kw_only=True):
    """One object to be checked: some rows of a history, or, where they are `taken`, all of them."""

    model: Model
    calls: Calls
    rows: Rows
    key: Any
    taken: bool


def check(
    calls: Calls,
    model: Model,
    *,
    time_limit_s: float | None = None,
    memory_limit_mb: float | None = None,
    jobs: int = 1,
) -> Result:
    """Check every object of a history against a model.

    Past a limit the verdict on an object is inconclusive, with the reason; the time limit is for all of them
    together, the memory limit for what the searches hold, about: states are taken for as large as Python says,
    without what is in them; where processes check objects the kernel keeps each to its share. `jobs` objects are
    checked at a time. An empty history holds: whether it proves anything is the caller's question.
    """
    tasks = [
        _Task(model=model, calls=calls, rows=rows, key=key, taken=len(rows) == len(calls))
        for key, rows in _parts(calls, model)
    ]
    threads = engine.COMPILED and is_register(model)
    alone = jobs == 1 or len(tasks) <= 1 or not (threads or len(calls) >= WORTH_A_PROCESS)
    left_mb = memory.left_mb()
    alone = alone or (left_mb is not None and left_mb < ROOM_MB)
    budget = Budget(
        time_limit_s=time_limit_s,
        memory_limit_mb=memory_limit_mb,
        searches=1 if alone else min(jobs, len(tasks)),
    )
    if alone:
        objects = [_checked(task, budget) for task in tasks]
    elif threads:
        with ThreadPoolExecutor(jobs) as pool:
            objects = _gathered(pool, [pool.submit(_checked, task, budget) for task in tasks], tasks, budget)
    else:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            limits = (budget.left_s(), memory_limit_mb, budget.searches)
            futures = [pool.submit(_elsewhere, _alone(task), *limits) for task in tasks]
            objects = _gathered(pool, futures, tasks, budget)
    verdict = merge(each.verdict for each in objects) if objects else Verdict.HOLDS
    return Result(model=model.name, start=start_of(model), verdict=verdict, objects=tuple(objects))


def _gathered(
    pool: Executor, futures: list[Future[ObjectResult]], tasks: list[_Task], budget: Budget
) -> list[ObjectResult]:
    """Wait for all; whatever interrupts that stops the searches as well."""
    try:
        return [_awaited(*each, budget) for each in zip(futures, tasks, strict=True)]
    except BaseException:
        budget.stop[0] = 1
        pool.shutdown(cancel_futures=True)
        raise


def _awaited(future: Future[ObjectResult], task: _Task, budget: Budget) -> ObjectResult:
    """Return the result on an object; a process that had no memory left for it took no other verdict along."""
    try:
        return future.result()
    except (BrokenProcessPool, MemoryError):
        return _undecided(task, budget.reason("memory"))


def _parts(calls: Calls, model: Model) -> Iterator[tuple[Any, Rows]]:
    """Yield each object's key and rows."""
    parted = model if isinstance(model, Partitioned) else None
    for rows in _grouped(calls.key):
        key = calls.keys[calls.key[rows[0]]]
        if parted is None:
            yield key, rows
        else:
            names: dict[Hashable, int] = {}
            parts = np.array(
                [names.setdefault(parted.part(calls.call(row)), len(names)) for row in rows.tolist()]
            )
            yield from (((key, name), rows[part]) for name, part in zip(names, _grouped(parts), strict=True))


def _grouped(group: NDArray[Any]) -> list[Rows]:
    """Return the rows of each group, in the order of groups."""
    if not len(group):
        return []
    rows = np.arange(len(group))
    if (np.diff(group) < 0).any():
        rows = np.argsort(group, kind="stable")
        group = group[rows]
    return np.split(rows, np.flatnonzero(np.diff(group)) + 1)


def _alone(task: _Task) -> _Task:
    """Return the task with a history of its own, to be sent elsewhere."""
    calls = task.calls.take(task.rows).compact()
    return _Task(model=task.model, calls=calls, rows=task.rows, key=task.key, taken=True)


def _elsewhere(task: _Task, limit_s: float | None, limit_mb: float | None, searches: int) -> ObjectResult:
    budget = Budget(time_limit_s=limit_s, memory_limit_mb=limit_mb, searches=searches)
    if limit_mb is None:
        return _checked(task, budget)
    with memory.limited(memory.used_mb() + max(1, int(limit_mb / searches))):
        return _checked(task, budget)


def _checked(task: _Task, budget: Budget) -> ObjectResult:
    try:
        calls = task.calls if task.taken else task.calls.take(task.rows)
        if is_register(task.model):
            renamed = beginning_as_nil(calls, task.model.init())
            ruled = zones.rule(renamed)
            if ruled.ruling is zones.Ruling.VIOLATED:
                return _refuted(task, calls.take(np.array(ruled.suspects, dtype=np.intp)), budget)
            places = ruled.places
            if places is not None and len(places.homeless):
                places = repair.repair(renamed, places, budget)
            if places is not None:
                return ObjectResult(key=task.key, verdict=Verdict.HOLDS, rows=task.rows, places=places)
        return _searched(task, calls, budget)
    except OverBudget as over:
        return _undecided(task, over.reason)
    except MemoryError:
        return _undecided(task, budget.reason("memory"))


def _undecided(task: _Task, reason: str) -> ObjectResult:
    return ObjectResult(key=task.key, verdict=Verdict.INCONCLUSIVE, rows=task.rows, reason=reason)


def _refuted(task: _Task, suspects: Calls, budget: Budget) -> ObjectResult:
    """Return the violation that some operations make among themselves."""
    calls = suspects.take(np.argsort(suspects.call_ns, kind="stable"))
    found = engine.answer(task.model, calls, calls.return_ns, budget)
    assert found.stuck is not None, "the zones and the search agree"
    window = _window(task.model, calls, calls.return_ns, found.stuck, budget, closed=True)
    return ObjectResult(
        key=task.key, verdict=Verdict.VIOLATED, rows=task.rows, window=window, steps=found.steps
    )


def _searched(task: _Task, calls: Calls, budget: Budget) -> ObjectResult:
    found = lost.loss(task.model, calls)
    if found is not None:
        window = lost.window(task.model, calls, found)
        return ObjectResult(key=task.key, verdict=Verdict.VIOLATED, rows=task.rows, window=window)
    order = np.argsort(calls.call_ns, kind="stable")
    kept, by_ns = settle(task.model, calls)
    order = order[kept[order]]
    calls, by_ns = calls.take(order), by_ns[order]
    decision = decide(task.model, calls, by_ns, budget)
    if decision.order is not None:
        placed = task.rows[order[decision.order]]
        return ObjectResult(
            key=task.key, verdict=Verdict.HOLDS, rows=task.rows, order=placed, steps=decision.steps
        )
    assert decision.stuck is not None
    # What only grows shows in each read all that was before: no later entry would make its window smaller.
    window = _window(task.model, calls, by_ns, decision.stuck, budget, closed=_grows(task.model, calls))
    return ObjectResult(
        key=task.key, verdict=Verdict.VIOLATED, rows=task.rows, window=window, steps=decision.steps
    )


def _grows(model: Model, calls: Calls) -> bool:
    return isinstance(model, Growing) and model.grows(map(calls.call, range(len(calls))))


def _window(model: Model, calls: Calls, by_ns: Ints, stuck: int, budget: Budget, *, closed: bool) -> Window:
    limits = budget.within(WINDOW_LIMIT_S)
    return told(narrow(model, calls, by_ns, stuck, limits, closed=closed), limits)
