"""The live page's connections: so many at once, and none that keeps its place without asking for anything.

uvicorn bounds what it answers, not what it holds: each half request keeps a file descriptor for ever, and
with enough of them nobody else is answered and the run itself can open no file any more.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 64
"""At once; a browser takes six for a page. The next one is closed as it comes."""

HEAD_S = 10.0
"""How long a request may take to arrive."""

_LOOK_EVERY_S = 1.0

# What strangers send wrongly is answered, and is no line in the terminal of the person at the camera.
logging.getLogger("uvicorn").addHandler(logging.NullHandler())


class LimitedProtocol(H11Protocol):
    """One connection; it belongs to the server's event loop."""

    _waiting_since = 0.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take it, or close it where there are too many."""
        if len(self.connections) >= MOST_CONNECTIONS:
            self.transport = transport
            transport.abort()
            return
        super().connection_made(transport)
        self._waiting_since = self.loop.time()
        self._timer = self.loop.call_later(_LOOK_EVERY_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        """Close it where no request came for too long; one that is being answered may take its time."""
        now = self.loop.time()
        if self.cycle is not None and not self.cycle.response_complete:
            self._waiting_since = now
        elif now - self._waiting_since >= HEAD_S:
            self.transport.abort()
            return
        self._timer = self.loop.call_later(_LOOK_EVERY_S, self._look)
