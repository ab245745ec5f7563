"""What is said of an error that nobody expected, and of a working folder that is not there any more."""

from __future__ import annotations

import os
from collections.abc import Sequence

from shufflecam.core.errors import ShufflecamError
from shufflecam.core.reasons import in_their_words, reason

REPORT = "run it again with --debug and report what that prints"

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


def unexpected(error: Exception, what_to_do: str = REPORT) -> str:
    """A sentence on an error that no part of the program has words for; Python's own stand in brackets."""
    if isinstance(error, MemoryError):
        return f"There is not enough memory ({told(error)}); end other programs, or take smaller pictures."
    if isinstance(error, ImportError):
        return f"A part of the installation is missing ({told(error)}); install shufflecam again with pip."
    if isinstance(error, OSError) and error.errno is not None:
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        return f"It cannot go on: {where}{reason(error)}; if that is no help, {what_to_do}."
    return f"This is a fault in shufflecam; {what_to_do} ({told(error)})."


def told(error: BaseException) -> str:
    """Kind and words of an error, in one line, for brackets."""
    words = in_their_words(error)
    name = type(error).__name__
    return name if words == name else f"{name}: {words}"
