Columns = tuple[bytes, bytes, bytes]

def scan(
    text: bytes, syntax: int, names: tuple[str, ...], kept: int, /
) -> tuple[int, Columns, Columns, tuple[str, ...]] | None: ...
