"""Placeholder."""

from typing import Any

History = Any
