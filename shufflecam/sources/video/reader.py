"""Read a video container with PyAV: clear errors on opening, decoding that continues past damage.

From a damaged file, every picture that can still be decoded is kept, in order. A packet that cannot be
decoded is counted and skipped; `complaint` reports the losses once everything has been read.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import BinaryIO

import av

from shufflecam.core.errors import SourceError
from shufflecam.core.missing import Missing
from shufflecam.core.picture import WAITING_BYTES, holds
from shufflecam.core.reasons import reason
from shufflecam.sources.damage.ending import EXACT_INDEX, Ending
from shufflecam.sources.damage.packets import PictureCount, said_of
from shufflecam.sources.limits import MAX_PIXELS, too_large
from shufflecam.sources.pixels.aspect import PixelShape
from shufflecam.sources.pixels.upright import color_tags
from shufflecam.sources.timing.clock import StreamClock, is_one_run, must_be_counted, nominal_rate
from shufflecam.sources.video.container import open_container, told_duration, video_stream
from shufflecam.sources.video.tap import Tap, missing_bytes

log = logging.getLogger(__name__)


_MOST_SOUND = 20_000
"""Maximum audio packets kept for a slow writer (about seven minutes of AAC); the oldest are discarded."""

_DECODED_BYTES = 1.5
"""Bytes per pixel of a picture in the decoder (4:2:0, 8 bits)."""

_MOST_THREADS = 16
"""ffmpeg's own limit on decoding threads."""

_TS_PACKET_BYTES = 188
"""Size of a transport-stream packet: the minimum for a picture."""

_MAX_ERRORS_IN_A_ROW = 100
"""Consecutive read errors after which the rest counts as lost."""


EPS_S = 1e-6
"""Containers resolve at least microseconds."""


