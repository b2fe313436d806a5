from pathlib import Path

import pytest
from little_cluster import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """Return a place to run scenarios in virtual time."""
    return World(monkeypatch, tmp_path)
