"""What is said of an error that nobody expected, and of a working folder that is not there any more."""

from __future__ import annotations

import os
from collections.abc import Sequence

from shufflecam.core.errors import ShufflecamError

_WORKS_ANYWHERE = {"-h", "--help", "--help-all", "--version"}


def check_folder(arguments: Sequence[str]) -> None:
    """Raise ShufflecamError where the working folder is gone: names in it mean nothing then."""
    try:
        os.getcwd()
    except OSError as error:
        if _WORKS_ANYWHERE.isdisjoint(arguments):
            raise ShufflecamError(
                "The folder that you are in was removed or renamed; change into another (cd) and try again."
            ) from error
