"""The engine: scenarios, generators, the runner, histories, verdicts, reports and the command line."""