class VideoReader:
    """Reads the video stream of an open file (see `video_stream`). Used by one thread at a time."""

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        *,
        threads: bool = True,
        sound: bool = False,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        """Open a file.

        Args:
            file: the container's bytes.
            name: name of the file in messages.
            threads: whether to decode in several threads.
            sound: whether to collect the audio packets too.
            max_pixels: larger pictures are rejected; if the size grows midway, they count as damaged.

        Raises:
            SourceError: not a video, without pictures, too large, or with an unsupported codec.
        """
        self.name = name
        self.file = file
        self.seekable = file.seekable()
        self._tap = Tap(file)
        self.container = open_container(self._tap, name)
        self._formats = set(self.container.format.name.split(","))
        try:
            self.stream = video_stream(self.container, name)
        except SourceError:
            self.container.close()
            raise
        context = self.stream.codec_context
        if context.width * context.height > max_pixels:
            self.container.close()
            raise SourceError(too_large(name, context.width, context.height, max_pixels))
        self.color = color_tags(context)
        """The container's color tags, read before decoding: decoders overwrite their own."""
        context.options = {"max_pixels": str(max_pixels)}
        self._max_pixels = max_pixels
        # Frame as well as slice threading: about twice as fast on two cores, at a few frames of delay.
        self.stream.thread_type = "AUTO" if threads else "NONE"
        cores = min(os.cpu_count() or 1, _MOST_THREADS)
        most = holds((context.width, context.height), cores, _DECODED_BYTES, WAITING_BYTES)
        if most < cores:  # each thread holds a picture
            context.thread_count = max(1, most)
        sounds = [s for s in self.container.streams.audio if s.codec_context is not None]
        self.sound_stream = sounds[0] if sounds else None
        self._with_sound = sound and self.sound_stream is not None
        self.sound_packets: deque[av.Packet] = deque(maxlen=_MOST_SOUND)
        """Audio packets read along with the video; to be emptied by the caller that set `sound`."""
        self.count = PictureCount(self.stream, counts_gaps=not self._formats & EXACT_INDEX)
        """The account of packets read and pictures decoded."""
        self._lost_at_end = 0
        self._ended = False
        self._stopped_by: str | None = None
        self.shape = PixelShape(self.stream)
        """Pixel aspect of the last picture returned, as stored."""
        self.rate = nominal_rate(self.container, self.stream)
        """Exact frame rate, if the container reports a plausible one."""
        self.start = Fraction(self.container.start_time or 0, av.time_base)
        """The timestamp in seconds that a player displays as 0:00."""
        self.duration = told_duration(self.container, self.stream)
        """Duration in seconds, if the header states it."""
        cut_off = missing_bytes(self._tap.head, self.container.size)
        self._ending = Ending(self.container, self.stream, self.rate, missing_bytes=cut_off)
        self._last_s: float | None = None
        self.clock = StreamClock(self.container, self.stream, self.rate)
        """Turns packet timestamps into increasing ones."""
        self.sought = False
        """Whether reading started from a seek."""

    def seek(self, seconds: Fraction) -> None:
        """Seek to the last key frame at or before `seconds` (container time)."""
        target = int(seconds / self.stream.time_base)
        self.container.seek(target, stream=self.stream, backward=True)
        self.sought = True
        self.clock = StreamClock(self.container, self.stream, self.rate)
        self._ending.start_again(sought=True)
        self.count.start_again()

    def pictures(self) -> Iterator[tuple[av.VideoFrame, float]]:
        """Yield (decoded frame, PTS in seconds) in presentation order; damage is skipped and counted."""
        yield from self._decoded()
        if self.count.waits():  # after damage, flushing the decoder does not return all that it held
            yield from self._again_from_last()
        self.count.ended(broken=self._tap.broke_before(self.stream.id, None))
        self._lost_at_end = self._ending.lost()
        self._ended = True

    def cut_off(self) -> None:
        """Close the account early: the rest of `pictures` will not be consumed."""
        self.count.ended(settle=self.clock.runs.count == 1)

    def _decoded(self) -> Iterator[tuple[av.VideoFrame, float]]:
        """Yield all pictures decoded from the packets up to the end and from flushing the decoder."""
        for packet in self.clock.lead_in(self._video_packets()):
            broken = packet.pos is not None and self._tap.broke_before(self.stream.id, packet.pos)
            try:
                frames = self.clock.decode(packet, partial(self.count.sent, packet, broken=broken))
            except av.error.FFmpegError as error:
                log.debug("%s: packet at %s: %s", self.name, packet.pts, error)
                self.count.failed()
                continue
            for frame in frames:
                self.count.given(frame)
                yield frame, self._seconds(frame)

    def pictures_from(self, from_s: float) -> Iterator[tuple[av.VideoFrame, float]]:
        """Yield `pictures` at or after `from_s` (container time), by seeking if the file supports it."""
        everything = math.isinf(from_s) or not self.seekable or not self._finds(from_s)
        self.count.from_s = from_s - EPS_S
        pictures = self.pictures() if everything else self._sought(from_s)
        for item in pictures:
            if item[1] >= from_s - EPS_S:
                yield item

    def _finds(self, seconds: float) -> bool:
        """Return whether a seek finds this time: not in a stream whose clock is repaired or missing."""
        if not must_be_counted(self.container, seconds):
            return True
        position = self.file.tell()
        try:
            second = open_container(self.file, self.name)
        except SourceError:
            return True
        try:
            wanted = [self.stream, *([self.sound_stream] if self.sound_stream is not None else [])]
            return is_one_run(second, [second.streams[stream.index] for stream in wanted], seconds)
        finally:
            second.close()
            self.file.seek(position)

    def _sought(self, from_s: float) -> Iterator[tuple[av.VideoFrame, float]]:
        """Yield pictures from a key frame before `from_s`; seeks that land too late are retried."""
        # The last attempts are well before the first picture, since decoding timestamps begin even earlier,
        # and at the first picture, since some formats (FLV) reject earlier targets.
        wanted = Fraction(from_s)
        for target in (wanted, wanted - 10, self.start - 10, self.start):
            try:
                self.seek(target)
            except (OSError, av.error.FFmpegError):
                continue
            pictures = self.pictures()
            first = next(pictures, None)
            if first is not None and (first[1] <= from_s + EPS_S or target <= self.start):
                yield first
                yield from pictures
                return

    def complaint(self) -> str | None:
        """Return one sentence on what is missing, once `pictures` has ended; None for an intact file."""
        missing, ends = self.missing, f"{self._ending.at_s:.2f} s"
        said = said_of(missing, self.count.first_s if missing != Missing(lost=self._lost_at_end) else None)
        said = f" {said};" if said else ""
        if self._stopped_by:
            failed = f"{self.name}: reading failed at {ends}: {self._stopped_by};"
            return f"{failed}{said} what came before is kept."
        short = self._ending.short_by() if self._ended else None
        if short is not None:
            cut = f"{self.name} is cut short: it ends at {ends}, {float(short):.1f} s too early;"
            return f"{cut}{said} what came before is kept."
        return f"{self.name} is damaged:{said} the others are kept." if missing else None

    @property
    def missing(self) -> Missing:
        """Return what is missing so far; at the end, including pictures promised by the header."""
        return self.count.missing + Missing(lost=self._lost_at_end)

    def close(self) -> None:
        """Close the file."""
        self.container.close()
        self.file.close()

    def _seconds(self, frame: av.VideoFrame) -> float:
        self._last_s = self.clock.seconds(frame)
        return self._last_s

    def is_longer_than_it_can_be(self) -> bool:
        """Return whether the stated duration implies more pictures than fit into the file's size."""
        if "mpegts" not in self._formats or not self.seekable or not (self.duration and self.rate):
            return False
        with contextlib.suppress(OSError):
            return self.duration * self.rate > os.fstat(self.file.fileno()).st_size / _TS_PACKET_BYTES
        return False

    def mended(self) -> str | None:
        """Return one sentence on the timestamps repaired so far; None if they were correct."""
        what = self.clock.mended()
        return f"{self.name}: {what}." if what else None

    def _video_packets(self) -> Iterator[av.Packet]:
        """Yield the stream's packets; one truncated by the end of the file is dropped, not decoded."""
        held: av.Packet | None = None
        for packet in self._packets():
            if held is not None:
                if packet.size:
                    yield held
                else:
                    if not self._ending.cut_in_half():
                        self.count.cut_in_half(held)
                held = None
            if packet.size and packet.is_corrupt:
                held = packet
            else:
                yield packet

    def _packets(self) -> Iterator[av.Packet]:
        """Yield the video packets, continuing after read errors, and finally an empty one to flush."""
        wanted = [self.stream]
        if self.sound_stream is not None:  # its clock distinguishes pauses from jumps
            wanted.append(self.sound_stream)
        errors = 0
        packets = self.container.demux(wanted)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                yield from self._flush()
                return
            except av.error.InvalidDataError as error:
                errors += 1
                if errors > _MAX_ERRORS_IN_A_ROW:
                    self._stopped_by = reason(error)
                    yield from self._flush()
                    return
                packets = self.container.demux(wanted)
                continue
            except (OSError, av.error.FFmpegError) as error:
                self._stopped_by = reason(error)
                yield from self._flush()
                return
            errors = 0
            if not packet.size:  # "unchanged" (Theora, AVI), or PyAV's end marker, without a stream
                continue
            self.clock.met(packet)
            self._ending.met(packet)
            if packet.stream_index == self.stream.index:
                yield packet
            elif self._with_sound:
                self.sound_packets.append(packet)

    def _flush(self) -> Iterator[av.Packet]:
        """Yield an empty packet of the stream, without reading, which flushes the decoder."""
        packet = av.Packet(0)
        packet.stream = self.stream
        packet.time_base = self.stream.time_base  # the unit of the pictures' timestamps
        yield packet

    def _again_from_last(self) -> Iterator[tuple[av.VideoFrame, float]]:
        """Yield the pictures after the last one, decoded again without threads, which isolates errors."""
        if not self.seekable:
            return
        after = self._last_s
        self.file.seek(0)
        again = VideoReader(self.file, self.name, threads=False, max_pixels=self._max_pixels)
        try:
            if after is not None and self.clock.runs.count == 1:
                again.seek(Fraction(after))
            for frame, seconds in again._decoded():
                if after is None or seconds > after:
                    self._last_s = seconds
                    self.count.given_late(seconds)
                    yield frame, seconds
        except av.error.FFmpegError as error:
            log.debug("%s: second reading of the end: %s", self.name, error)
        finally:
            again.container.close()
