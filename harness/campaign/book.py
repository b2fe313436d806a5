"""A campaign's folder: what is searched for, what came of each seed, and what was found.

campaign.json       what is searched for
outcomes.jsonl      one line for each seed, in order
findings/           for the first seed of each finding:
  seed-N.yaml       the shortest scenario that shows it
  seed-N.txt        its sequence chart
  seed-N-shrunk/    its run
  seed-N/           the run that the search met
  seed-N.json       what is known of it
errors/seed-N.yaml  the scenarios with which the harness failed
fuzz.json           the outcome, as `acked fuzz --json` prints it
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from harness import results, schema
from harness.campaign.draw import Aim
from harness.campaign.findings import Finding
from harness.campaign.one import Outcome, Try
from harness.campaign.search import Settled
from harness.campaign.work import Examined, Files
from harness.errors import DamagedError, UsageError
from harness.verdict import Verdict

FILE: Final = "campaign.json"
OUTCOMES: Final = "outcomes.jsonl"
FINDINGS: Final = "findings"
ERRORS: Final = "errors"
RESULT: Final = "fuzz.json"
FORMAT: Final = 2


class Campaign(Struct, frozen=True, kw_only=True):
    """What is searched for: `seeds` of them from `first` on, or for `time_s`; no limit where both are None."""

    aim: Aim
    first: int
    seeds: int | None
    time_s: float | None
    format: int = FORMAT


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of an outcome; `features` are those that no earlier seed has.

    `at_s` is how long the campaign had taken then, all its parts together.
    """

    seed: int
    verdict: Verdict
    error: str | None = None
    acknowledged: int = 0
    operations: int = 0
    violations: tuple[tuple[str, str], ...] = ()
    features: tuple[str, ...] = ()
    digest: str = ""
    seconds: float = 0.0
    simulated_s: float = 0.0
    at_s: float = 0.0


_KEPT = tuple(name for name in Line.__struct_fields__ if name != "at_s")


class Book:
    """A campaign's folder, to be added to."""

    def __init__(self, folder: Path, campaign: Campaign, lines: Mapping[int, Line]) -> None:
        self.folder = folder
        self.campaign = campaign
        self._lines = lines
        self._began = time.monotonic()
        self.spent_s = max((line.at_s for line in lines.values()), default=0.0)
        """How long earlier parts of the campaign took."""
        with results.storing(folder):
            self._file = (folder / OUTCOMES).open("ab", buffering=0)

    @classmethod
    def begin(cls, folder: Path, campaign: Campaign) -> "Book":
        """Begin a campaign in an empty folder; raises FolderError or UsageError when it can't be written."""
        results.write_json(folder / FILE, campaign)
        return cls(folder, campaign, {})

    @classmethod
    def open(cls, folder: Path) -> "Book":
        """Open a campaign to go on with it; raises UsageError for what is none, DamagedError for a broken one."""
        try:
            campaign = msgspec.json.decode((folder / FILE).read_bytes(), type=Campaign)
        except FileNotFoundError as error:
            raise UsageError(f"{folder}: not the folder of a campaign: there is no {FILE} in it") from error
        except msgspec.DecodeError as error:
            raise DamagedError(f"{folder / FILE}: damaged: {error}") from error
        if campaign.format != FORMAT:
            raise UsageError(
                f"{folder / FILE}: format {campaign.format}; this version of Acked goes on with format {FORMAT}"
            )
        lines = _lines(folder / OUTCOMES)
        return cls(folder, campaign, {line.seed: line for line in lines})

    @property
    def recorded(self) -> int:
        """How many seeds earlier parts of the campaign have settled: the first ones."""
        return len(self._lines)

    def close(self) -> None:
        """Close the file of outcomes."""
        self._file.close()

    def known(self, wanted: Try) -> Outcome | None:
        """Return what came of a try, if that is recorded."""
        line = self._lines.get(wanted.seed)
        if line is None:
            return None
        return Outcome(scenario=wanted.scenario, **{name: getattr(line, name) for name in _KEPT})

    def add(self, settled: Settled) -> bool:
        """Record an outcome, and the scenario where the harness failed with it; False if it is recorded."""
        outcome = settled.outcome
        if outcome.seed in self._lines:
            return False
        at_s = round(self.spent_s + time.monotonic() - self._began, 1)
        line = Line(at_s=at_s, **{name: getattr(outcome, name) for name in _KEPT})
        with results.storing(self.folder):
            self._file.write(msgspec.json.encode(line) + b"\n")
            if outcome.verdict is Verdict.ERROR:
                (self.folder / ERRORS).mkdir(exist_ok=True)
                scenario = self.folder / ERRORS / f"seed-{outcome.seed}.yaml"
                scenario.write_text(schema.dump(outcome.scenario), encoding="utf-8")
        return True

    def keep(self, finding: Finding, examined: Examined) -> Finding:
        """Keep the story of a finding; return it with the places."""
        home = self.folder / FINDINGS
        name = f"seed-{finding.seed}"
        with results.storing(home):
            home.mkdir(exist_ok=True)
            _unpack(examined.first_run, home / name)
            _unpack(examined.run, home / f"{name}-shrunk")
            (home / f"{name}.txt").write_text(examined.chart, encoding="utf-8")
            (home / f"{name}.yaml").write_text(schema.dump(examined.shrunk.scenario), encoding="utf-8")
        kept = self._placed(finding)
        results.write_json(home / f"{name}.json", kept)
        return kept

    def kept(self, seed: int) -> Finding | None:
        """Return the finding of which the story is kept, if it is."""
        path = self.folder / FINDINGS / f"seed-{seed}.json"
        try:
            return self._placed(msgspec.json.decode(path.read_bytes(), type=Finding))
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise DamagedError(f"{path}: damaged: {error}") from error

    def _placed(self, finding: Finding) -> Finding:
        """Return a finding with the places where its story is: the folder may have been moved."""
        stem = str(self.folder / FINDINGS / f"seed-{finding.seed}")
        return msgspec.structs.replace(
            finding, file=f"{stem}.yaml", run=f"{stem}-shrunk", chart=f"{stem}.txt"
        )


def _lines(path: Path) -> list[Line]:
    """Return the recorded outcomes. A last line that was cut off is cut from the file, too."""
    text = path.read_bytes() if path.exists() else b""
    whole = text[: text.rfind(b"\n") + 1]
    if whole != text:
        results.write(path, whole)
    decode = msgspec.json.Decoder(Line).decode
    lines = []
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            lines.append(decode(line))
        except msgspec.DecodeError as error:
            raise DamagedError(f"{path}:{number}: damaged: {error}") from error
    return lines


def _unpack(files: Files, folder: Path) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
