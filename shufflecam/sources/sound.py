"""The sound of a video, as packets in step with its pictures: what a video writer copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import av

from shufflecam.core.errors import SourceError
from shufflecam.sources.reader import VideoReader


class FileSound:
    """Sound packets of a file, read a second time beside the pictures: memory stays at one packet."""

    def __init__(self, file: BinaryIO, name: str, from_s: float) -> None:
        """Open the first sound stream and go to `from_s` (container time).

        Raises:
            SourceError: the file has no sound that can be read.
        """
        self._reader = VideoReader(file, name, threads=False)
        if self._reader.sound_stream is None:
            self._reader.close()
            raise SourceError(f"{name} has no sound.")
        self.stream: Any = self._reader.sound_stream
        container = self._reader.container
        if from_s > float(self._reader.start):
            container.seek(int(from_s / self.stream.time_base), stream=self.stream, backward=True)
        self._packets: Iterator[av.Packet] = container.demux(self.stream)
        self._held: av.Packet | None = None

    def packets_until(self, seconds: float) -> Iterator[av.Packet]:
        """The packets not given yet that begin before `seconds`; damage ends the sound, nothing else."""
        while True:
            packet = self._held if self._held is not None else self._next()
            self._held = packet
            if packet is None or (packet.pts is not None and packet.pts * packet.time_base >= seconds):
                return
            self._held = None
            yield packet

    def _next(self) -> av.Packet | None:
        try:
            for packet in self._packets:
                if packet.size:
                    return packet
        except (OSError, av.error.FFmpegError):
            pass
        return None

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()


class PipeSound:
    """Sound packets that the reader of the pictures met on its way: a pipe can be read only once."""

    def __init__(self, reader: VideoReader) -> None:
        """Share `reader`, opened with `sound=True`."""
        self.stream: Any = reader.sound_stream
        self._reader = reader

    def packets_until(self, seconds: float) -> Iterator[av.Packet]:
        """The packets met so far that begin before `seconds`."""
        waiting = self._reader.sound_packets
        while waiting:
            packet = waiting[0]
            if packet.pts is not None and packet.pts * packet.time_base >= seconds:
                return
            yield waiting.popleft()

    def close(self) -> None:
        """Nothing to let go of: the reader belongs to the source."""
