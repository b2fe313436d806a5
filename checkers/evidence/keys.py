"""What a run's operations did to each key, whether they were called alone or in a transaction.

The primary answers reads by `get` and carries out all writes; reads of named nodes are left out, because these
may be behind.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from harness.checker import RecordedRun
from harness.errors import UsageError
from harness.operation import Operation, Outcome

WORDS: Mapping[str, str] = {
    "get": "read", "put": "write", "cas": "cas", "append": "append", "add": "add", "increment": "increment",
}  # fmt: skip
"""What operations on one key are called, and what models call them."""

MODELS: Mapping[str, frozenset[str]] = {
    "list-append": frozenset({"read", "append"}),
    "set": frozenset({"read", "add"}),
    "cas-register": frozenset({"read", "write", "cas"}),
}
"""What may be done to a key so that it is an object of this model."""

ASIDE = frozenset({"peek", "get_within"})
"""Operations that change nothing and may be behind: what named nodes answer."""


class Part(Struct, frozen=True, kw_only=True):
    """One thing done to a key, in a model's words; `answer` counts if the operation was acknowledged."""

    f: str
    args: tuple[Any, ...]
    answer: Any


class Done(Struct, frozen=True, kw_only=True):
    """All that one operation did to a key, at one instant, in its order."""

    operation: Operation
    parts: tuple[Part, ...]

    @property
    def known(self) -> bool:
        """Whether it was acknowledged."""
        return self.operation.outcome is Outcome.OK

    @property
    def observes(self) -> bool:
        """Whether its answer tells what the key held."""
        return self.known and any(
            part.f == "read" or (part.f == "cas" and part.answer is not True) for part in self.parts
        )


def keys(run: RecordedRun) -> Mapping[str, Sequence[Done]]:
    """Return what was done, or may have been, to each key, in the order of the history. One pass, made once."""
    return run.derived(_keys)


def model_of(done: Iterable[Done]) -> str | None:
    """Return the model that a key is an object of; None where none of them knows all that was done to it."""
    called = {part.f for each in done for part in each.parts}
    return next((model for model, known in MODELS.items() if called <= known), None)


def strangers(run: RecordedRun) -> Sequence[str]:
    """Return the names of operations of which nobody here knows what they do to which key. One pass, made once."""
    return run.derived(_strangers)


def _strangers(run: RecordedRun) -> Sequence[str]:
    known = {*WORDS, *ASIDE, "txn"}
    return sorted({each.f for each in run.history if each.outcome is not Outcome.FAIL} - known)


def _keys(run: RecordedRun) -> Mapping[str, Sequence[Done]]:
    found: dict[str, list[Done]] = {}
    for operation in run.history:
        if operation.outcome is not Outcome.FAIL:
            by_key: dict[str, list[Part]] = {}
            for key, part in parts(operation):
                by_key.setdefault(key, []).append(part)
            for key, those in by_key.items():
                found.setdefault(key, []).append(Done(operation=operation, parts=tuple(those)))
    return found


def parts(operation: Operation) -> Iterator[tuple[str, Part]]:
    """Yield each thing that an operation did, with its key, in its order; nothing for other operations.

    Raises UsageError for a transaction that was acknowledged without the answers of its parts.
    """
    known = operation.outcome is Outcome.OK
    if operation.f == "txn":
        asked = operation.args[0]
        answers = _answers(operation, len(asked)) if known else [None] * len(asked)
        for (f, key, *args), answer in zip(asked, answers, strict=True):
            yield key, _part(f, args, answer)
    elif operation.f in WORDS:
        key, *args = operation.args
        yield key, _part(operation.f, args, operation.value if known else None)


def _answers(operation: Operation, count: int) -> list[Any]:
    """Return what each part of an acknowledged transaction was answered."""
    match operation.value:
        case list() | tuple() as told if len(told) == count:
            try:
                return [answer for _, _, answer in told]
            except (TypeError, ValueError):
                pass
    raise UsageError(
        f"operation {operation.id}, a transaction, was acknowledged with {operation.value!r:.200}; "
        f"expected: its {count} parts, each [what, key, answer]"
    )


def _part(f: str, args: Sequence[Any], answer: Any) -> Part:
    return Part(f=WORDS.get(f, f), args=() if f == "get" else tuple(args), answer=answer)
