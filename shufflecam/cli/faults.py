"""Check that the working folder still exists."""

from __future__ import annotations

import os
from collections.abc import Sequence

from shufflecam.core.errors import ShufflecamError

_WORKS_ANYWHERE = {"-h", "--help", "--help-all", "--version"}


def check_folder(arguments: Sequence[str]) -> None:
    """Raise ShufflecamError where the working folder no longer exists: relative paths cannot be resolved."""
    try:
        os.getcwd()
    except OSError as error:
        if _WORKS_ANYWHERE.isdisjoint(arguments):
            raise ShufflecamError(
                "The folder that you are in was removed or renamed; change into another (cd) and try again."
            ) from error
