"""Whether the loss of an acknowledged write is permitted or forbidden by the contract, and why."""
