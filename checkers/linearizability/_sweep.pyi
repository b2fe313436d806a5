from typing import Any

from numpy.typing import NDArray

Column = NDArray[Any]

def sweep(
    events: Column,
    kind: Column,
    a: Column,
    b: Column,
    excused: Column,
    table: Column,
    n_states: int,
    start: int,
    width: int,
    limit_s: float,
    limit_bytes: int,
    stop: bytearray,
    /,
) -> tuple[int, int, set[int], bytes, int, int]: ...
