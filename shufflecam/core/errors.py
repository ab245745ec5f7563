"""Every error that shufflecam raises deliberately, and its exit code.

::

    ShufflecamError            1   anything else that went wrong
    ├── UsageError             2   an invalid option, name, extension or boxes file
    ├── SourceError            3   the source cannot be opened, or contains nothing readable
    │   └── SourceBrokeOff     5   the source ended prematurely; everything before that is valid
    ├── OutputError            1   an output cannot be written
    ├── WeightsError           4   weights are missing, wrong or unsafe
    └── Interrupted          130   SIGINT or SIGTERM

A message is one sentence: what went wrong, where, and what to try; secrets in addresses are removed. The
command line prints it as one red line; ``--debug`` adds the traceback.
"""

from __future__ import annotations

from shufflecam.core.addresses import without_secrets


class ShufflecamError(Exception):
    """The base class: catch it to catch everything that shufflecam raises deliberately."""

    exit_code = 1

    def __init__(self, *args: object) -> None:
        """As `Exception`; users and passwords of addresses are removed from the message."""
        super().__init__(*(without_secrets(one) if isinstance(one, str) else one for one in args))


class UsageError(ShufflecamError):
    """The request is invalid: an unknown name, a wrong extension, a malformed boxes file."""

    exit_code = 2


class SourceError(ShufflecamError):
    """The camera, video, picture or folder cannot be opened, or contains nothing readable."""

    exit_code = 3


class SourceBrokeOff(SourceError):
    """A source that started correctly and ended prematurely: a damaged file, a disconnected camera."""

    exit_code = 5


class OutputError(ShufflecamError):
    """A file or folder cannot be written."""

    exit_code = 1


class WeightsError(ShufflecamError):
    """Weights are missing, of another architecture, damaged, or would run code."""

    exit_code = 4


class Interrupted(ShufflecamError):
    """The user (SIGINT) or the system (SIGTERM) asked to stop."""

    exit_code = 130
