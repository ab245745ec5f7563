"""A rich console on standard error; a separate module, since rich is slow to import."""

from __future__ import annotations

from rich.console import Console

from shufflecam.cli.streams import give_up


class MessageConsole(Console):
    """Console on standard error that survives a closed pipe: the work continues without messages."""

    def __init__(self) -> None:
        """Create a console for plain text without line wrapping."""
        super().__init__(stderr=True, highlight=False, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Discard all further output; rich would exit the program, and end the recording with it."""
        self.quiet = True
        give_up(2)
