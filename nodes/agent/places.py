"""What the agent keeps in its folder, by name. Whoever only joins it needs no more of its code."""

SOCKET = "agent.sock"
LOCK = "agent.lock"
LOG = "agent.log"
