"""Whether each object behaved as if every operation on it took effect at one instant between call and return.

    calls = CallsBuilder()                       # or columns made elsewhere: see `Calls`
    calls.add(id=0, f="write", args=(1,), result=None, call_ns=0, return_ns=10, key="x", process=0)
    calls.add(id=1, f="read", result=None, call_ns=20, return_ns=30, key="x", process=1)
    result = check(calls.build(), MODELS["cas-register"], time_limit_s=60, memory_limit_mb=4000, jobs=2)
    result.verdict                               # holds, violated or inconclusive
    result.windows                               # of a violation: the few operations that show it, in words
    result.linearizations(calls)                 # of what holds: an order of all operations, by object

Operations that surely failed are left out; those of unknown outcome have no `return_ns`. A compare-and-set that
was refused is an operation that answered False. A model of one's own is any object with the functions of `Model`.
"""

from checkers.linearizability.certificate import Linearization, Role, Window, WindowOperation
from checkers.linearizability.columns import ABSENT, NEVER, NIL, Calls, CallsBuilder
from checkers.linearizability.model import UNKNOWN, Call, Model
from checkers.linearizability.models import MODELS
from checkers.linearizability.objects import ObjectResult, Result, check

__all__ = [
    "ABSENT", "MODELS", "NEVER", "NIL", "UNKNOWN", "Call", "Calls", "CallsBuilder", "Linearization", "Model",
    "ObjectResult", "Result", "Role", "Window", "WindowOperation", "check",
]  # fmt: skip
