"""Things broken on purpose, each with evidence that it bit and that it healed."""
