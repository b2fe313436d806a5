"""How a scenario's expectations are answered, one module for each kind of question."""
