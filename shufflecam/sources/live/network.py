"""Capture from a network camera: RTSP, HTTP (MJPEG and others), any address that ffmpeg can play."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

import av

from shufflecam.core.addresses import scrub, shown, without_secrets
from shufflecam.core.errors import SourceBrokeOff, SourceError
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.reasons import reason
from shufflecam.sources.addresses import ESCAPES, cannot_be_meant, escapes_hint, is_url
from shufflecam.sources.damage.packets import PictureCount
from shufflecam.sources.live.capture import Grabbed
from shufflecam.sources.live.latest import JOIN_S, OPEN_TIMEOUT_S, STALL_TIMEOUT_S, LatestFrames
from shufflecam.sources.live.playout import MAX_DELAY_S, BufferedPackets, BurstWatch
from shufflecam.sources.live.reconnect import Reconnecting
from shufflecam.sources.notes import picture_notes
from shufflecam.sources.pixels.aspect import PixelShape
from shufflecam.sources.pixels.deinterlace import Deinterlacer, Mode
from shufflecam.sources.pixels.upright import ToBgr, color_tags
from shufflecam.sources.timing.pace import Pace
from shufflecam.sources.timing.timeline import Moments
from shufflecam.sources.video.container import video_stream

__all__ = ["StreamCapture", "is_url", "open_stream", "without_secrets"]

_OPTIONS = {
    # Little probing, for low latency. Not fflags=nobuffer, which discards the first key frame, nor
    # flags=low_delay, which outputs the pictures of streams with B-frames out of order.
    "analyzeduration": "1000000",
    "probesize": "1000000",
}

_SILENT_CONNECTION_S = 5.0
"""Silence after which a connection is re-established, if reconnection is enabled."""

_END_SLACK_S = 2.0
"""Tolerance of a recording's reported end: timestamps are rounded, and audio may last longer."""

_SEGMENTED = {"hls", "dash"}
"""Formats delivered one segment at a time."""

_SEGMENT_TIMEOUT_S = 30.0
"""Read timeout of segmented streams: silence of six seconds between segments is usual, ten are not rare."""


