"""Limits the live page's connections: their number, and how long one may be idle.

uvicorn limits the requests that it answers, not the connections that it holds: each incomplete request keeps
a file descriptor forever, and with enough of them no other client is answered and the run itself can no
longer open files.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 64
"""Simultaneous connections; a browser uses six for a page. Further ones are closed on arrival."""

HEAD_S = 10.0
"""Timeout for a request to arrive."""

_LOOK_EVERY_S = 1.0

# Malformed requests from strangers are answered, and not logged to the terminal of the person at the camera.
logging.getLogger("uvicorn").addHandler(logging.NullHandler())


class LimitedProtocol(H11Protocol):
    """One connection; used only in the server's event loop."""

    _waiting_since = 0.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Accept the connection, or close it if there are too many."""
        if len(self.connections) >= MOST_CONNECTIONS:
            self.transport = transport
            transport.abort()
            return
        super().connection_made(transport)
        self._waiting_since = self.loop.time()
        self._timer = self.loop.call_later(_LOOK_EVERY_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer of a lost connection."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        """Close the connection if no request arrived in time; a response may take any time."""
        now = self.loop.time()
        if self.cycle is not None and not self.cycle.response_complete:
            self._waiting_since = now
        elif now - self._waiting_since >= HEAD_S:
            self.transport.abort()
            return
        self._timer = self.loop.call_later(_LOOK_EVERY_S, self._look)
