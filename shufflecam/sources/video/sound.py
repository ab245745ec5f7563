"""A video's audio as packets in sync with its pictures, for a video writer to copy."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import av

from shufflecam.core.errors import SourceError
from shufflecam.sources.timing.clock import StreamClock, run_of
from shufflecam.sources.timing.runs import Runs
from shufflecam.sources.timing.timeline import Timeline
from shufflecam.sources.video.reader import VideoReader


class _Placed:
    """Shifts audio packets by the same offset as the pictures of their run, to keep them in sync."""

    def __init__(self, pictures: Timeline, runs: Runs) -> None:
        self._pictures = pictures
        self._runs = runs
        self._own: dict[int, float] = {}
        self._end_s: float | None = None
        self._run = 0

    def place(self, packet: av.Packet, at_end: bool) -> bool:
        """Set the packet's timestamps; return False while they depend on pictures still to come."""
        run = run_of(packet)
        offset_s = self._offset(run, packet, at_end)
        if offset_s is None:
            return False
        duration_s = float((packet.duration or 0) * packet.time_base)
        at = packet.pts if packet.pts is not None else packet.dts
        if at is None:  # directly after the previous packet
            if self._end_s is not None:
                packet.pts = packet.dts = round(Fraction(self._end_s) / packet.time_base)
                self._end_s += duration_s
            return True
        if offset_s:
            ticks = round(Fraction(offset_s) / packet.time_base)
            packet.pts, packet.dts = at + ticks, (packet.dts if packet.dts is not None else at) + ticks
        self._run = run
        self._end_s = float(at * packet.time_base) + offset_s + duration_s
        return True

    def _offset(self, run: int, packet: av.Packet, at_end: bool) -> float | None:
        offset_s = self._own.get(run)
        if offset_s is None:
            offset_s = self._pictures.offset_s(run)
        if offset_s is None and (at_end or self._runs.is_of_sound_alone(run)):
            at = packet.pts if packet.pts is not None else packet.dts
            offset_s = 0.0
            if at is not None and run != self._run and self._end_s is not None:
                offset_s = self._end_s - float(at * packet.time_base)
            self._own[run] = offset_s
        return 0.0 if offset_s is None and run == 0 else offset_s


class FileSound:
    """Audio packets of a file, from a second pass parallel to the pictures: only one packet is in memory."""

    def __init__(self, file: BinaryIO, name: str, from_s: float, beside: VideoReader) -> None:
        """Open the first audio stream and seek to `from_s` (container time).

        Args:
            file: the file, opened a second time.
            name: name of the file in messages.
            from_s: where the audio starts.
            beside: the reader of the pictures, which has the clock's repairs.

        Raises:
            SourceError: the file has no readable audio.
        """
        self._reader = VideoReader(file, name, threads=False)
        if self._reader.sound_stream is None:
            self._reader.close()
            raise SourceError(f"{name} has no sound.")
        self.stream: Any = self._reader.sound_stream
        container = self._reader.container
        if from_s > float(self._reader.start) and beside.sought:
            container.seek(int(from_s / self.stream.time_base), stream=self.stream, backward=True)
        self._clock: StreamClock = self._reader.clock
        self._placed = _Placed(beside.clock.timeline, self._clock.runs)
        self._packets: Iterator[av.Packet] = container.demux(self._reader.stream, self.stream)
        self._held: av.Packet | None = None
        self._is_placed = False

    def packets_until(self, seconds: float) -> Iterator[av.Packet]:
        """Yield the remaining packets that begin before `seconds`; damage only ends the audio."""
        while True:
            if self._held is None:
                self._held, self._is_placed = self._next(), False
            packet = self._held
            if packet is None:
                return
            self._is_placed = self._is_placed or self._placed.place(packet, seconds == float("inf"))
            if not self._is_placed or (packet.pts is not None and packet.pts * packet.time_base >= seconds):
                return
            self._held = None
            yield packet

    def _next(self) -> av.Packet | None:
        try:
            for packet in self._packets:
                if packet.size:
                    self._clock.met(packet)
                    if packet.stream_index == self.stream.index:
                        return packet
        except (OSError, av.error.FFmpegError):
            pass
        return None

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


class PipeSound:
    """Audio packets collected by the reader of the pictures, since a pipe can be read only once."""

    def __init__(self, reader: VideoReader) -> None:
        """Share `reader`, opened with `sound=True`."""
        self.stream: Any = reader.sound_stream
        self._reader = reader
        self._placed = _Placed(reader.clock.timeline, reader.clock.runs)
        self._held: av.Packet | None = None
        self._is_placed = False

    def packets_until(self, seconds: float) -> Iterator[av.Packet]:
        """Yield the packets read so far that begin before `seconds`."""
        waiting = self._reader.sound_packets
        while self._held is not None or waiting:
            if self._held is None:
                self._held, self._is_placed = waiting.popleft(), False
            packet = self._held
            self._is_placed = self._is_placed or self._placed.place(packet, seconds == float("inf"))
            if not self._is_placed or (packet.pts is not None and packet.pts * packet.time_base >= seconds):
                return
            self._held = None
            yield packet

    def close(self) -> None:
        """Do nothing: the reader belongs to the source."""
