"""Writes a video with the source's timing and audio, playable to its last second if the run is killed."""

from __future__ import annotations

import contextlib
import math
import os
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.frame import PictureType
from av.video.reformatter import ColorRange

from shufflecam.core.errors import OutputError, ShufflecamError, UsageError
from shufflecam.core.files import gone
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.picture import fitted
from shufflecam.core.pixels import NEARLY_SQUARE, shown_size
from shufflecam.core.types import ImageArray
from shufflecam.media.codecs import (
    HD_HEIGHT,
    LONGEST_SPAN,
    REORDERED,
    container_options,
    encoder_options,
    fitting_time_base,
    held_back,
    padded,
)
from shufflecam.media.colors import BT709, SMPTE170M, WEIGHTS, to_yuv420
from shufflecam.media.encoding import CODECS, DEFAULT_ENCODING, MUXERS, Encoding
from shufflecam.media.sound import SoundFeed, SoundTrack
from shufflecam.media.whole_writes import create, why_not_written

_BT2020_NCL, _BT2020_CL = 9, 10
"""Matrix coefficients of BT.2020: non-constant and constant luminance."""


class VideoWriter:
    """Writes (H, W, 3) uint8 BGR pictures with their timestamps. Not thread-safe; `close` exactly once.

    Odd sizes are padded by one repeated row or column; a picture whose size differs from the first one's is
    scaled and letterboxed to it. The file has its final name from the start and is playable while it grows;
    closing it makes it an ordinary mp4 with one index.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        size: tuple[int, int] | None = None,
        rate: Fraction | None = None,
        time_base: Fraction | None = None,
        color: tuple[int, int, int] | None = None,
        sample_aspect: Fraction | None = None,
        origin_s: float = 0.0,
        end_s: float | None = None,
        sound: SoundFeed | None = None,
        encoding: Encoding = DEFAULT_ENCODING,
        only_aac: bool = False,
        overwrite: bool = False,
    ) -> None:
        """Open `path`, and with a `size` the encoder as well.

        Args:
            path: output file; its extension selects the container.
            size: (width, height) of the pictures; None: that of the first one.
            rate: nominal frames per second, for the encoder and the durations; no timestamp depends on it.
            time_base: the source's, to keep timestamps exact (see `fitting_time_base`); None: 1/90000 s.
            color: (matrix, primaries, transfer) of the source, preserved; None: BT.709 or BT.601 by height.
            sample_aspect: width / height of a pixel where pixels are not square.
            origin_s: source time that becomes 0.
            end_s: source time at which the audio ends.
            sound: the source's audio; closed with the writer.
            encoding: codec, quality and preset; `sound` alone decides on the audio.
            only_aac: re-encode audio in any other codec, even where the container could hold it.
            overwrite: whether an existing file may be replaced.

        Raises:
            UsageError: the extension, codec, crf or preset is invalid, or `size` too small for the codec.
            OutputError: the file or its encoder cannot be opened.
        """
        encoding.check(path)
        self.path = os.fspath(path)
        self.frames = 0
        self._extension = Path(self.path).suffix.lower()
        self._rate = rate if rate and 0 < rate <= 1000 else None
        self._time_base = fitting_time_base(time_base, self._rate)
        self._color = color
        self._aspect = sample_aspect
        self._pixel_aspect = float(sample_aspect or 1)
        self._origin_s, self._end_s = origin_s, end_s
        self._encoding, self._codec = encoding, encoding.codec
        self._feed = sound
        self._only_aac = only_aac
        self._sound: SoundTrack | None = None
        self._size = (0, 0)
        self._stretch = 1.0
        self._last_pts: int | None = None
        self._last_step: int | None = None
        self._last_s = origin_s
        self._failed = False
        self._whole_bytes = 0
        self._held: deque[av.VideoFrame] = deque()
        self._last_frame: av.VideoFrame | None = None
        self._waiting: av.Packet | None = None
        self._recent: deque[int] = deque(maxlen=REORDERED)
        self._hold = 0
        self._file = create(self.path, overwrite)
        self._container: Any = None
        if size is not None:
            try:
                self._start(size)
            except ShufflecamError:
                self._abandon()
                raise

    def write_image(self, image: ImageArray, timestamp_s: float, pixel_aspect: float | None = None) -> None:
        """Encode one picture displayed from `timestamp_s` (source time).

        A timestamp that does not increase is moved to one tick after the previous one. `pixel_aspect` is
        width / height of the picture's pixels where it differs from the file's.

        Raises:
            OutputError: the disk is full or the file is gone; what was written before remains.
        """
        if self._container is None:
            self._start((image.shape[1], image.shape[0]))
        squeeze = self._stretch * (1.0 if pixel_aspect is None else pixel_aspect / self._pixel_aspect)
        if abs(squeeze - 1.0) <= NEARLY_SQUARE:  # one ratio was a fraction, the other a float
            squeeze = 1.0
        pts = round((timestamp_s - self._origin_s) / float(self._time_base))
        step = pts - self._last_pts if self._last_pts is not None and pts > self._last_pts else None
        self._last_step = step if step is not None else self._last_step
        if self._last_pts is not None and pts <= self._last_pts:
            pts = self._last_pts + 1
        with self._telling():
            self._show_again_until(pts, step)
            frame = to_yuv420(padded(fitted(image, self._size, squeeze)), self._matrix)
            if self._sound is not None:
                self._sound.mux_until(timestamp_s)
            self._encode(frame, pts, step)
            self._last_frame = frame
            self._check_written()
        self._last_pts, self._last_s = pts, timestamp_s
        self.frames += 1
        # Between two calls the file ends with a complete fragment: the muxer flushes nothing else.
        status = os.fstat(self._file.fileno())
        self._whole_bytes = status.st_size
        if not status.st_nlink:  # deleted: further writes would succeed and be lost
            self._failed = True
            raise OutputError(gone(self.path))

    def _check_written(self) -> None:
        if self._file.failure is not None:  # the muxer may have ignored it
            raise self._file.failure

    def _show_again_until(self, pts: int, step: int | None) -> None:
        """Repeat a picture that stays for hours: an mp4 cannot represent longer spans."""
        while self._last_frame is not None and pts - self._recent[0] > LONGEST_SPAN * 7 // 8:
            again = av.VideoFrame.from_ndarray(self._last_frame.to_ndarray(), format="yuv420p")
            # A fraction of what remains, so that `REORDERED` repetitions fit.
            room = (self._recent[0] + LONGEST_SPAN - self._recent[-1]) // REORDERED
            self._encode(again, self._recent[-1] + min(room, (pts - self._recent[-1]) // 2), step)
            self.frames += 1

    def _encode(self, frame: av.VideoFrame, pts: int, step: int | None) -> None:
        frame.colorspace, frame.color_range = self._matrix, ColorRange.MPEG
        frame.pts, frame.time_base = pts, self._time_base
        frame.duration = self._duration(step)
        self._recent.append(pts)
        self._held.append(frame)
        if len(self._held) > self._hold:
            self._mux(self._stream.encode(self._held.popleft()))

    def close(self, *, complete: bool = True, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Finish the file; after an interrupted run the audio ends with the last picture."""
        del dropped  # the timestamps of a live recording show its gaps
        try:
            if self._failed or self.frames == 0:
                return
            with self._telling():
                if self._sound is not None:
                    last_end = self._last_s + float(self._duration(None) * self._time_base)
                    self._sound.finish(math.inf if complete else last_end)
                for frame in self._held:
                    frame.pict_type = PictureType.P
                    self._mux(self._stream.encode(frame))
                self._mux(self._stream.encode(None), last=True)
                self._container.close()
                self._check_written()
        finally:
            self._abandon()

    def _start(self, size: tuple[int, int]) -> None:
        square = abs(self._pixel_aspect - 1.0) <= NEARLY_SQUARE
        if not square and self._extension in CODECS[self._codec].shapeless:
            # Such a file cannot store the pixel aspect ratio: the pictures are stretched instead.
            self._size = shown_size(size, self._pixel_aspect)
            self._stretch = self._pixel_aspect
            self._aspect = None
        else:
            self._size = size
        size = self._size
        width, height = size[0] + size[0] % 2, size[1] + size[1] % 2
        if min(width, height) < CODECS[self._codec].least_side:
            raise UsageError(f"{self._codec} takes no pictures as small as {size[0]}x{size[1]}; take h264.")
        with self._telling():
            self._container = av.open(
                self._file,
                "w",
                format=MUXERS[self._extension],
                container_options=container_options(self._extension),
                buffer_size=1 << 16,
            )
            if self._codec == "av1":
                os.environ.setdefault("SVT_LOG", "1")  # otherwise it logs to standard error
            rate = float(self._rate or 30)
            options = encoder_options(self._encoding, rate, (width, height))
            self._hold = held_back(self._codec, rate, (width, height))
            stream = self._container.add_stream(
                CODECS[self._codec].encoder, rate=self._rate or Fraction(30), options=options
            )
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            context = stream.codec_context
            context.time_base = stream.time_base = self._time_base
            if self._aspect:
                context.sample_aspect_ratio = self._aspect
            self._matrix = self._tag(context, height)
            if self._codec == "hevc" and self._extension != ".mkv":
                context.codec_tag = "hvc1"  # QuickTime plays no other tag
            self._stream = stream
            if self._feed is not None:
                self._sound = SoundTrack(
                    self._container, self._feed, self._extension, self._origin_s, self._end_s, self._only_aac
                )
            context.open(strict=False)

    def _tag(self, context: Any, height: int) -> int:
        """Set the colour tags and return the code of the matrix to convert with."""
        tags = self._color
        if tags is not None and tags[0] == _BT2020_CL:  # decoded as non-constant, as FFmpeg does
            tags = (_BT2020_NCL, *tags[1:])
        if tags is None or tags[0] not in WEIGHTS:
            matrix = BT709 if height >= HD_HEIGHT else SMPTE170M
            tags = (matrix, matrix, matrix)
        context.colorspace, context.color_primaries, context.color_trc = tags
        context.color_range = ColorRange.MPEG
        return tags[0]

    def _mux(self, packets: list[av.Packet], *, last: bool = False) -> None:
        for packet in packets:
            if not packet.duration:
                # x264 sets none, and without the last one the edit list of an mp4 ends where the last
                # picture begins: rounded down, players and decoders omit that picture.
                packet.duration = self._duration(self._last_step)
        if last and self._codec == "hevc" and len(packets) == self.frames:
            # x265 sets no decoding timestamps for fewer pictures than its lookahead: they are arbitrary.
            for packet, pts in zip(packets, sorted(packet.pts for packet in packets), strict=True):
                packet.dts = pts - 2 * self._duration(self._last_step)
        if last and packets:
            # For a codec that ends with a B-frame: see `held_back`.
            end = max(packet.pts + packet.duration for packet in packets)
            packets[-1].duration = max(packets[-1].duration, end - packets[-1].pts)
        for packet in packets:
            self._mux_one(packet)
        if last and self._waiting is not None:
            self._container.mux_one(self._waiting)
            self._waiting = None

    def _mux_one(self, packet: av.Packet) -> None:
        """Mux the packet before this one, whose duration is known only now.

        Where the audio ends a fragment, the mp4 muxer relies on that duration to place the next picture.
        """
        before, self._waiting = self._waiting, packet
        if before is None:
            return
        if before.dts is not None and packet.dts is not None and packet.dts > before.dts:
            before.duration = packet.dts - before.dts
        self._container.mux_one(before)

    def _duration(self, step: int | None) -> int:
        if self._rate is not None:
            return max(1, round(1 / (self._rate * self._time_base)))
        return step if step is not None else max(1, round(Fraction(1, 30) / self._time_base))

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Convert errors of the encoder, the muxer and the disk to an `OutputError` of one sentence."""
        try:
            yield
        except ShufflecamError:
            self._failed = True
            raise
        except (OSError, ValueError, av.error.FFmpegError) as error:
            self._failed = True
            raise OutputError(why_not_written(self.path, error, self.frames)) from error

    def _abandon(self) -> None:
        """Release everything without raising; after a failure an incomplete fragment is truncated."""
        if self._failed:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file.fileno(), self._whole_bytes)
        with contextlib.suppress(OSError):
            self._file.close()
        # Only now: after a failure the muxer finds the file closed and cannot append to it.
        with contextlib.suppress(OSError, ValueError, av.error.FFmpegError):
            if self._container is not None:
                self._container.close()
        if self._feed is not None:
            self._feed.close()
        if self.frames == 0:
            with contextlib.suppress(OSError):
                os.remove(self.path)  # it contains nothing playable
