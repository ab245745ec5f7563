"""The sound track of a video that is being written: copied where the container allows it, else AAC."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Protocol

import av

log = logging.getLogger(__name__)

_COPIED: dict[str, frozenset[str] | None] = {
    # What phones, browsers and QuickTime play from these containers, not all that could be put in.
    ".mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"}),
    ".mov": frozenset(
        {"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"}
    ),
    ".mkv": None,  # anything
}

_AAC_RATE = 48000
_AAC_BITS_PER_CHANNEL = 96_000


class SoundFeed(Protocol):
    """Sound packets in step with the pictures, in the source's own time."""

    stream: Any
    """The `av` stream they belong to."""

    def packets_until(self, seconds: float) -> Iterator[Any]:
        """The packets not given yet that begin before `seconds`."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class SoundTrack:
    """One sound stream of an output container, fed from a `SoundFeed`."""

    def __init__(
        self,
        container: Any,
        feed: SoundFeed,
        extension: str,
        origin_s: float,
        end_s: float | None,
        only_aac: bool = False,
    ) -> None:
        """Add the stream; `origin_s` (source time) becomes 0, what begins at `end_s` or later is left out.

        With `only_aac` nothing but AAC is copied, for players that know nothing else.

        Raises:
            ValueError, OSError, av.error.FFmpegError: neither a copy nor AAC can be made of it.
        """
        self._container = container
        self._feed = feed
        self._origin_s = origin_s
        self._end_s = end_s
        self._context = feed.stream.codec_context
        self._shift = round(Fraction(origin_s) / feed.stream.time_base)
        self._last_dts: int | None = None
        # Of two packets: what every container can tell apart (Matroska counts in milliseconds).
        self._least_step = max(1, math.ceil(Fraction(1, 1000) / feed.stream.time_base))
        self._encoder: _AacEncoder | None = None
        self.copied = _may_copy(self._context, extension)
        self.copied &= not only_aac or self._context.codec.canonical_name == "aac"
        # An encoder's run-in before zero has a place in an edit list, or in Matroska as Opus' pre-skip;
        # elsewhere it would push the pictures back. Of a cut nothing from before it is wanted.
        keeps = extension != ".mkv" or self._context.codec.canonical_name == "opus"
        self._before_zero = keeps and self._shift == 0
        self._unpack: Any = None
        if self.copied:
            try:
                self._stream = container.add_stream_from_template(feed.stream, opaque=True)
                if self._context.codec.canonical_name == "aac" and not self._context.extradata:
                    # Out of a transport stream: each packet with a header that files do without.
                    self._unpack = av.bitstream.BitStreamFilterContext("aac_adtstoasc", feed.stream)
            except (ValueError, av.error.FFmpegError) as error:
                log.debug("sound cannot be copied into %s: %s", extension, error)
                self.copied = False
        if not self.copied:
            self._encoder = _AacEncoder(container, feed.stream, origin_s, end_s)

    def mux_until(self, seconds: float) -> None:
        """Write the sound that begins before `seconds` (source time)."""
        if self._end_s is not None:
            seconds = min(seconds, self._end_s)
        for packet in self._feed.packets_until(seconds):
            if self._encoder is not None:
                self._encoder.take(packet)
            else:
                self._copy(packet)

    def finish(self, seconds: float) -> None:
        """Write what is left before `seconds` and end the stream."""
        self.mux_until(seconds)
        if self._encoder is not None:
            self._encoder.finish()

    def _copy(self, packet: Any) -> None:
        if packet.pts is None or packet.dts is None:
            return
        pts, dts = packet.pts - self._shift, packet.dts - self._shift
        if pts < 0 and not self._before_zero:
            return
        if self._last_dts is not None and dts <= self._last_dts:
            # Where two recordings are joined, the sound of the first may reach into the second: its packets
            # are all kept, close together until they are in step again.
            dts = self._last_dts + self._least_step
            pts = max(pts, dts)
        self._last_dts = dts
        packet.pts, packet.dts = pts, dts
        for out in [packet] if self._unpack is None else self._unpack.filter(packet):
            out.stream = self._stream
            self._container.mux_one(out)


class _AacEncoder:
    """Decodes, cuts, evens out gaps and encodes."""

    def __init__(self, container: Any, source: Any, origin_s: float, end_s: float | None) -> None:
        self._container = container
        self._decoder = source.codec_context
        layout = "mono" if self._decoder.layout.nb_channels == 1 else "stereo"
        channels = 1 if layout == "mono" else 2
        self._stream = container.add_stream(
            "aac", rate=_AAC_RATE, layout=layout, bit_rate=_AAC_BITS_PER_CHANNEL * channels
        )
        self._layout = layout
        self._span_s = origin_s, end_s
        self._time_base = source.time_base
        self._graph: Any = None
        self._end = -(1 << 62)

    def _filter_for(self, first: Any) -> Any:
        """The graph for frames like this one."""
        origin_s, end_s = self._span_s
        end = f":end={end_s!r}" if end_s is not None else ""
        graph = av.filter.Graph()
        steps = [
            # As the frames are: what a stream was probed with may be another decoder (MP2: fltp, then s16p).
            graph.add_abuffer(
                sample_rate=first.sample_rate,
                format=first.format.name,
                layout=first.layout.name,
                time_base=self._time_base,
            ),
            graph.add("atrim", f"start={origin_s!r}{end}"),
            graph.add("asetpts", f"PTS-({origin_s!r})/TB"),
            # async: gaps become silence and the sound stays where the pictures are.
            graph.add("aresample", "async=1000"),
            graph.add("aformat", f"sample_fmts=fltp:sample_rates={_AAC_RATE}:channel_layouts={self._layout}"),
            graph.add("abuffersink"),
        ]
        for before, after in itertools.pairwise(steps):
            before.link_to(after)
        graph.configure()
        return graph

    def take(self, packet: Any) -> None:
        """Decode a packet and write what comes out; what cannot be decoded becomes silence."""
        try:
            frames = self._decoder.decode(packet)
        except (ValueError, OSError, av.error.FFmpegError) as error:
            log.debug("a sound packet at %s could not be decoded: %s", packet.pts, error)
            return
        for frame in frames:
            if self._graph is None:
                self._graph = self._filter_for(frame)
            self._graph.push(frame)
            self._drain()

    def finish(self) -> None:
        """Write what the filter and the encoder still hold."""
        if self._graph is not None:
            self._graph.push(None)
            self._drain()
        for packet in self._stream.encode(None):
            self._container.mux_one(packet)

    def _drain(self) -> None:
        while True:
            try:
                frame = self._graph.pull()
            except (BlockingIOError, EOFError):
                return
            if frame.pts is not None and frame.time_base:
                # Where sound overlaps (two recordings joined), the filter evens that out over the seconds
                # that follow, but its own times may fall back once.
                frame.pts = max(frame.pts, self._end)
                self._end = frame.pts + round(Fraction(frame.samples, frame.sample_rate) / frame.time_base)
            for packet in self._stream.encode(frame):
                self._container.mux_one(packet)


def _may_copy(context: Any, extension: str) -> bool:
    allowed = _COPIED[extension]
    return allowed is None or context.codec.canonical_name in allowed
