"""Live streams whose pictures come in bursts, played at their own pace behind a bounded buffer.

A segmented stream (HLS, DASH) arrives a second or more at a time, and so does whatever a server sends in
large pieces. "The newest picture" of such a burst is one picture a second. What radio and telephone
programs do instead is a playout (jitter) buffer: packets are read as they arrive, and each is played
at its own time plus a delay, the largest by which packets have lately been late.

Packets are kept, not pictures: a second of them is some hundred kilobytes and not a hundred megabytes.
"""

from __future__ import annotations

import itertools
import math
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from shufflecam.core.errors import SourceBrokeOff

MAX_BYTES = 64 << 20
"""Of packets that wait; then reading waits, and the rest lies with the network and the server."""

MAX_DELAY_S = 12.0
"""The longest delay: segments of six seconds, the usual length, and as much again. Whatever is later is
played at once."""

JUMP_S = 3.0
"""A step of the stream's own clock that is larger is a new beginning, not a pause to be waited out."""

WINDOW_S = 120.0
"""How long a late packet is remembered: a dozen segments of ten seconds, which come when the list of them is
read again, up to half a segment late. A delay that was not needed for so long is given back ..."""

GIVEN_BACK = 0.05
"""... by playing this share faster."""

BURST_GAP_S = 0.25
"""A pause between two arrivals that is longer, several times over, is a stream in bursts."""

BURSTS = 3
"""Pauses of that kind within `BURST_WINDOW_S`, each made up for by what follows it at once."""

BURST_WINDOW_S = 6.0


SETTLED_S = 4.0
"""After that the delay is known well enough to be told."""


class BurstWatch:
    """Tells from arrivals whether a stream comes in bursts, where its container does not say so."""

    def __init__(self) -> None:
        self._arrivals: deque[tuple[float, float]] = deque()

    def update(self, arrived_s: float, moment_s: float) -> bool:
        """Note a picture's arrival (any clock) and its own time; True once they come in bursts."""
        self._arrivals.append((arrived_s, moment_s))
        while arrived_s - self._arrivals[0][0] > BURST_WINDOW_S:
            self._arrivals.popleft()
        arrivals = list(self._arrivals)
        # Only the second picture behind a pause can make one burst more.
        if len(arrivals) < 4 * BURSTS or arrivals[-3][0] - arrivals[-4][0] <= BURST_GAP_S:
            return False
        pairs = list(itertools.pairwise(arrivals))
        usual_s = statistics.median(then - now for (_, now), (_, then) in pairs)
        waits = [then - now for (now, _), (then, _) in pairs]
        bursts = 0
        for place, wait_s in enumerate(waits[:-2]):
            followed = waits[place + 1 : place + 3]
            # A camera that pauses goes on at its pace afterwards; only a backlog comes at once.
            if wait_s > max(BURST_GAP_S, 4 * usual_s) and all(next_s < usual_s / 3 for next_s in followed):
                bursts += 1
        return bursts >= BURSTS


class Playout:
    """When the pictures of a stream in bursts are due.

    Used by one thread, which tells packets' arrivals in their order. All times in seconds; "clock" is that of
    the arrivals, a "moment" is on the stream's own.
    """

    def __init__(self) -> None:
        self._offsets: deque[tuple[float, float]] = deque()
        self._offset_s: float | None = None
        self._last_s = 0.0

    def arrived(self, clock_s: float, moment_s: float) -> None:
        """A packet to be decoded at `moment_s` came at `clock_s`."""
        step_s, self._last_s = moment_s - self._last_s, moment_s
        if abs(step_s) > JUMP_S:
            self._offsets.clear()
            self._offset_s = None
        offset_s = clock_s - moment_s
        while self._offsets and self._offsets[-1][1] <= offset_s:
            self._offsets.pop()  # a later one that is larger outlasts them: the first is always the largest
        self._offsets.append((clock_s, offset_s))
        while clock_s - self._offsets[0][0] > WINDOW_S:
            self._offsets.popleft()
        needed_s = self._offsets[0][1]
        if self._offset_s is None or needed_s >= self._offset_s:
            self._offset_s = needed_s
        else:
            self._offset_s = max(needed_s, self._offset_s - GIVEN_BACK * max(0.0, step_s))

    def due(self, moment_s: float) -> float:
        """The clock's time at which a picture of `moment_s` is to be shown."""
        return moment_s + (self._offset_s or 0.0)


