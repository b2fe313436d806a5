"""What can be said of one lost write: permitted, forbidden, or not proved, and why."""

import enum

from msgspec import Struct

from checkers.evidence.fates import Copy
from harness.contract import Permit
from harness.events import Elected


class Ruling(enum.StrEnum):
    """What a loss is under the contract."""

    PERMITTED = "permitted"
    FORBIDDEN = "forbidden"
    UNPROVED = "unproved"
    """The evidence does not tell."""


GRAVEST_FIRST = (Ruling.FORBIDDEN, Ruling.UNPROVED, Ruling.PERMITTED)
"""The rulings in the order in which they are told."""


class Judgement(Struct, frozen=True, kw_only=True):
    """The ruling on one lost write, with its reason in words and what it rests on.

    `permit` is the clause that excuses the loss; `election` the one that left the write out of the surviving
    history; `copies` all that were ever reported; `episodes` the faults that explain it, by id, the one that
    cost the write first.
    """

    ruling: Ruling
    reason: str
    permit: Permit | None = None
    election: Elected | None = None
    copies: tuple[Copy, ...] = ()
    episodes: tuple[int, ...] = ()


def permitted(permit: Permit, reason: str) -> Judgement:
    """Return that a clause excuses the loss."""
    return Judgement(ruling=Ruling.PERMITTED, reason=reason, permit=permit)


def forbidden(reason: str) -> Judgement:
    """Return that nothing excuses the loss."""
    return Judgement(ruling=Ruling.FORBIDDEN, reason=reason)


def unproved(reason: str) -> Judgement:
    """Return that the evidence does not tell."""
    return Judgement(ruling=Ruling.UNPROVED, reason=reason)
