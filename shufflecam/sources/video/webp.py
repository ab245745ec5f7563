"""Animated WebP as a video: FFmpeg (8.1) only reads still WebP, so libwebp's pictures are passed to it.

The pictures are muxed, uncompressed, into a container in memory, one at a time on demand: the video reader
handles them like any video, and memory use does not depend on their number.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

import av
import numpy as np
from PIL import Image

from shufflecam.core.errors import SourceError
from shufflecam.sources.limits import too_large

_TOO_SHORT_MS = 10
"""Pictures with a duration up to this are shown for `_INSTEAD_MS`, as in browsers."""

_INSTEAD_MS = 100


def is_animated_webp(file: BinaryIO) -> bool:
    """Return whether a file is a WebP with the animation flag (in its VP8X chunk); rewinds the file."""
    head = file.read(21)
    file.seek(0)
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) == 21 and bool(head[20] & 2)


class WebpVideo(io.RawIOBase):
    """An animated WebP presented as a video container; like a pipe, not seekable."""

    def __init__(self, file: BinaryIO, name: str, max_pixels: int) -> None:
        """Open an animation and take ownership of `file`.

        Raises:
            SourceError: the file is damaged from the beginning, or larger than `max_pixels`.
        """
        super().__init__()
        self._file = file
        self._name = name
        self._waiting = bytearray()
        self._damaged_at: int | None = None
        try:
            self._picture = Image.open(file)
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
            raise SourceError(f"{name} is damaged or cut short; copy it again, or save it anew.") from error
        width, height = self._picture.size
        if width * height > max_pixels:
            raise SourceError(too_large(name, width, height, max_pixels))
        self._count = int(getattr(self._picture, "n_frames", 1))
        self._chunks = self._container()

    @property
    def lost(self) -> int:
        """Return the number of pictures that could not be read, so far."""
        return 0 if self._damaged_at is None else self._count - self._damaged_at

    def complaint(self) -> str | None:
        """Return one sentence on what is missing, or None."""
        if self._damaged_at is None:
            return None
        return (
            f"{self._name} is damaged: picture {self._damaged_at + 1} of {self._count} cannot be decoded, "
            "and what is behind it cannot either; what came before is kept."
        )

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return False: the container can only be read forwards."""
        return False

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read like a pipe. The data ends before a damaged picture, reported by `lost` and `complaint`."""
        while not self._waiting:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._waiting += chunk
        given = min(len(buffer), len(self._waiting))
        buffer[:given] = self._waiting[:given]
        del self._waiting[:given]
        return given

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._picture.close()
            self._file.close()
        super().close()

    def _container(self) -> Iterator[bytes]:
        """Yield the bytes of the container, picture by picture."""
        sink = _Sink()
        width, height = self._picture.size
        with av.open(sink, "w", format="nut") as container:
            stream = container.add_stream("rawvideo", rate=self._rate())
            stream.width, stream.height, stream.pix_fmt = width, height, "bgr24"
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
            at_ms = 0
            for image, lasts_ms in self._pictures():
                frame = av.VideoFrame.from_ndarray(image, format="bgr24")
                frame.pts, frame.time_base = at_ms, Fraction(1, 1000)
                for packet in stream.encode(frame):
                    packet.duration = lasts_ms
                    container.mux(packet)
                at_ms += lasts_ms
                yield sink.taken()
            container.mux(stream.encode())
        yield sink.taken()

    def _pictures(self) -> Iterator[tuple[np.ndarray, int]]:
        """Yield pictures, (H, W, 3) uint8 BGR over white, with their durations in milliseconds."""
        white = Image.new("RGBA", self._picture.size, "white")
        for number in range(self._count):
            try:
                self._picture.seek(number)
                whole = Image.alpha_composite(white, self._picture.convert("RGBA"))
            except (OSError, ValueError, SyntaxError, EOFError):
                self._damaged_at = number  # libwebp cannot continue after it
                return
            lasts = int(self._picture.info.get("duration") or 0)
            rgb = np.asarray(whole.convert("RGB"))
            yield np.ascontiguousarray(rgb[..., ::-1]), lasts if lasts > _TOO_SHORT_MS else _INSTEAD_MS

    def _rate(self) -> Fraction:
        """Return the frame rate for the shortest picture duration, read from the chunk headers."""
        shown, at = [], 12
        while True:
            self._file.seek(at)
            header = self._file.read(8)
            if len(header) < 8:
                break
            length = struct.unpack_from("<I", header, 4)[0]
            if header[:4] == b"ANMF":
                shown.append(int.from_bytes(self._file.read(15)[12:], "little"))
            at += 8 + length + length % 2
        shortest = min((ms if ms > _TOO_SHORT_MS else _INSTEAD_MS for ms in shown), default=_INSTEAD_MS)
        return Fraction(1000, shortest)


class _Sink(io.RawIOBase):
    """Buffers a muxer's output until it is fetched."""

    def __init__(self) -> None:
        super().__init__()
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        data = bytes(self._written)
        self._written.clear()
        return data
