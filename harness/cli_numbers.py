"""Numbers of the command line that have an end: neither NaN nor infinity is a time or a share."""

import math
from typing import Any

import click


class Finite(click.FloatRange):
    """A range of numbers, without those that are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; fails for one that is not finite, or not in the range."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number
