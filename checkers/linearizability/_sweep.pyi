from collections.abc import Buffer

def sweep(
    events: Buffer,
    kind: Buffer,
    a: Buffer,
    b: Buffer,
    table: Buffer,
    n_states: int,
    start: int,
    limit_s: float,
    limit_bytes: int,
    stop: Buffer,
    /,
) -> tuple[int, int, set[int], bytes, int, int]: ...
