"""Broadcasts from the main thread of a run to any number of clients, each at its own speed, without blocking.

Only the newest picture is kept; it is encoded once for all clients, and only if one is watching. Each client
has a short queue of records that discards the oldest. So a slow client misses frames and memory is bounded.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2

from shufflecam.core.types import ImageArray
from shufflecam.records.json import dumps
from shufflecam.records.schema import Record

QUEUED_RECORDS = 60
"""Two seconds at 30 fps: enough for a page that was busy for a moment."""

QUIET_S = 2.0
"""Keep-alive interval: something is sent after this time without news, to notice a client that left."""

_QUALITY = 80  # JPEG: 1280x720 in about 100 KB


@dataclass(eq=False)
class _Listener:
    """A client that reads records, with the server-sent events not yet delivered to it."""

    wants_hud: bool
    waiting: deque[str] = field(default_factory=lambda: deque(maxlen=QUEUED_RECORDS))


class Broadcast:
    """Passes pictures and records from the run to clients.

    `picture`, `record`, `hud` and `close` are for the run; the rest is for the server's event loop.
    """

    def __init__(self, header: Record) -> None:
        """Start without clients; every client receives `header`, the record's first line, first."""
        self._header = header
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._picture: tuple[int, ImageArray] | None = None
        self._jpeg: tuple[int, bytes] = (0, b"")
        self._encoding = asyncio.Lock()
        self._changed = asyncio.Event()
        self._listeners: set[_Listener] = set()
        self._closed = False
        self.watching = 0
        """Number of clients that watch pictures."""
        self.listening = 0
        """Number of clients that read records."""

    def picture(self, image: ImageArray) -> None:
        """Publish a picture, (H, W, 3) uint8 BGR; it is copied, so check `watching` first."""
        with self._lock:
            number = 1 if self._picture is None else self._picture[0] + 1
            self._picture = (number, image.copy())
        self._call(self._wake)

    def record(self, *records: Record) -> None:
        """Publish lines of the record."""
        if self.listening:
            for entry in records:
                self._call(self._send, f"data: {dumps(entry)}\n\n", False)

    def hud(self, values: Record) -> None:
        """Publish what the page displays around the picture."""
        if self.listening:
            self._call(self._send, f"event: hud\ndata: {dumps(values)}\n\n", True)

    def close(self, footer: Record | None = None) -> None:
        """Publish `footer` and end every stream."""
        if footer is not None:
            self.record(footer)
        self._call(self._end)

    def attach(self) -> None:
        """Bind to the running event loop; called by the server before it serves."""
        self._loop = asyncio.get_running_loop()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count one more client that watches pictures, within the context."""
        self.watching += 1
        try:
            yield
        finally:
            self.watching -= 1

    async def pictures(self) -> AsyncIterator[bytes]:
        """Yield JPEGs: always the newest one, however long the previous one took to send."""
        seen = 0
        while not self._closed:
            changed = self._changed
            newest = self._picture
            if newest is not None and newest[0] != seen:
                seen = newest[0]
                yield await self._encoded()
            elif not await _within(QUIET_S, changed) and newest is not None:
                yield self._jpeg[1]

    async def events(self, *, hud: bool) -> AsyncIterator[str]:
        """Yield server-sent events: the header, then each line of the record; with `hud` also the HUD."""
        listener = _Listener(hud)
        self._listeners.add(listener)
        self.listening = len(self._listeners)
        try:
            yield f"data: {dumps(self._header)}\n\n"
            while True:
                changed = self._changed
                while listener.waiting:
                    yield listener.waiting.popleft()
                if self._closed:
                    return
                if changed is self._changed and not await _within(QUIET_S, changed):
                    yield ": still here\n\n"
        finally:
            self._listeners.discard(listener)
            self.listening = len(self._listeners)

    async def _encoded(self) -> bytes:
        """Return the newest picture as JPEG, encoded by the first caller."""
        async with self._encoding:
            with self._lock:
                newest = self._picture
            assert newest is not None
            if self._jpeg[0] != newest[0]:
                self._jpeg = (newest[0], await asyncio.to_thread(_jpeg, newest[1]))
            return self._jpeg[1]

    def _send(self, event: str, is_hud: bool) -> None:
        for listener in self._listeners:
            if listener.wants_hud or not is_hud:
                listener.waiting.append(event)
        self._wake()

    def _wake(self) -> None:
        # Current waiters hold the event that is set now; later ones get the new one.
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _end(self) -> None:
        self._closed = True
        self._wake()

    def _call(self, function: object, *arguments: object) -> None:
        """Schedule a call in the event loop; do nothing before it is bound and once it is closed."""
        if self._loop is not None and not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(function, *arguments)  # type: ignore[arg-type]
            except RuntimeError:  # closed in the meantime
                return


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Return whether `event` was set in time."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    except asyncio.TimeoutError:  # a class of its own in Python 3.10
        return False
    return True


def _jpeg(image: ImageArray) -> bytes:
    good, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return bytes(data.tobytes()) if good else b""
