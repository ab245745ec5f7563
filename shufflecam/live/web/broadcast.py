"""From the main thread of a run to any number of clients, each at its own speed and none in the way.

The newest picture is kept, encoded once for all and only when somebody watches; of records each client
has a short queue, whose oldest entries go first. So a slow client misses frames and nothing grows.
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
"""After so long without news something is sent all the same, so that a client that left is noticed."""

_QUALITY = 80  # JPEG: 1280x720 in about 100 KB


@dataclass(eq=False)
class _Listener:
    """A client that reads records: events of a server-sent stream that it has not been given yet."""

    wants_hud: bool
    waiting: deque[str] = field(default_factory=lambda: deque(maxlen=QUEUED_RECORDS))


class Broadcast:
    """`picture`, `record`, `hud` and `close` are for the run; the rest for the server's event loop."""

    def __init__(self, header: Record) -> None:
        """`header` is the record's first line, which every client gets first."""
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
        """Clients that look at pictures."""
        self.listening = 0
        """Clients that read records."""

    def picture(self, image: ImageArray) -> None:
        """Show a picture, (H, W, 3) uint8 BGR; it is copied, so ask `watching` first."""
        with self._lock:
            number = 1 if self._picture is None else self._picture[0] + 1
            self._picture = (number, image.copy())
        self._call(self._wake)

    def record(self, *records: Record) -> None:
        """Send lines of the record."""
        if self.listening:
            for entry in records:
                self._call(self._send, f"data: {dumps(entry)}\n\n", False)

    def hud(self, values: Record) -> None:
        """Send what the page shows around the picture."""
        if self.listening:
            self._call(self._send, f"event: hud\ndata: {dumps(values)}\n\n", True)

    def close(self, footer: Record | None = None) -> None:
        """Nothing more will come: every stream ends, after `footer`."""
        if footer is not None:
            self.record(footer)
        self._call(self._end)

    def attach(self) -> None:
        """Called in the server's event loop before it serves."""
        self._loop = asyncio.get_running_loop()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While it lasts, one more looks at pictures."""
        self.watching += 1
        try:
            yield
        finally:
            self.watching -= 1

    async def pictures(self) -> AsyncIterator[bytes]:
        """JPEGs: always the newest one, however long the one before took to send."""
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
        """Server-sent events: the header, then each line of the record; with the HUD if asked."""
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
        """The newest picture as JPEG, encoded by whoever asks first."""
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
        # Whoever waits has the event that is set now; whoever comes later gets the new one.
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _end(self) -> None:
        self._closed = True
        self._wake()

    def _call(self, function: object, *arguments: object) -> None:
        """In the event loop; nothing where it does not run (any more)."""
        if self._loop is not None and not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(function, *arguments)  # type: ignore[arg-type]
            except RuntimeError:  # it was closed just now
                return


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Whether `event` came in time."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    except asyncio.TimeoutError:  # Python 3.10 has two of them
        return False
    return True


def _jpeg(image: ImageArray) -> bytes:
    good, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return bytes(data.tobytes()) if good else b""