class BufferedPackets:
    """Reads packets in a thread of its own, with the time of each one's arrival, as far ahead as fits.

    The container belongs to that thread from the start on, which closes it:
    one that is stuck in a read is left behind, and does so when the read returns.
    """

    def __init__(
        self, packets: Iterator[Any], close: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Read `packets` until they end or raise, or until `stop`; after `join` call `close`."""
        self._packets, self._close, self._clock = packets, close, clock
        self._state = threading.Condition()
        self._waiting: deque[tuple[Any, float]] = deque()
        self._bytes = 0
        self._ended = self._stopped = self._released = False
        self._error: BaseException | None = None
        self._playout = Playout()
        self._began_s: float | None = None
        self._ahead_s = 0.0
        self._newest_s = 0.0
        self._thread = threading.Thread(target=self._read, name="shufflecam-packets", daemon=True)
        self._thread.start()

    def get(self, timeout_s: float) -> tuple[Any, float] | None:
        """The next packet and when it arrived; None at the end, or after `stop`.

        Raises:
            SourceBrokeOff: none came within `timeout_s`.
            Whatever reading raised, once the packets before it are given.
        """
        with self._state:
            ready = self._state.wait_for(lambda: self._waiting or self._ended or self._stopped, timeout_s)
            if self._stopped:
                return None
            if self._waiting:
                packet, arrived_s = self._waiting.popleft()
                self._bytes -= packet.size
                self._state.notify_all()
                return packet, arrived_s
            if not ready:
                raise SourceBrokeOff(f"The stream has sent nothing for {timeout_s:g} s.")
            if self._error is not None:
                raise self._error
            return None

    def packets(self, timeout_s: float) -> Iterator[Any]:
        """All packets, as `get` gives them, their arrivals noted for `wait_for`."""
        while (got := self.get(timeout_s)) is not None:
            packet, arrived_s = got
            moment_s = _moment(packet, math.nan)
            if not math.isnan(moment_s):
                self._playout.arrived(arrived_s, moment_s)
            yield packet

    def wait_for(self, moment_s: float, stopped: threading.Event, say: Callable[[float], None]) -> None:
        """Return when a picture of this moment is due, or `stopped` is set.

        Args:
            moment_s: on the stream's clock.
            stopped: ends the wait.
            say: told once, when it is known, how far behind its newest picture the stream is played (s).
        """
        now_s = self._clock()
        wait_s = min(self._playout.due(moment_s) - now_s, MAX_DELAY_S)
        if wait_s > 0:
            stopped.wait(wait_s)
        now_s = self._clock()
        if self._began_s is None:
            self._began_s = now_s
        if self._ahead_s >= 0:
            self._ahead_s = max(self._ahead_s, self._playout.due(self._newest_s) - now_s)
            if now_s - self._began_s >= SETTLED_S:
                say(self._ahead_s)
                self._ahead_s = -1.0

    def stop(self) -> None:
        """From any thread: `get` gives nothing more, reading ends with the packet that it waits for."""
        with self._state:
            self._stopped = True
            self._waiting.clear()
            self._state.notify_all()

    def join(self, wait_s: float) -> None:
        """After `stop`, by the thread that decodes: have the stream closed, and wait so long for it."""
        with self._state:
            self._released = True
            self._state.notify_all()
        self._thread.join(wait_s)

    def _read(self) -> None:
        try:
            for packet in self._packets:
                with self._state:
                    self._waiting.append((packet, self._clock()))
                    self._newest_s = _moment(packet, self._newest_s)
                    self._bytes += packet.size
                    self._state.notify_all()
                    self._state.wait_for(lambda: self._bytes < MAX_BYTES or self._stopped)
                    if self._stopped:
                        return
        except BaseException as error:  # carried to whoever waits for packets
            self._error = error
        finally:
            with self._state:
                self._ended = True
                self._state.notify_all()
                # Whoever decodes may be in the middle of a packet, which a closed container would pull away.
                self._state.wait_for(lambda: self._released)
            self._close()


def _moment(packet: Any, otherwise: float) -> float:
    """When a packet is to be decoded, in seconds on the stream's clock."""
    stamp = packet.dts if packet.dts is not None else packet.pts
    return otherwise if stamp is None else float(stamp * packet.time_base)
