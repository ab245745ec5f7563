"""The clock of an open container: maps PyAV packets and pictures onto a `Timeline`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any

import av

from shufflecam.sources.timing.runs import LEAP_S, PAUSE_S, Runs, Stamp
from shufflecam.sources.timing.timeline import Timeline

_NO_TIMES = 0x0080
"""AVFMT_NOTIMESTAMPS: raw streams without timestamps."""

_CUT_TOGETHER = 0x0200
"""AVFMT_TS_DISCONT: formats with an arbitrary time origin, whose clock may restart anywhere."""

_REORDERING = {"h264", "hevc", "vvc"}
"""Codecs with B-frames for which libavformat derives no presentation timestamps from AVI's frame numbers."""

_USUAL_RATE = Fraction(25)

_MOST_LEADING = 1000
"""Maximum packets held at the beginning until one has a timestamp."""
_LEADING_BYTES = 64_000_000
_BEHIND_LEAD = 17
"""Number of timestamps examined from then on: that of the first picture presented is among them."""


class StreamClock:
    """Timestamps for one pass over a container's video stream; a seek requires a new instance.

    Every video and audio packet must be passed to `met` in file order; video packets are decoded by
    `decode`, and `seconds` returns each picture's timestamp.
    """

    def __init__(self, container: Any, video: Any, rate: Fraction | None) -> None:
        """Create a clock for `video`; `rate` is its nominal rate, as returned by `nominal_rate`."""
        self._container = container
        self._video = video
        flags = container.format.flags
        self._has_times = not flags & _NO_TIMES
        self._rate = rate
        self.runs = Runs(video.index, LEAP_S if flags & _CUT_TOGETHER else PAUSE_S)
        context = video.codec_context
        self._decoding_order = (
            "avi" in container.format.name.split(",")
            and context.name in _REORDERING
            and bool(context.has_b_frames)
        )
        frame_s = 1 / rate if rate else (None if self._has_times else 1 / _USUAL_RATE)
        self.timeline = Timeline(frame_s, decoding_order=self._decoding_order)

    def met(self, packet: av.Packet) -> None:
        """Record a packet's timestamps, before any other use of it; they are stored in its `opaque`."""
        packet.opaque = _stamped(self.runs, packet)

    def lead_in(self, packets: Iterator[av.Packet]) -> Iterator[av.Packet]:
        """Yield the same video packets; where the first lack timestamps, look ahead to infer them."""
        if not self._has_times:
            yield from packets
            return
        held: list[av.Packet] = []
        size = without = 0
        told: list[float] = []
        no_dts_yet = True
        for packet in packets:
            if not held and (packet.pts is not None or packet.dts is not None or not packet.size):
                yield packet  # as nearly always
                break
            held.append(packet)
            size += packet.size
            no_dts_yet = no_dts_yet and packet.dts is None
            if packet.pts is not None:
                told.append(float(packet.pts * packet.time_base))
            elif packet.size and (not told or no_dts_yet):
                without += 1  # B-frames after the first with a timestamp may precede it in presentation
            if len(told) == _BEHIND_LEAD or len(held) > _MOST_LEADING or size > _LEADING_BYTES:
                break
        if told:
            self.timeline.lead_in(without, told, next(_durations(held), Fraction(0)))
        yield from itertools.chain(held, packets)

    def decode(self, packet: av.Packet, on_send: Callable[[int], None] = lambda number: None) -> list[Any]:
        """Return the pictures decoded from this packet, each with its packet's number as PTS.

        `on_send` is called with this packet's number just before decoding.

        Raises:
            EOFError, av.error.FFmpegError: as raised by `packet.decode`.
        """
        stamp = packet.opaque
        if not packet.size or not isinstance(stamp, Stamp):
            return list(packet.decode())
        pts = packet.pts
        number = self.timeline.read(stamp)
        on_send(number)
        packet.pts = number
        try:
            return list(packet.decode())
        finally:
            packet.pts = pts

    def seconds(self, frame: av.VideoFrame) -> float:
        """Return the timestamp of the next picture from `decode`, and set the frame's PTS accordingly."""
        seconds = self.timeline.show(frame.pts)
        if frame.time_base:
            frame.pts = round(seconds / frame.time_base)
        return seconds

    def mended(self) -> str | None:
        """Return the repairs made to timestamps so far, as a predicate; None if they were correct."""
        return self.timeline.mended.sentence(self._no_times())

    def _no_times(self) -> str | None:
        if self._decoding_order:
            return "its B-frames have no times of their own; shown evenly in their order"
        formats = self._container.format.name.split(",")
        invented = any(name.endswith("_pipe") or name == "mjpeg" for name in formats)
        if self._has_times and not invented:
            return None
        said = not invented and bool(self._video.codec_context.framerate)
        how = "as its own headers say" if said else "for it does not say"
        return f"it has no times; counted at {_plain(self._rate or _USUAL_RATE)} pictures a second, {how}"


