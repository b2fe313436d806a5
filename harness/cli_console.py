"""Where tables and live progress go: rich's console, told to leave text and exit codes alone."""

from rich.console import Console

from harness.cli_output import drop

_WIDTH = 200
"""The most columns of tables where there is no terminal: enough never to fold."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Go on in silence, where rich would exit with 1."""
        drop()


def console(*, stderr: bool) -> Console:
    """Return a console for text as it is: no markup is looked for in it, and its width is never too small."""
    made = _Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if made.is_terminal:
        return made
    return _Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=_WIDTH)
