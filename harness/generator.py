"""Placeholder: the protocol of generators."""

from typing import Any

Generator = Any
