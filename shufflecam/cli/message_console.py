"""Standard error as rich writes to it; apart, since rich takes a moment to import."""

from __future__ import annotations

from rich.console import Console

from shufflecam.cli.streams import give_up


class MessageConsole(Console):
    """Standard error. Nobody there to read it is no reason to end the work."""

    def __init__(self) -> None:
        """Plain text, in lines as long as they are."""
        super().__init__(stderr=True, highlight=False, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Say nothing from now on; rich would end the program, and the recording with it."""
        self.quiet = True
        give_up(2)
