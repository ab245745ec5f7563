"""Reads a video container with PyAV: opening it with clear errors, packets to pictures, past damage.

What is kept where a file is damaged: every picture that the decoder can still make, in order. A
packet that cannot be decoded is counted and skipped; what the reader lost is told by `complaint`
once everything has been given.
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
"""Sound packets kept for a writer that lags (about seven minutes of AAC); older ones go first."""

_DECODED_BYTES = 1.5
"""Of a picture as the decoder holds it, a pixel (4:2:0, 8 bits)."""

_MOST_THREADS = 16
"""ffmpeg takes no more by itself."""

_TS_PACKET_BYTES = 188
"""Of a transport stream: the least that a picture takes."""

_MAX_ERRORS_IN_A_ROW = 100
"""Reading errors without one packet between them before the rest counts as lost."""


EPS_S = 1e-6
"""Container times are told in microseconds at worst."""


class VideoReader:
    """The first real video stream of an open file. Used by one thread at a time."""

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
            name: what messages call it.
            threads: whether decoding may use several.
            sound: also hand out the sound's packets.
            max_pixels: larger pictures are refused; where they become so midway, they count as damaged.

        Raises:
            SourceError: it is not a video, has no pictures or too large ones, or its codec cannot be decoded.
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
        """As the container has them: decoders overwrite their own."""
        context.options = {"max_pixels": str(max_pixels)}
        self._max_pixels = max_pixels
        # One frame a thread as well as slices: about twice as fast on two cores, a few frames of delay.
        self.stream.thread_type = "AUTO" if threads else "NONE"
        cores = min(os.cpu_count() or 1, _MOST_THREADS)
        most = holds((context.width, context.height), cores, _DECODED_BYTES, WAITING_BYTES)
        if most < cores:  # each thread holds a picture
            context.thread_count = max(1, most)
        sounds = [s for s in self.container.streams.audio if s.codec_context is not None]
        self.sound_stream = sounds[0] if sounds else None
        self._with_sound = sound and self.sound_stream is not None
        self.sound_packets: deque[av.Packet] = deque(maxlen=_MOST_SOUND)
        """Sound that was read on the way; whoever asked for `sound` empties it."""
        self.count = PictureCount(self.stream, counts_gaps=not self._formats & EXACT_INDEX)
        """What came of the packets that were read."""
        self._lost_at_end = 0
        self._ended = False
        self._stopped_by: str | None = None
        self.shape = PixelShape(self.stream)
        """Of the pixels of the picture last given, as they are stored."""
        self.rate = nominal_rate(self.container, self.stream)
        """Pictures a second, exact, where the container tells a believable one."""
        self.start = Fraction(self.container.start_time or 0, av.time_base)
        """The time in seconds that a player shows as 0:00."""
        self.duration = told_duration(self.container, self.stream)
        """Seconds of the video, as far as the header tells."""
        cut_off = missing_bytes(self._tap.head, self.container.size)
        self._ending = Ending(self.container, self.stream, self.rate, missing_bytes=cut_off)
        self._last_s: float | None = None
        self.clock = StreamClock(self.container, self.stream, self.rate)
        """What makes times that rise of those that the packets have."""
        self.sought = False
        """Whether reading began in the middle."""

    def seek(self, seconds: Fraction) -> None:
        """Go to the last key frame at or before `seconds` (container time)."""
        target = int(seconds / self.stream.time_base)
        self.container.seek(target, stream=self.stream, backward=True)
        self.sought = True
        self.clock = StreamClock(self.container, self.stream, self.rate)
        self._ending.start_again(sought=True)
        self.count.start_again()

    def pictures(self) -> Iterator[tuple[av.VideoFrame, float]]:
        """(decoded frame, PTS in seconds) in order of presentation; damage is skipped and counted."""
        yield from self._decoded()
        if self.count.waits():  # where there is damage, an emptied decoder does not give all that it held
            yield from self._again_from_last()
        self.count.ended(broken=self._tap.broke_before(self.stream.id, None))
        self._lost_at_end = self._ending.lost()
        self._ended = True

    def cut_off(self) -> None:
        """What comes now is not wanted: `pictures` is not asked any more."""
        self.count.ended(settle=self.clock.runs.count == 1)

    def _decoded(self) -> Iterator[tuple[av.VideoFrame, float]]:
        """All that comes of the packets up to the end, and then of the decoder."""
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
        """As `pictures`, at or after `from_s` (container time), found by seeking where the file can."""
        everything = math.isinf(from_s) or not self.seekable or not self._finds(from_s)
        self.count.from_s = from_s - EPS_S
        pictures = self.pictures() if everything else self._sought(from_s)
        for item in pictures:
            if item[1] >= from_s - EPS_S:
                yield item

    def _finds(self, seconds: float) -> bool:
        """Whether a seek finds this time: not in a stream whose clock was mended, or that has none."""
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
        """Pictures from a key frame before `from_s`; a container that seeks too far is asked again."""
        # The last tries are from well before the first picture, as decoding times begin earlier still; and
        # from the first, as some formats (FLV) refuse what is before it.
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
        """One sentence on what is missing, once `pictures` has ended; None where the file was whole."""
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
        """What should be there and is not, as far as it was read; what the header promises, at the end."""
        return self.count.missing + Missing(lost=self._lost_at_end)

    def close(self) -> None:
        """Let go of the file."""
        self.container.close()
        self.file.close()

    def _seconds(self, frame: av.VideoFrame) -> float:
        self._last_s = self.clock.seconds(frame)
        return self._last_s

    def is_longer_than_it_can_be(self) -> bool:
        """Whether what the header tells, or the clock at the end, would be more pictures than have room."""
        if "mpegts" not in self._formats or not self.seekable or not (self.duration and self.rate):
            return False
        with contextlib.suppress(OSError):
            return self.duration * self.rate > os.fstat(self.file.fileno()).st_size / _TS_PACKET_BYTES
        return False

    def mended(self) -> str | None:
        """One sentence on what was wrong with the times so far; None where they were right."""
        what = self.clock.mended()
        return f"{self.name}: {what}." if what else None

    def _video_packets(self) -> Iterator[av.Packet]:
        """The stream's packets; one that the end of the file cut in half is dropped, not decoded."""
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
        """Packets of the video, going on behind reading errors; the last one is empty: it flushes."""
        wanted = [self.stream]
        if self.sound_stream is not None:  # its clock tells pauses from leaps
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
            if not packet.size:  # "as before" (Theora, AVI), or PyAV's end, which names no stream
                continue
            self.clock.met(packet)
            self._ending.met(packet)
            if packet.stream_index == self.stream.index:
                yield packet
            elif self._with_sound:
                self.sound_packets.append(packet)

    def _flush(self) -> Iterator[av.Packet]:
        """An empty packet of the stream, without reading: it makes the decoder give what it still holds."""
        packet = av.Packet(0)
        packet.stream = self.stream
        packet.time_base = self.stream.time_base  # the pictures' times are told in it
        yield packet

    def _again_from_last(self) -> Iterator[tuple[av.VideoFrame, float]]:
        """The pictures after the last one given, decoded again without threads: errors stay apart."""
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
