"""What machines print on their consoles, for those that do not come up."""

from collections.abc import Sequence
from pathlib import Path

_LINES = 15


def folder(cluster: Path) -> Path:
    """Return where the consoles of a cluster are kept: NAME.log."""
    return cluster / "consoles"


def last_lines(cluster: Path, name: str) -> Sequence[str]:
    """Return the last lines that a machine printed; none where its provider keeps none."""
    try:
        text = Path(folder(cluster), f"{name}.log").read_text(errors="replace")
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f"(its console can't be read: {error})"]
    return [line for line in text.splitlines() if line.strip()][-_LINES:]
