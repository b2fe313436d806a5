"""Reads the options of a fault from a scenario, and refuses what it does not know."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.system import SettingError


class Options:
    """The options of one fault's entry; every reader raises SettingError for a value that is not allowed."""

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

    def whole(self, name: str, default: int) -> int:
        """Return a whole number from 0 on."""
        value = self._options.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise SettingError(name, f"{name} is a whole number from 0 on, not {value!r}")
        return value

    def number(self, name: str, default: float, *, above: float, below: float) -> float:
        """Return a number between two bounds, which are not allowed themselves."""
        value = self._options.get(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not above < value < below:
            raise SettingError(name, f"{name} is a number above {above:g} and below {below:g}, not {value!r}")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self._options.get(name, default)
        if not isinstance(value, bool):
            raise SettingError(name, f"{name} is true or false, not {value!r}", ("true", "false"))
        return value
