"""Playout (jitter) buffer for live streams that arrive in bursts: they are played at their own pace.

A segmented stream (HLS, DASH) arrives a second or more at a time, as does anything that a server sends in
large chunks. Taking only the newest picture of each burst would give one picture per second. As in
Internet radio and telephony, packets are instead read on arrival and played at their own timestamp plus a
delay: the largest recent lateness of a packet.

Packets are buffered, not pictures: a second takes some hundred kilobytes rather than a hundred megabytes.
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
"""Maximum size of buffered packets; beyond it reading blocks, which throttles the sender."""

MAX_DELAY_S = 12.0
"""Maximum delay: a segment of six seconds, the usual length, and as much again. Later packets are played
at once."""

JUMP_S = 3.0
"""A larger step of the stream's own clock is a discontinuity, not a pause to wait for."""

WINDOW_S = 120.0
"""Window over which lateness is measured: a dozen segments of ten seconds, which arrive up to half a segment
late, when the playlist is reloaded. Delay not needed within the window is reduced ..."""

GIVEN_BACK = 0.05
"""... by playing faster by this fraction."""

BURST_GAP_S = 0.25
"""Minimum pause between two arrivals that can indicate a burst."""

BURSTS = 3
"""Such pauses within `BURST_WINDOW_S`, each followed by its backlog, that identify a bursty stream."""

BURST_WINDOW_S = 6.0


SETTLED_S = 4.0
"""Time after which the delay has settled enough to be reported."""


class BurstWatch:
    """Detects from arrival times whether a stream is bursty, for formats that do not imply it."""

    def __init__(self) -> None:
        self._arrivals: deque[tuple[float, float]] = deque()

    def update(self, arrived_s: float, moment_s: float) -> bool:
        """Record a picture's arrival time (any clock) and timestamp; return True once bursts are detected."""
        self._arrivals.append((arrived_s, moment_s))
        while arrived_s - self._arrivals[0][0] > BURST_WINDOW_S:
            self._arrivals.popleft()
        arrivals = list(self._arrivals)
        # Only the second picture after a pause can complete another burst.
        if len(arrivals) < 4 * BURSTS or arrivals[-3][0] - arrivals[-4][0] <= BURST_GAP_S:
            return False
        pairs = list(itertools.pairwise(arrivals))
        usual_s = statistics.median(then - now for (_, now), (_, then) in pairs)
        waits = [then - now for (now, _), (then, _) in pairs]
        bursts = 0
        for place, wait_s in enumerate(waits[:-2]):
            followed = waits[place + 1 : place + 3]
            # After a mere pause a camera continues at its own pace; only a backlog arrives all at once.
            if wait_s > max(BURST_GAP_S, 4 * usual_s) and all(next_s < usual_s / 3 for next_s in followed):
                bursts += 1
        return bursts >= BURSTS


class Playout:
    """Computes when the pictures of a bursty stream are due.

    Used by a single thread, which reports packet arrivals in order. All times are in seconds; "clock" is the
    clock of the arrivals, a "moment" is a time on the stream's own clock.
    """

    def __init__(self) -> None:
        self._offsets: deque[tuple[float, float]] = deque()
        self._offset_s: float | None = None
        self._last_s = 0.0

    def arrived(self, clock_s: float, moment_s: float) -> None:
        """Record that a packet with decoding time `moment_s` arrived at `clock_s`."""
        step_s, self._last_s = moment_s - self._last_s, moment_s
        if abs(step_s) > JUMP_S:
            self._offsets.clear()
            self._offset_s = None
        offset_s = clock_s - moment_s
        while self._offsets and self._offsets[-1][1] <= offset_s:
            self._offsets.pop()  # a later, larger one outlasts them: the first is always the largest
        self._offsets.append((clock_s, offset_s))
        while clock_s - self._offsets[0][0] > WINDOW_S:
            self._offsets.popleft()
        needed_s = self._offsets[0][1]
        if self._offset_s is None or needed_s >= self._offset_s:
            self._offset_s = needed_s
        else:
            self._offset_s = max(needed_s, self._offset_s - GIVEN_BACK * max(0.0, step_s))

    def due(self, moment_s: float) -> float:
        """Return the clock time at which a picture with timestamp `moment_s` is due."""
        return moment_s + (self._offset_s or 0.0)


class BufferedPackets:
    """Reads packets ahead in a separate thread, up to `MAX_BYTES`, and records their arrival times.

    The container belongs to that thread from the start, which also closes it: a thread blocked in a read is
    abandoned, and closes the container when the read returns.
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
        """Return the next packet and its arrival time; None at the end, or after `stop`.

        Raises:
            SourceBrokeOff: no packet arrived within `timeout_s`.
            Any exception raised by reading, once the packets before it have been returned.
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
        """Yield all packets, as returned by `get`, and record their arrivals for `wait_for`."""
        while (got := self.get(timeout_s)) is not None:
            packet, arrived_s = got
            moment_s = _moment(packet, math.nan)
            if not math.isnan(moment_s):
                self._playout.arrived(arrived_s, moment_s)
            yield packet

    def wait_for(self, moment_s: float, stopped: threading.Event, say: Callable[[float], None]) -> None:
        """Block until a picture with this timestamp is due, or `stopped` is set.

        Args:
            moment_s: time on the stream's clock.
            stopped: ends the wait.
            say: called once, when it has settled, with the playout delay behind the newest picture (s).
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
        """Make `get` return None from now on and end reading after the pending packet; from any thread."""
        with self._state:
            self._stopped = True
            self._waiting.clear()
            self._state.notify_all()

    def join(self, wait_s: float) -> None:
        """Release the stream to be closed, and wait up to `wait_s`; after `stop`, by the decoding thread."""
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
        except BaseException as error:  # re-raised in the consumer's thread
            self._error = error
        finally:
            with self._state:
                self._ended = True
                self._state.notify_all()
                # The consumer may be decoding a packet, which closing the container would invalidate.
                self._state.wait_for(lambda: self._released)
            self._close()


def _moment(packet: Any, otherwise: float) -> float:
    """Return a packet's decoding time in seconds on the stream's clock, or `otherwise` if it has none."""
    stamp = packet.dts if packet.dts is not None else packet.pts
    return otherwise if stamp is None else float(stamp * packet.time_base)
