"""Values as JSON has them: what EDN has besides becomes what is nearest to it."""

from typing import Any

import msgspec

from harness.columns.values import Members, Tagged

_WIDE = 2**63


def plain(value: Any) -> Any:
    """Return a value that JSON has: keywords become texts, sets lists, tags pairs, keys texts."""
    match value:
        case Tagged(tag, inner):
            return [tag, plain(inner)]
        case list() | tuple() | Members():
            return [plain(each) for each in value]
        case dict():
            return {key if type(key) is str else _key(key): plain(each) for key, each in value.items()}
        case bool() | None | float():
            return value
        case int():
            return value if -_WIDE <= value < _WIDE else msgspec.Raw(str(value).encode())
        case str():
            return str(value)
    return value


def _key(key: Any) -> str:
    return str(key) if isinstance(key, str) else msgspec.json.encode(plain(key)).decode()
