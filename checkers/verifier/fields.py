"""Parts of a certificate, by name and kind."""

from collections.abc import Mapping
from typing import Any, TypeVar

from checkers.verifier.history import Refused

T = TypeVar("T")

_CALLED = {int: "a whole number", str: "a text", list: "a list", dict: "a mapping"}


def field(claim: Any, name: str, kind: type[T]) -> T:
    """Return a part of a certificate; raises Refused where it is not there, or something else."""
    if not isinstance(claim, Mapping):
        raise Refused(f"expected a mapping with {name!r}, not {claim!r}")
    value = claim.get(name)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise Refused(f"{name} is {_CALLED[kind]}, not {value!r}")
    return value