def run_of(packet: av.Packet) -> int:
    """Return the run of a packet that was passed to `StreamClock.met`."""
    return packet.opaque.run if isinstance(packet.opaque, Stamp) else 0


def nominal_rate(container: Any, stream: Any) -> Fraction | None:
    """Return the exact frame rate, if the container or codec headers report a plausible one."""
    told = [stream.average_rate, stream.guessed_rate]
    if container.format.flags & _NO_TIMES:
        # The reported average rate of a raw stream is the demuxer's default (25), regardless of the
        # codec's headers (H.264: VUI timing in the SPS).
        told = [stream.guessed_rate, stream.codec_context.framerate]
    rates = [Fraction(rate) for rate in told if rate and 0 < rate <= 1000]
    if len(rates) == 2 and abs(rates[0] - rates[1]) * 1000 < rates[1]:
        return rates[1]  # the nominal one: averages are often slightly off (30.003)
    return rates[0] if rates else None


def must_be_counted(container: Any, until_s: float) -> bool:
    """Return whether a time may be unreachable by seeking, so that reading must start at the beginning.

    Args:
        container: freshly opened.
        until_s: the time in question, in seconds on the container's clock.
    """
    if container.format.flags & (_CUT_TOGETHER | _NO_TIMES):
        return True
    start, length = container.start_time or 0, container.duration
    # In Matroska, seeking to negative times fails.
    return start < 0 or not length or until_s > (start + length) / av.time_base


def is_one_run(container: Any, streams: Iterable[Any], until_s: float) -> bool:
    """Return whether all pictures up to `until_s` have timestamps on a continuous clock, without decoding."""
    if container.format.flags & _NO_TIMES:
        return False
    video = next(iter(streams))
    runs = Runs(video.index, LEAP_S if container.format.flags & _CUT_TOGETHER else PAUSE_S)
    try:
        for packet in container.demux(list(streams)):
            if not packet.size:
                continue
            stamp = _stamped(runs, packet)
            is_picture = packet.stream_index == video.index
            if runs.count > 1 or (is_picture and stamp.pts_s is None and stamp.dts_s is None):
                return False
            if is_picture and stamp.dts_s is not None and stamp.dts_s > until_s:
                return True
    except (OSError, av.error.FFmpegError):
        return True  # damage is located by the actual reading
    return True


def _stamped(runs: Runs, packet: av.Packet) -> Stamp:
    base = packet.time_base
    return runs.stamp(
        packet.stream_index,
        None if packet.pts is None else float(packet.pts * base),
        None if packet.dts is None else float(packet.dts * base),
        Fraction(packet.duration * base) if packet.duration and packet.duration > 0 else Fraction(0),
    )


def _durations(packets: Iterable[av.Packet]) -> Iterator[Fraction]:
    return (Fraction(p.duration * p.time_base) for p in packets if p.duration and p.duration > 0)


def _plain(rate: Fraction) -> str:
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")
