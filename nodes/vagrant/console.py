"""What machines print on their consoles, for those that do not come up."""

from collections.abc import Sequence
from pathlib import Path

_LINES = 15


def folder(cluster: Path) -> Path:
    """Return where the consoles of a cluster are kept: NAME.log."""
    return cluster / "consoles"


def size(cluster: Path, name: str) -> int:
    """Return how much a machine has printed; 0 where its provider keeps none."""
    path = Path(folder(cluster), f"{name}.log")
    return path.stat().st_size if path.exists() else 0


def line_after(cluster: Path, name: str, position: int, words: str) -> str | None:
    """Return the first line with these words that a machine has printed since it had printed so much."""
    path = Path(folder(cluster), f"{name}.log")
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(position)
        text = file.read().decode(errors="replace")
    return next((line.strip() for line in text.splitlines() if words in line), None)


def last_lines(cluster: Path, name: str) -> Sequence[str]:
    """Return the last lines that a machine printed; none where its provider keeps none."""
    try:
        text = Path(folder(cluster), f"{name}.log").read_text(errors="replace")
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f"(its console can't be read: {error})"]
    return [line for line in text.splitlines() if line.strip()][-_LINES:]
