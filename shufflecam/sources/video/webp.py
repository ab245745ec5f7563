"""Animated WebP as a video: FFmpeg (8.1) reads the still ones alone, so libwebp's pictures are handed to it.

The pictures go through a container in memory, raw, one at a time as the reader asks for them: whatever reads
videos reads these too, and nothing grows with their number.
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
"""Pictures that say they last no longer are shown for `_INSTEAD_MS`, as browsers do."""

_INSTEAD_MS = 100


def is_animated_webp(file: BinaryIO) -> bool:
    """Whether the file is a WebP with the mark of an animation (its VP8X chunk). The place in it stays."""
    head = file.read(21)
    file.seek(0)
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) == 21 and bool(head[20] & 2)


class WebpVideo(io.RawIOBase):
    """An animated WebP, read as a video container; it cannot be gone back in, as a pipe cannot."""

    def __init__(self, file: BinaryIO, name: str, max_pixels: int) -> None:
        """Take over `file`.

        Raises:
            SourceError: it is damaged from the beginning, or larger than `max_pixels`.
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
        """How many pictures could not be read, as far as it was read."""
        return 0 if self._damaged_at is None else self._count - self._damaged_at

    def complaint(self) -> str | None:
        """One sentence on what is missing, or None."""
        if self._damaged_at is None:
            return None
        return (
            f"{self._name} is damaged: picture {self._damaged_at + 1} of {self._count} cannot be decoded, "
            "and what is behind it cannot either; what came before is kept."
        )

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Only forwards."""
        return False

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As of a pipe. It ends in front of a damaged picture; `lost` and `complaint` say so."""
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
        """Let go of the file."""
        if not self.closed:
            self._picture.close()
            self._file.close()
        super().close()

    def _container(self) -> Iterator[bytes]:
        """The bytes of the container, picture by picture."""
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
        """(H, W, 3) uint8 BGR over white, and how many milliseconds it is shown."""
        white = Image.new("RGBA", self._picture.size, "white")
        for number in range(self._count):
            try:
                self._picture.seek(number)
                whole = Image.alpha_composite(white, self._picture.convert("RGBA"))
            except (OSError, ValueError, SyntaxError, EOFError):
                self._damaged_at = number  # libwebp cannot go on behind it
                return
            lasts = int(self._picture.info.get("duration") or 0)
            rgb = np.asarray(whole.convert("RGB"))
            yield np.ascontiguousarray(rgb[..., ::-1]), lasts if lasts > _TOO_SHORT_MS else _INSTEAD_MS

    def _rate(self) -> Fraction:
        """Pictures a second by the shortest time that one is shown, from the headers of their chunks."""
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
    """Takes what a muxer writes until it is fetched."""

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
