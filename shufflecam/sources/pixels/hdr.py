"""Tone-map high dynamic range (PQ, HLG) to standard BT.709, as networks and ordinary screens expect."""

from __future__ import annotations

import itertools
import math
import os
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from shufflecam.core.types import FloatArray
from shufflecam.sources.pixels.tone import WHITE_NITS, cube, to_nits

_BT2020_NCL, _UNTAGGED, _FULL_RANGE, _VIDEO_RANGE = 9, 2, 2, 1

_SAMPLE = (96, 54)
"""(width, height) of the downscaled picture in which light is measured."""
_DARK_NITS = 0.05
"""Only letterbox bars are darker."""

_MIDDLE_NITS = (4.0, 45.0)
"""Range of the median light that needs no correction; indoors it is 8 to 30 cd/m2."""
_MOST_DARK_STOPS = 2.0
"""Maximum gain in stops for a dark median, so that night stays darker than day."""
_MOST_STOPS = (-5.0, 3.5)

_STEPS = 6
"""Exposure steps per stop: one step is five of 255 levels."""
_AGAIN = 0.75
"""Change in steps from which a new table is built: a smaller threshold would cause flicker."""
_FOLLOW = 0.1
"""Weight of a new picture in the smoothed exposure."""
_CUT_STOPS = 1.5
"""A larger change in stops is a new scene, which is followed at once."""

_MOST_THREADS = 4


class Exposure:
    """Estimates a scene's exposure, smoothed from picture to picture.

    Mastering for 1000 or 4000 cd/m2 only states what the display may show: scenes use a part of it, and at
    100 or 20 cd/m2 people in the shade would be nearly black. White darker than BT.2408's reference is raised
    to it; a median outside the usual range is brought into it.
    """

    def __init__(self) -> None:
        self._stops: tuple[float, float] | None = None
        self._set = (0, 0)

    def update(self, nits: FloatArray) -> tuple[float, float]:
        """Return (gain, peak in cd/m2 after it) for a picture's light: any shape, the brightest channel."""
        lit = nits[nits > _DARK_NITS]
        if lit.size * 20 >= nits.size:  # otherwise a fade or a black picture, without information
            self._follow(*_wanted(float(np.percentile(lit, 99)), float(np.median(lit))))
        return 2 ** (self._set[0] / _STEPS), WHITE_NITS * 2 ** (self._set[1] / _STEPS)

    def _follow(self, gain: float, peak: float) -> None:
        if self._stops is None or max(abs(gain - self._stops[0]), abs(peak - self._stops[1])) > _CUT_STOPS:
            self._stops = gain, peak
        else:
            old_gain, old_peak = self._stops
            self._stops = old_gain + _FOLLOW * (gain - old_gain), old_peak + _FOLLOW * (peak - old_peak)
        at = [stops * _STEPS for stops in self._stops]
        if max(abs(at[0] - self._set[0]), abs(at[1] - self._set[1])) > _AGAIN:
            self._set = round(at[0]), round(at[1])


def _wanted(white: float, middle: float) -> tuple[float, float]:
    """Return (gain, peak above `WHITE_NITS`) in stops for a picture's white and median light in cd/m2."""
    low, high = _MIDDLE_NITS
    for_white = math.log2(WHITE_NITS / white)
    gain = max(for_white, 0.0, min(math.log2(low / middle), _MOST_DARK_STOPS))
    if middle * 2**gain > high:
        gain = max(math.log2(high / middle), for_white)
    gain = min(max(gain, _MOST_STOPS[0]), _MOST_STOPS[1])
    return gain, min(max(gain - for_white, 0.0), 4.0)


class ToneMapper:
    """Converts PQ and HLG pictures to standard dynamic range. Not thread-safe.

    ffmpeg's alternatives: libswscale's colour management takes two seconds to set up and a static peak, the
    tonemap filter works on floats without the transfer functions. A colour table applied by lut3d costs
    3.7 ms for a 1280x720 picture, and the conversions around it 5 ms.
    """

    def __init__(self) -> None:
        self._exposure = Exposure()
        self._sampler = VideoReformatter()
        self._key: tuple[Any, ...] = ()
        self._graph: Any = None
        self._count = 0

    def __call__(
        self, picture: av.VideoFrame, size: tuple[int, int], tags: tuple[int, int, int]
    ) -> av.VideoFrame:
        """Return `picture` as bgr24 of `size` (width, height, before rotation).

        `tags` are its (matrix, primaries, transfer), where transfer is PQ or HLG.
        """
        matrix, primaries, transfer = tags
        if matrix == _UNTAGGED and not picture.format.is_rgb:
            matrix = _BT2020_NCL
        picture.colorspace = matrix
        gain, peak = self._exposure.update(self._light(picture, transfer, primaries))
        full = picture.format.is_rgb or int(picture.color_range) == _FULL_RANGE
        shape = (picture.width, picture.height, picture.format.name, matrix, full, size)
        key = (*shape, transfer, primaries, gain, peak)
        if key != self._key:
            self._graph, self._key = _graph(*shape, cube(transfer, primaries, gain, peak)), key
        told = picture.pts, picture.time_base
        picture.pts, picture.time_base = self._count, Fraction(1, 1000)
        self._count += 1
        try:
            source, sink = self._graph[1:]
            source.push(picture)
            return sink.pull()
        finally:
            picture.pts, picture.time_base = told

    def _light(self, picture: av.VideoFrame, transfer: int, primaries: int) -> FloatArray:
        """Return (H, W) cd/m2 of the brightest channel, sampled at a few thousand points."""
        width, height = min(_SAMPLE[0], picture.width), min(_SAMPLE[1], picture.height)
        small = self._sampler.reformat(
            picture, width=width, height=height, format="gbrp16le", interpolation="POINT", threads=1
        )
        planes = [
            np.frombuffer(memoryview(plane), "<u2").reshape(height, -1)[:, :width] for plane in small.planes
        ]
        signal = np.stack([planes[2], planes[0], planes[1]], -1).astype(np.float32) / np.float32(65535)
        return np.asarray(to_nits(signal, transfer, primaries).max(-1), np.float32)


def _graph(
    width: int,
    height: int,
    pixel_format: str,
    matrix: int,
    full: bool,
    size: tuple[int, int],
    colours: str,
) -> tuple[Any, Any, Any]:
    """Return (graph, its source, its sink); the sink outputs bgr24 of `size`."""
    graph = av.filter.Graph()
    graph.threads = min(os.cpu_count() or 1, _MOST_THREADS)
    source = graph.add(
        "buffer",
        f"video_size={width}x{height}:pix_fmt={pixel_format}:time_base=1/1000:pixel_aspect=1/1:"
        f"colorspace={matrix}:range={_FULL_RANGE if full else _VIDEO_RANGE}",
    )
    with tempfile.TemporaryDirectory(prefix="shufflecam-") as folder:
        file = Path(folder, "tone.cube")
        file.write_text(colours, encoding="ascii")
        chain = [
            source,
            graph.add("scale", f"w={size[0]}:h={size[1]}:flags=bilinear"),
            graph.add("format", "gbrp16le"),  # lut3d is vectorised only for this and for floats
            graph.add("lut3d", file=str(file)),
            graph.add("scale", "flags=bilinear"),
            graph.add("format", "bgr24"),
            graph.add("buffersink"),
        ]
        for before, after in itertools.pairwise(chain):
            before.link_to(after)
        graph.configure()
    return graph, source, chain[-1]
