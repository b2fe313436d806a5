"""Reads the options of a fault or a workload from a scenario, and refuses what it does not know."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.system import SettingError


class Options:
    """The options of one entry; every reader raises SettingError for a value that is not allowed."""

    def __init__(self, options: Mapping[str, Any], allowed: Sequence[str] = ()) -> None:
        for name in options:
            if name not in allowed:
                raise SettingError(str(name), f"unknown option {name!r}", tuple(allowed))
        self._options = options

    def choice(self, name: str, default: str, allowed: Sequence[str]) -> str:
        """Return one of `allowed`."""
        value = self._options.get(name, default)
        if value not in allowed:
            raise SettingError(name, f"{name} does not know {value!r}", tuple(allowed))
        return str(value)

    def whole(self, name: str, default: int, *, least: int = 0) -> int:
        """Return a whole number from `least` on."""
        value = self._options.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise SettingError(name, f"{name} is a whole number from {least} on, not {value!r}")
        return value

    def number(self, name: str, default: float, *, above: float, below: float) -> float:
        """Return a number between two bounds, which are not allowed themselves."""
        value = self._number(name, default)
        if value is None or not above < value < below:
            given = self._options.get(name)
            raise SettingError(name, f"{name} is a number above {above:g} and below {below:g}, not {given!r}")
        return float(value)

    def share(self, name: str, default: float) -> float:
        """Return a number from 0 on and below 1."""
        value = self._number(name, default)
        if value is None or not 0 <= value < 1:
            given = self._options.get(name)
            raise SettingError(name, f"{name} is a share: at least 0 and below 1, not {given!r}")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self._options.get(name, default)
        if not isinstance(value, bool):
            raise SettingError(name, f"{name} is true or false, not {value!r}", ("true", "false"))
        return value

    def scalar(self, name: str) -> bool | int | float | str | None:
        """Return a single value of whatever kind, None where there is none."""
        value = self._options.get(name)
        if not isinstance(value, bool | int | float | str | None):
            raise SettingError(name, f"{name} is a single value, not {value!r}")
        return value

    def _number(self, name: str, default: float) -> float | None:
        value = self._options.get(name, default)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
