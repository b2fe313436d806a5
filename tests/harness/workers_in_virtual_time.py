"""Asks a generator as workers would, in virtual time: what a run would do, without a run."""

from collections.abc import Callable
from dataclasses import dataclass

from harness.draws import Draws
from harness.generator import Blocked, Context, Generator, Source, Wait, lift
from harness.operation import Invocation


@dataclass(frozen=True)
class Done:
    """An operation: by whom, when."""

    worker: int
    start_ns: int
    end_ns: int
    invocation: Invocation

    @property
    def f(self) -> str:
        return self.invocation.f


def drive(
    source: Source,
    *,
    workers: int = 3,
    latency_ns: Callable[[Done, Draws], int] | int = 10,
    stop_ns: int = 10**12,
    most: int = 10_000,
    seed: int = 0,
) -> list[Done]:
    """Run until the generator has no more, `stop_ns`, or `most` operations; raises when all are stuck."""
    draws = Draws(seed)
    generator: Generator = lift(source)
    everyone = (1 << workers) - 1
    wake: dict[int, int | None] = dict.fromkeys(range(workers), 0)
    ends: dict[int, int] = {}
    done: list[Done] = []
    blocked: set[int] = set()
    now = 0
    while now <= stop_ns:
        for worker in draws.shuffled(sorted(w for w, at in wake.items() if at is not None and at <= now)):
            busy = sum(1 << other for other in ends)
            context = Context(now_ns=now, worker=worker, process=worker, members=everyone, busy=busy)
            again = generator.next(context)
            step, following = generator.next(context)
            assert again == (step, following), "asking twice must give the same answer"
            if following != generator:
                _unblock(wake, blocked, now)
            generator = following
            match step:
                case None:
                    assert generator.next(context)[0] is None, "what is exhausted stays so"
                    return done
                case Invocation():
                    taken = Done(worker, now, now, step)
                    length = latency_ns if isinstance(latency_ns, int) else latency_ns(taken, draws)
                    done.append(Done(worker, now, now + length, step))
                    ends[worker] = now + length
                    del wake[worker]
                    if len(done) == most:
                        return done
                case Wait(until_ns=until_ns):
                    assert until_ns > now, "a wait must end in the future"
                    wake[worker] = until_ns
                case Blocked(until_ns=until_ns):
                    wake[worker] = until_ns
                    blocked.add(worker)
        times = [*ends.values(), *(at for at in wake.values() if at is not None)]
        assert times, f"all workers are blocked for ever at {now}"
        now = max(now, min(times))
        for worker in [worker for worker, end in ends.items() if end <= now]:
            del ends[worker]
            wake[worker] = now
            _unblock(wake, blocked, now)
    return done


def _unblock(wake: dict[int, int | None], blocked: set[int], now: int) -> None:
    for worker in blocked & set(wake):
        wake[worker] = now
    blocked.clear()
