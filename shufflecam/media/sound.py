"""Audio track of an output video: copied where the container allows it, else encoded as AAC."""

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
    # What phones, browsers and QuickTime play from these containers, not everything that they can hold.
    ".mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"}),
    ".mov": frozenset(
        {"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"}
    ),
    ".mkv": None,  # anything
}

_AAC_RATE = 48000
_AAC_BITS_PER_CHANNEL = 96_000


class SoundFeed(Protocol):
    """Audio packets in sync with the pictures, with the source's timestamps."""

    stream: Any
    """The `av` stream of the packets."""

    def packets_until(self, seconds: float) -> Iterator[Any]:
        """Yield the packets that begin before `seconds` and were not yielded yet."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class SoundTrack:
    """One audio stream of an output container, fed from a `SoundFeed`."""

    def __init__(
        self,
        container: Any,
        feed: SoundFeed,
        extension: str,
        origin_s: float,
        end_s: float | None,
        only_aac: bool = False,
    ) -> None:
        """Add the stream; `origin_s` (source time) becomes 0, packets from `end_s` on are omitted.

        With `only_aac` no other codec is copied, for players that support only AAC.

        Raises:
            ValueError, OSError, av.error.FFmpegError: it can neither be copied nor be encoded as AAC.
        """
        self._container = container
        self._feed = feed
        self._origin_s = origin_s
        self._end_s = end_s
        self._context = feed.stream.codec_context
        self._shift = round(Fraction(origin_s) / feed.stream.time_base)
        self._last_dts: int | None = None
        # Between two packets: the least that every container can represent (Matroska: a millisecond).
        self._least_step = max(1, math.ceil(Fraction(1, 1000) / feed.stream.time_base))
        self._encoder: _AacEncoder | None = None
        self.copied = _may_copy(self._context, extension)
        self.copied &= not only_aac or self._context.codec.canonical_name == "aac"
        # Encoder priming before zero is represented by an edit list, or in Matroska by Opus' pre-skip;
        # elsewhere it would delay the pictures. In an excerpt nothing before its start is wanted.
        keeps = extension != ".mkv" or self._context.codec.canonical_name == "opus"
        self._before_zero = keeps and self._shift == 0
        self._unpack: Any = None
        if self.copied:
            try:
                self._stream = container.add_stream_from_template(feed.stream, opaque=True)
                if self._context.codec.canonical_name == "aac" and not self._context.extradata:
                    # From a transport stream: each packet has an ADTS header, which these containers omit.
                    self._unpack = av.bitstream.BitStreamFilterContext("aac_adtstoasc", feed.stream)
            except (ValueError, av.error.FFmpegError) as error:
                log.debug("sound cannot be copied into %s: %s", extension, error)
                self.copied = False
        if not self.copied:
            self._encoder = _AacEncoder(container, feed.stream, origin_s, end_s)

    def mux_until(self, seconds: float) -> None:
        """Mux the audio that begins before `seconds` (source time)."""
        if self._end_s is not None:
            seconds = min(seconds, self._end_s)
        for packet in self._feed.packets_until(seconds):
            if self._encoder is not None:
                self._encoder.take(packet)
            else:
                self._copy(packet)

    def finish(self, seconds: float) -> None:
        """Mux the remaining audio before `seconds` and end the stream."""
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
            # Where two recordings are concatenated, the audio of the first may overlap the second: all its
            # packets are kept, at the least distance until they are in sync again.
            dts = self._last_dts + self._least_step
            pts = max(pts, dts)
        self._last_dts = dts
        packet.pts, packet.dts = pts, dts
        for out in [packet] if self._unpack is None else self._unpack.filter(packet):
            out.stream = self._stream
            self._container.mux_one(out)


class _AacEncoder:
    """Decodes, trims, fills gaps and encodes as AAC."""

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
        """Return the filter graph for frames in the format of `first`."""
        origin_s, end_s = self._span_s
        end = f":end={end_s!r}" if end_s is not None else ""
        graph = av.filter.Graph()
        steps = [
            # The frames' own format: a stream may be probed with another decoder (MP2: fltp, then s16p).
            graph.add_abuffer(
                sample_rate=first.sample_rate,
                format=first.format.name,
                layout=first.layout.name,
                time_base=self._time_base,
            ),
            graph.add("atrim", f"start={origin_s!r}{end}"),
            graph.add("asetpts", f"PTS-({origin_s!r})/TB"),
            # async: gaps become silence and the audio stays in sync with the pictures.
            graph.add("aresample", "async=1000"),
            graph.add("aformat", f"sample_fmts=fltp:sample_rates={_AAC_RATE}:channel_layouts={self._layout}"),
            graph.add("abuffersink"),
        ]
        for before, after in itertools.pairwise(steps):
            before.link_to(after)
        graph.configure()
        return graph

    def take(self, packet: Any) -> None:
        """Decode a packet, encode it and mux the result; undecodable packets become silence."""
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
        """Flush the filter graph and the encoder."""
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
                # Where audio overlaps (concatenated recordings), the filter compensates over the following
                # seconds, but its own timestamps may step back once.
                frame.pts = max(frame.pts, self._end)
                self._end = frame.pts + round(Fraction(frame.samples, frame.sample_rate) / frame.time_base)
            for packet in self._stream.encode(frame):
                self._container.mux_one(packet)


def _may_copy(context: Any, extension: str) -> bool:
    allowed = _COPIED[extension]
    return allowed is None or context.codec.canonical_name in allowed
