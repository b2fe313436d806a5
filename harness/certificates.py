"""The files that keep what a violation rests on: one for each check that has a certificate.

`checkers.verifier` compares them with the raw history, for whoever does not trust the checkers.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from harness import results
from harness.checker import CheckResult


def write(folder: Path, checks: Iterable[CheckResult], history: str) -> Mapping[str, Path]:
    """Write a file for each certificate, and return where it is, by checker; raises as `results.storing` does."""
    kept = {}
    for check in checks:
        if check.certificate is not None:
            place = folder / f"certificate-{check.checker}.json"
            content = {
                "checker": check.checker,
                "verdict": check.verdict,
                "history": history,
                "certificate": check.certificate,
            }
            results.write(place, msgspec.json.encode(content, enc_hook=plain) + b"\n")
            kept[check.checker] = place
    return kept


def in_folder(folder: Path) -> tuple[Path, ...]:
    """Return the certificates that are kept in a folder, by name."""
    return tuple(sorted(folder.glob("certificate-*.json")))


def plain(value: Any) -> Any:
    """Return numpy's numbers and arrays as plain values, for JSON."""
    import numpy as np

    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} can't be written as JSON")
