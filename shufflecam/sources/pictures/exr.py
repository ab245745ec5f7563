"""Read OpenEXR pictures with FFmpeg, since OpenCV's wheels are built without OpenEXR.

FFmpeg fills the missing part of a truncated file with grey and allocates whatever the header claims, so both
are checked here first (OpenEXR file layout: magic, version, attributes, chunk offsets, chunks).
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

import av

from shufflecam.core.errors import SourceError
from shufflecam.core.levels import Said
from shufflecam.sources.limits import too_large
from shufflecam.sources.pictures.deep import DeepPicture

_NOT_PLAIN = 0x200 | 0x800 | 0x1000
"""Version bits of tiled, deep and multi-part files, whose offset tables differ."""

_LINES = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}
"""Scan lines per chunk, by compression."""

_HEADER_MOST = 1 << 20
_FORMATS = frozenset({"gbrpf32le", "gbrapf32le", "grayf32le"})


@dataclass(frozen=True)
class _Header:
    size: tuple[int, int]
    compression: int
    plain: bool
    end: int


def read_exr(name: str, max_pixels: int) -> DeepPicture:
    """Read the linear light values of an OpenEXR file.

    Raises:
        SourceError: the picture is larger than `max_pixels`, or the file is damaged or truncated.
    """
    try:
        with open(name, "rb") as file:
            header = _header(file.read(_HEADER_MOST))
            width, height = header.size
            if width * height > max_pixels:
                raise SourceError(too_large(name, width, height, max_pixels))
            if header.plain and not _is_whole(file, header):
                raise ValueError("a chunk is missing")
        with av.open(name, format="exr_pipe", container_options={"protocol_whitelist": "file"}) as container:
            frame = next(container.decode(video=0))
            if frame.format.name not in _FORMATS:
                frame = frame.reformat(format="gbrpf32le")
            return DeepPicture(frame.to_ndarray(), Said(linear=True))
    except (av.error.FFmpegError, StopIteration, IndexError, ValueError, struct.error) as error:
        raise SourceError(
            f"{name} cannot be read as a picture: it is damaged, cut short or of a rare kind; save it anew."
        ) from error


def _header(data: bytes) -> _Header:
    """Parse the first part's attributes. Raises ValueError or struct.error if invalid."""
    (version,) = struct.unpack_from("<I", data, 4)
    at, size, compression = 8, None, None
    while data[at : at + 1] != b"\0":
        name_end = data.index(b"\0", at)
        kind_end = data.index(b"\0", name_end + 1)
        (length,) = struct.unpack_from("<i", data, kind_end + 1)
        start = kind_end + 5
        if length < 0:
            raise ValueError("an attribute has no length")
        name = data[at:name_end]
        if name == b"dataWindow":
            left, top, right, bottom = struct.unpack_from("<4i", data, start)
            size = (right - left + 1, bottom - top + 1)
        elif name == b"compression":
            compression = data[start]
        at = start + length
    if size is None or compression is None or min(size) < 1:
        raise ValueError("no size")
    return _Header(size, compression, not version & _NOT_PLAIN and compression in _LINES, at + 1)


def _is_whole(file: BinaryIO, header: _Header) -> bool:
    """Return whether the file extends to the end of its last chunk."""
    count = -(-header.size[1] // _LINES[header.compression])
    file.seek(header.end)
    table = file.read(8 * count)
    if len(table) < 8 * count:
        return False
    last = max(struct.unpack(f"<{count}Q", table))
    length = file.seek(0, os.SEEK_END)
    if last + 8 > length:
        return False
    file.seek(last + 4)
    (size,) = struct.unpack("<i", file.read(4))
    return 0 <= size <= length - last - 8
