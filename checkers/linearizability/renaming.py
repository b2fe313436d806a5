"""Registers that begin with some value, told as registers that begin as nil.

What holds of the one holds of the other, because to a register all values are alike: so whoever knows only
registers that nobody wrote can judge them all.
"""

from collections.abc import Hashable

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from checkers.linearizability.columns import ABSENT, NIL, Calls, value_code


def beginning_as_nil(calls: Calls, start: Hashable) -> Calls:
    """Return the calls of a register that begins as `start`, with that and nil in each other's place. O(n)."""
    if start is None:
        return calls
    code = value_code(calls.values, range(len(calls.values)), start)
    result = np.where(calls.known & (calls.result == ABSENT), NIL, calls.result)
    return replace(
        calls,
        first=_swapped(calls.first, code),
        second=_swapped(calls.second, code),
        result=_swapped(result, code),
        values=calls.values if code < len(calls.values) else (*calls.values, start),
    )


def _swapped(codes: NDArray[np.int32], code: int) -> NDArray[np.int32]:
    found = codes.copy()
    found[codes == NIL], found[codes == code] = code, NIL
    return found
