"""Tells what this host can do for machines of kind local, and what it lacks."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from harness.errors import MissingError
from nodes.linux.programs import NEEDED, PACKAGES, find

_TRIAL_S = 60.0


class Check(NamedTuple):
    """One thing that was looked at: `detail` says what was found, or what to do."""

    what: str
    ok: bool
    detail: str


def probe_host() -> list[Check]:
    """Look for the programs, then try two machines in earnest; takes about a second, and leaves nothing.

    Call it from any process: the trial has one of its own.
    """
    checks = [_look_for(program) for program in PACKAGES]
    if not all(check.ok for check in checks if check.what in NEEDED):
        return [*checks, Check("machines", False, "not tried: install what is missing first")]
    with tempfile.TemporaryDirectory(prefix="acked-trial-") as folder:
        return [*checks, *_try(Path(folder))]


def _look_for(program: str) -> Check:
    try:
        return Check(program, True, find(program))
    except MissingError as error:
        return Check(program, False, str(error))


def _try(folder: Path) -> list[Check]:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "nodes.local.trial", str(folder)],
            capture_output=True,
            check=False,
            text=True,
            timeout=_TRIAL_S,
        )
    except subprocess.TimeoutExpired:
        return [Check("machines", False, f"two machines were not up and down within {_TRIAL_S:g} s")]
    if done.returncode != 0:
        return [Check("machines", False, done.stderr.strip())]
    return [Check(*check) for check in json.loads(done.stdout)]
