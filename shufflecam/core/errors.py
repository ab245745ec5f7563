"""Every error that shufflecam raises on purpose, and the exit code that each one means.

::

    ShufflecamError            1   anything else that went wrong
    ├── UsageError             2   an option, a name, an extension or a boxes file that cannot be meant
    ├── SourceError            3   the source cannot be opened, or holds nothing readable
    │   └── SourceBrokeOff     5   the source ended in the middle; what came before is good
    ├── OutputError            1   an output cannot be written
    ├── WeightsError           4   weights are missing, wrong or unsafe
    └── Interrupted          130   SIGINT or SIGTERM

A message is one sentence: what went wrong, where, and what to try; addresses in it have lost their
secrets. The command line prints it in one red line; ``--debug`` shows the traceback as well.
"""

from __future__ import annotations

from shufflecam.core.addresses import without_secrets


class ShufflecamError(Exception):
    """The root: catch this to catch everything that shufflecam raises on purpose."""

    exit_code = 1

    def __init__(self, *args: object) -> None:
        """As `Exception`; users and passwords of addresses are taken out of the message."""
        super().__init__(*(without_secrets(one) if isinstance(one, str) else one for one in args))


class UsageError(ShufflecamError):
    """What was asked for cannot be meant: an unknown name, a wrong extension, a malformed boxes file."""

    exit_code = 2


class SourceError(ShufflecamError):
    """The camera, video, picture or folder cannot be opened, or holds nothing readable."""

    exit_code = 3


class SourceBrokeOff(SourceError):
    """A source that began well and ended too early: a damaged file, a camera that went away."""

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