class StreamCapture:
    """A `Capture` over PyAV."""

    def __init__(
        self,
        url: str,
        read_timeout_s: float = STALL_TIMEOUT_S,
        on_notice: Callable[[str], None] = lambda text: None,
        deinterlace: Mode = "auto",
    ) -> None:
        self._url, self._shown = url, shown(url)
        self._on_notice = on_notice
        self._read_timeout_s = read_timeout_s
        self._deinterlacer = Deinterlacer(deinterlace)
        self._container: Any = None
        self._stream: Any = None
        self._frames: Iterator[av.VideoFrame] = iter(())
        self._first: av.VideoFrame | None = None
        self._stopped = threading.Event()
        self._pace: Pace | None = None
        self._moments = Moments()
        self._watch: BurstWatch | None = None
        self._buffered: BufferedPackets | None = None
        self._count: PictureCount | None = None
        self._until_s: float | None = None
        self._last_s = 0.0
        self.size = (0, 0)
        self.fps: Fraction | None = None
        self.pixel_aspect = 1.0
        self.notes: tuple[str, ...] = ()

    def open(self) -> None:
        """Connect and decode a first picture.

        Raises:
            SourceError: the address does not respond, or not with video.
        """
        if cannot_be_meant(self._url):
            raise SourceError(
                f"{self._shown} cannot be opened: its user or password has a character in it that means "
                f"something else in an address; {ESCAPES}."
            )
        options = dict(_OPTIONS)
        if self._url.lower().startswith("rtsp"):
            options["rtsp_transport"] = "tcp"  # over UDP packets are lost, and pictures with them
        try:
            self._container = self._connect(options, self._read_timeout_s)
            segmented = bool(set(self._container.format.name.split(",")) & _SEGMENTED)
            if segmented and self._read_timeout_s < _SEGMENT_TIMEOUT_S:
                self._container.close()
                self._container = self._connect(options, _SEGMENT_TIMEOUT_S)
            try:
                self._stream = video_stream(self._container, self._shown)
            except SourceError:
                raise SourceError(
                    f"{self._shown} gives no pictures that can be decoded; check the address."
                ) from None
            self._shape = PixelShape(self._stream)
            self._stream.thread_type = "SLICE"  # frame threading would add latency
            self._until_s = self._known_end()
            if self._until_s is not None and self._url.lower().startswith("http"):
                self._pace = Pace(self._stopped)  # HTTP delivers at network speed; RTSP servers pace it
            colors = color_tags(self._stream.codec_context)
            self._count = PictureCount(self._stream, counts_gaps=self._pace is not None)
            if segmented and self._pace is None:
                self._play_buffered()
            else:
                self._frames = self._decode(self._container.demux(self._stream))
                self._watch = BurstWatch() if self._has_times() else None
            self._first = next(self._frames, None)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise SourceError(self._why_not_open(error)) from scrub(error)
        if self._first is None:
            raise SourceError(f"{self._shown} answers but gives no picture; check the address.")
        self._to_bgr = ToBgr(self._first, told=colors)
        self.size = self._to_bgr.size_of(self._first)
        self.pixel_aspect = self._shape.aspect(self._to_bgr.turned)
        self.notes = self._shape.doubt(self._shown) + picture_notes(
            self._shown, self._deinterlacer, self._to_bgr
        )
        rate = self._stream.average_rate or self._stream.guessed_rate
        # Multipart MJPEG has no rate: ffmpeg reports a default of 25.
        told = rate and 0 < rate <= 240 and self._container.format.name != "mpjpeg"
        self.fps = Fraction(rate) if told else None

    def _connect(self, options: dict[str, str], read_timeout_s: float) -> Any:
        return av.open(
            self._url,
            options=options,
            timeout=(OPEN_TIMEOUT_S, read_timeout_s),
            metadata_errors="replace",
        )

    def grab(self) -> Grabbed | None:
        """Return the next picture on arrival; None at the end of a file on a server.

        Raises:
            SourceBrokeOff: the connection was closed or timed out.
        """
        try:
            picture = self._first if self._first is not None else next(self._frames, None)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            if getattr(error, "errno", None) == errno.EIO:  # how an HTTP response without a length ends
                raise SourceBrokeOff(self._ended()) from scrub(error)
            raise SourceBrokeOff(f"The stream {self._shown} broke off: {_reason(error)}.") from scrub(error)
        self._first = None
        if picture is None:
            # HTTP reports a truncated file; with RTSP, a lost server is indistinguishable from the end.
            at_end = self._until_s is not None and self._last_s >= self._until_s - _END_SLACK_S
            if self._pace is not None or at_end:
                return None
            raise SourceBrokeOff(self._ended())
        if picture.pts is not None:
            self._last_s = float(picture.pts * picture.time_base)
            self._wait_for(self._last_s)
        to_bgr = self._to_bgr
        aspect = self._shape.aspect(to_bgr.turned)
        return Grabbed(lambda: to_bgr(picture), time.monotonic(), pixel_aspect=aspect)

    @property
    def damage(self) -> Missing:
        """Return what was received but could not be decoded intact."""
        return NOTHING_MISSING if self._count is None else self._count.missing

    @property
    def missing(self) -> Missing:
        """Return `damage` for a recording on a server; nothing for a camera, which has no expected total."""
        return NOTHING_MISSING if self._pace is None else self.damage

    def close(self) -> None:
        """Disconnect."""
        if self._buffered is not None:
            self._buffered.stop()
            self._buffered.join(JOIN_S)
        elif self._container is not None:
            self._container.close()

    def interrupt(self) -> None:
        """End a wait for a picture's due time; a read ends at its own timeout."""
        self._stopped.set()
        if self._buffered is not None:
            self._buffered.stop()

    def _has_times(self) -> bool:
        """Return whether timestamps come from the sender: for multipart MJPEG the demuxer generates them."""
        return self._pace is None and self._container.format.name != "mpjpeg"

    def _wait_for(self, moment_s: float) -> None:
        """Block until the picture with this timestamp is due."""
        if self._pace is not None:
            self._pace.wait(self._moments.of(moment_s))
        elif self._buffered is not None:
            self._buffered.wait_for(moment_s, self._stopped, self._say_delay)
        elif self._watch is not None and self._watch.update(time.monotonic(), moment_s):
            self._watch = None
            self._play_buffered()

    def _say_delay(self, delay_s: float) -> None:
        self._on_notice(
            f"The stream {self._shown} comes in bursts; it is played at its own pace, {delay_s:.1f} s behind"
        )

    def _play_buffered(self) -> None:
        """Switch to reading ahead in another thread and playing at the stream's own pace."""
        assert self._container is not None
        self._buffered = BufferedPackets(self._container.demux(self._stream), self._container.close)
        self._frames = self._decode(self._buffered.packets(self._read_timeout_s + MAX_DELAY_S))

    def _why_not_open(self, error: Exception) -> str:
        hint = escapes_hint(self._url)
        begin = f"{self._shown} cannot be opened: "
        if isinstance(error, (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)):
            given = "check them" if shown(self._url) != self._url else "none was given"
            return (
                f"{begin}{reason(error)}; {given}: they go before the host, a colon between them and an @ "
                f"behind.{hint}"
            )
        if isinstance(error, av.error.HTTPNotFoundError):
            return f"{begin}{reason(error)}; check what follows the host.{hint}"
        if isinstance(error, av.error.InvalidDataError):
            return f"{begin}what comes from there is no video; check what follows the host.{hint}"
        if isinstance(error, (av.error.ArgumentError, av.error.ProtocolNotFoundError, ValueError)):
            return f"{begin}it cannot be understood as an address; check how it is written.{hint}"
        if getattr(error, "errno", None) == errno.EIO and not _knows_host(self._url):
            return f"{begin}there is no host of this name; check the address and the network.{hint}"
        return f"{begin}{_reason(error)}; check the address; is the camera on?{hint}"

    def _ended(self) -> str:
        return f"The stream {self._shown} ended: the other side closed the connection."

    def _known_end(self) -> float | None:
        """Return the end of a file on a server, in seconds on its own clock; None for a camera."""
        whole = self._container
        return float((whole.start_time or 0) + whole.duration) / av.time_base if whole.duration else None

    def _decode(self, packets: Iterator[av.Packet]) -> Iterator[av.VideoFrame]:
        whole = self._deinterlacer.pictures((picture, 0.0) for picture in self._decode_as_it_is(packets))
        return (picture for picture, _ in whole)

    def _decode_as_it_is(self, packets: Iterator[av.Packet]) -> Iterator[av.VideoFrame]:
        assert self._count is not None
        for packet in packets:
            if not packet.size and packet.dts is not None:
                continue  # "unchanged": the decoder would take an empty packet for the end
            if packet.size:
                self._count.sent(packet)
            try:
                pictures = packet.decode()
            except av.error.InvalidDataError:
                self._count.failed()
                continue  # an incomplete picture: continue with the next one
            for picture in pictures:
                self._count.given(picture)
                yield picture
        self._count.ended()


