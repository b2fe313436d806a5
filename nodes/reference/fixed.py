"""Records that nobody changes: a type checker keeps them frozen.

At run time nothing does: a frozen dataclass takes three times as long to make, and a node makes several such
records for each message.
"""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def fixed(kind: type[T]) -> type[T]:
    """Make a class a dataclass with slots, whose fields are given in their order or by name."""
    return dataclass(slots=True, unsafe_hash=True)(kind)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def fixed_by_name(kind: type[T]) -> type[T]:
    """Make a class a dataclass with slots, whose fields are given by name."""
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(kind)
