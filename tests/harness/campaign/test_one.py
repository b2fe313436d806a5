"""A try in simulation: what is told of it, and that a second one must give the same."""

from pathlib import Path

import pytest

from harness.campaign import one
from harness.campaign.draw import Aim, scenario
from harness.campaign.one import Try, attempt
from harness.verdict import Verdict

SHORT = scenario(2, Aim(faults=("kill",), nodes=3, span_s=3.0))


def test_a_try_made_twice_gives_the_same() -> None:
    outcome = attempt(Try(seed=2, scenario=SHORT, twice=True))
    assert outcome.verdict is Verdict.HOLDS
    assert outcome.digest == attempt(Try(seed=2, scenario=SHORT)).digest


def test_a_second_run_that_differs_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    digests = iter(("one", "another"))
    monkeypatch.setattr(one, "digest", lambda folder: next(digests))
    outcome = attempt(Try(seed=2, scenario=SHORT, twice=True), keep=tmp_path)
    assert outcome.verdict is Verdict.ERROR
    assert outcome.error == "HarnessError: seed 2 gave two different runs: one and another"
    assert (tmp_path / "seed-2" / "history.jsonl").exists(), "kept, to be looked into"


def test_every_byte_of_a_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"1")
    seen = {one.digest(tmp_path)}
    (tmp_path / "a" / "x").write_bytes(b"2")
    seen.add(one.digest(tmp_path))
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    seen.add(one.digest(tmp_path))
    (tmp_path / "z").touch()
    seen.add(one.digest(tmp_path))
    assert len(seen) == 4