def _reason(error: Exception) -> str:
    if getattr(error, "errno", None) == errno.EIO:
        return "the connection failed"
    return reason(error)


def _knows_host(url: str) -> bool:
    try:
        host = urlsplit(url).hostname
        if host:
            socket.getaddrinfo(host, None)
    except (OSError, ValueError):
        return False
    return True


def open_stream(
    url: str,
    on_notice: Callable[[str], None] | None = None,
    reconnect_s: float = 0.0,
    deinterlace: Mode = "auto",
) -> LatestFrames:
    """Open a network camera as a live source that reconnects for up to `reconnect_s`.

    See `StreamCapture`, `Reconnecting` and `LatestFrames`.
    """
    read_timeout_s = min(STALL_TIMEOUT_S, _SILENT_CONNECTION_S) if reconnect_s else STALL_TIMEOUT_S
    return LatestFrames(
        Reconnecting(
            lambda: StreamCapture(url, read_timeout_s, on_notice or (lambda text: None), deinterlace),
            reconnect_s,
        ),
        shown(url),
        "stream",
        on_notice=on_notice,
        # Slightly longer than the reader's own timeouts, whose messages are more specific.
        open_timeout_s=2 * OPEN_TIMEOUT_S + 1,
        stall_timeout_s=reconnect_s + STALL_TIMEOUT_S + (OPEN_TIMEOUT_S if reconnect_s else 0) + 1,
    )
