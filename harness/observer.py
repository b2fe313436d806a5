"""What can be watched of a run while it goes on: hooks that do nothing unless overridden."""

from harness.checker import RecordedRun
from harness.episode import Episode
from harness.operation import Invocation, Outcome


class Observer:
    """Receives what happens, as it happens.

    Hooks are called on the event loop, between the operations whose times are measured: be quick, and raise
    nothing.
    """

    def on_phase(self, name: str) -> None:
        """A phase of the run begins ("set up", "run", "heal", …)."""

    def on_call(self, invocation: Invocation, *, process: int, call_ns: int) -> None:
        """A client is about to do an operation; it has been recorded."""

    def on_return(
        self, invocation: Invocation, *, process: int, outcome: Outcome, call_ns: int, return_ns: int
    ) -> None:
        """An operation came back or timed out; it has been recorded."""

    def on_episode(self, episode: Episode) -> None:
        """An episode's state has changed; it has been recorded."""

    def on_recorded(self, run: RecordedRun) -> None:
        """The run is over, and what was recorded of it has been read; it is judged next."""
