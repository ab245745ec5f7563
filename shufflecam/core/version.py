"""The version: the one place that has it; the package's metadata reads it here."""

from __future__ import annotations

__version__ = "0.1.0"
