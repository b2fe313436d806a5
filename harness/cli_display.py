"""How the commands that search show that they get on."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness import progress
from harness.campaign.conduct import Tally
from harness.campaign.findings import Finding
from harness.campaign.selftest import Hunt
from harness.words import brief, plural

LINE_S = 5.0
"""How often a plain line tells how far a search is, where there is no terminal."""


def story(faults: int, operations: int) -> str:
    """Return the size of a story in words."""
    return f"{plural(faults, 'fault')} and {plural(operations, 'operation')}"


class Display:
    """How a search gets on: a line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console, what: str) -> None:
        self._console = console
        self._what = what
        self._began = self._told = time.monotonic()
        self._line = what
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(
                self,
                console=self._console,
                refresh_per_second=progress.REFRESHES_PER_SECOND,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __rich__(self) -> Text:
        """Return the line as it is now."""
        return Text(self._line)

    def went(self, tally: Tally, features: int) -> None:
        """Show how far it is."""
        now = time.monotonic()
        rate = tally.fresh / max(1e-9, now - self._began) * 3600
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(tally.verdicts.items()))
        pace = f"{plural(tally.seeds, 'seed')}, {rate:,.0f} an hour"
        self._show(f"{self._what}: {pace}, {features} features; {verdicts}")

    def found(self, finding: Finding) -> None:
        """Tell of a finding."""
        if finding.faults is None:
            now = "shrinking it"
        else:
            now = f"shrunk to {story(finding.faults, finding.operations or 0)}"
        self.say(f"seed {finding.seed}: {finding.checker}: {brief(finding.title)}; {now}", style="bold red")

    def shrinking(self, count: int) -> None:
        """Show what is waited for."""
        self._show(f"{self._what}: shrinking {plural(count, 'finding')}")

    def hunting(self, name: str, seeds: int) -> None:
        """Show what is hunted."""
        self._show(f"{self._what}: {name}, {plural(seeds, 'seed')}")

    def hunted(self, hunt: Hunt) -> None:
        """Tell how a hunt ended."""
        if hunt.seed is None:
            end = "not found"
        elif hunt.faults is None:
            end = f"found by {hunt.checker}"
        else:
            end = f"found by {hunt.checker}, with {story(hunt.faults, hunt.operations or 0)}"
        if hunt.error is not None:
            end += f" (the harness failed with {plural(hunt.errors, 'seed')}: {hunt.error})"
        self.say(f"{hunt.name}: {end}; {plural(hunt.seeds, 'seed')}, {hunt.seconds:.1f} s")

    def say(self, line: str, style: str = "") -> None:
        """Write a line that stays."""
        self._console.print(Text(line, style=style), soft_wrap=True)

    def _show(self, line: str) -> None:
        self._line = line
        now = time.monotonic()
        if self._live is None and now - self._told >= LINE_S:
            self._told = now
            self.say(line)
