"""Parse PNG chunks: header, significant bits, and removal of metadata.

Metadata (a colour profile of megabytes, text that decompresses to more) is not part of the picture and no
reason to reject it (PNG specification, third edition: ancillary chunks may be ignored).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_STILL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS"})
"""Chunks that make up the picture."""

_MORE = frozenset({b"eXIf", b"acTL", b"fcTL", b"fdAT"})
"""Chunks with the orientation and the animation frames."""

_TURNS = (b"Raw profile type exif", b"Raw profile type APP1", b"XML:com.adobe.xmp")
"""Keywords of text chunks in which some programs store the orientation."""

_TURNS_MOST = 1 << 18
"""Maximum size of such text in bytes, compressed or not; larger text is removed."""


@dataclass(frozen=True)
class PngHeader:
    """The contents of the header chunk (IHDR)."""

    size: tuple[int, int]
    depth: int
    """Bits per sample."""
    color: int
    """0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA."""


def header_of(data: bytes) -> PngHeader | None:
    """Return the header of a PNG file; None if the data does not begin with one."""
    if not data.startswith(SIGNATURE) or data[12:16] != b"IHDR" or len(data) < 26:
        return None
    width, height, depth, color = struct.unpack_from(">IIBB", data, 16)
    return PngHeader((width, height), depth, color)


def significant_bits(data: bytes) -> int | None:
    """Return the largest number of significant bits of a colour channel (sBIT chunk); None if not stated."""
    for kind, start, length in _chunks(data):
        if kind == b"sBIT":
            header = header_of(data)
            colors = 3 if header is not None and header.color in (2, 3, 6) else 1
            bits = data[start : start + min(length, colors)]
            return max(bits) if bits and header is not None and 0 < max(bits) <= header.depth else None
        if kind == b"IDAT":
            break
    return None


def without_metadata(data: bytes, *, only_still: bool = False) -> bytes:
    """Return the file without metadata; `only_still`: also without orientation and animation frames.

    A chunk truncated by the end of the file is kept as it is, so that the decoder detects the truncation.
    """
    kept = [SIGNATURE]
    for kind, start, length in _chunks(data):
        chunk = data[start : start + length]
        if kind in _STILL or (not only_still and (kind in _MORE or _says_turn(kind, chunk))):
            kept.append(data[start - 8 : start + length + 4])
    return b"".join(kept)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, offset and length of every chunk's content."""
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at + 8, length
        at += 12 + length


def _says_turn(kind: bytes, chunk: bytes) -> bool:
    if kind not in (b"tEXt", b"zTXt", b"iTXt") or len(chunk) > _TURNS_MOST:
        return False
    keyword, _, rest = chunk[:80].partition(b"\0")
    if keyword not in _TURNS:
        return False
    if kind == b"zTXt":
        packed = chunk[len(keyword) + 2 :]
    elif kind == b"iTXt" and rest[:1] == b"\1":
        packed = chunk[len(keyword) + 3 :].partition(b"\0")[2].partition(b"\0")[2]
    else:
        return True
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(packed, _TURNS_MOST)
    except zlib.error:
        return False
    return not unpacker.unconsumed_tail
