"""Where tables and live progress go: rich's console, told to leave text alone."""

from rich.console import Console

_WIDTH = 200
"""The most columns of tables where there is no terminal: enough never to fold."""


def console(*, stderr: bool) -> Console:
    """Return a console for text as it is: no markup is looked for in it, and its width is never too small."""
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if made.is_terminal:
        return made
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=_WIDTH)
