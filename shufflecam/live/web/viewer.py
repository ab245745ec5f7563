"""`webcam --serve`: the live page as another viewer of the run, and its record as another sink."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from shufflecam.core.errors import UsageError
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.types import FrameResult, ImageArray
from shufflecam.live.hud import Figures, condition, numbers
from shufflecam.live.state import LiveState
from shufflecam.live.web.broadcast import Broadcast
from shufflecam.records import schema as record

if TYPE_CHECKING:
    from shufflecam.live.web.server import LiveServer

HUD_EVERY_S = 0.25


def open_server(port: int, host: str | None) -> LiveServer:
    """Return the server with its port bound, not serving yet.

    Raises:
        UsageError: the extra is not installed, or `host` is not an address of this machine.
        OutputError: the port is in use.
    """
    try:
        from shufflecam.live.web.server import LiveServer
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--serve needs {error.name}, which is not installed; pip install 'shufflecam[serve]'."
        ) from error
    return LiveServer(port, host)


class BrowserViewer:
    """The live page: publishes pictures while a client watches, and the figures a few times a second."""

    closed = False

    def __init__(self, broadcast: Broadcast, clock: Callable[[], float] = time.monotonic) -> None:
        self._broadcast = broadcast
        self._clock = clock
        self._next_s = 0.0
        self._shown: tuple[FrameResult | None, LiveState] | None = None

    @property
    def wants_picture(self) -> bool:
        """Whether any client watches the picture."""
        return self._broadcast.watching > 0

    def show(
        self, picture: ImageArray, result: FrameResult | None, figures: Figures, state: LiveState
    ) -> int | None:
        """Publish the picture and the figures, without waiting for clients; return None."""
        # A redraw of the same picture is not sent again.
        if picture.size and self._shown != (result, state):
            self._shown = (result, state)
            self._broadcast.picture(picture)
        now = self._clock()
        if now >= self._next_s:
            self._next_s = now + HUD_EVERY_S
            self._broadcast.hud(
                {
                    "numbers": numbers(figures),
                    "condition": condition(figures, state),
                    "trouble": figures.trouble,
                }
            )
        return None

    def poll(self) -> int | None:
        """Return None: there are no keys here."""
        return None

    def close(self) -> None:
        """Do nothing: the server ends with the record; see `BroadcastSink`."""


class BroadcastSink:
    """Publishes the record to the clients of /poses; a `core.protocols.Sink`."""

    def __init__(self, broadcast: Broadcast, header: record.Record) -> None:
        self._broadcast = broadcast
        self._joints = record.angle_joints(header)
        self._frames = 0

    def write(self, result: FrameResult) -> None:
        """Publish one line; none is built while no client listens."""
        self._frames += 1
        if self._broadcast.listening:
            self._broadcast.record(*record.events(result), record.frame(result, self._joints))

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Publish the footer and end every stream."""
        self._broadcast.close(record.footer(self._frames, dropped, complete, missing))
