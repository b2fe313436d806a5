"""Whom the abilities of machines ask that have an agent: the agent on a machine, whichever way leads there."""

from typing import Any, Protocol


class Answer(Protocol):
    """What an agent answers; `value` is what there is to know."""

    @property
    def value(self) -> Any:
        """Return it."""


class Agent(Protocol):
    """The way to one machine's agent."""

    async def ask(self, do: str, **arguments: Any) -> Answer:
        """Have the agent do something and return its answer; raises NodeError."""


async def hazard(agent: Agent, what: str, **arguments: Any) -> Any:
    """Have something of `nodes.agent.hazards` done, and return what there is to know of it."""
    return (await agent.ask("hazard", what=what, arguments=arguments)).value
