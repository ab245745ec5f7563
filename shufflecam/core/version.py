"""The version: its single definition, which the package's metadata reads."""

from __future__ import annotations

__version__ = "0.1.0"
