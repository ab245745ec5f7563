"""PNG files chunk by chunk: 16 bits of every colour type, and metadata as no library writes it."""

from __future__ import annotations

import struct
import zlib

import numpy as np

GREY, RGB, GREY_ALPHA, RGBA = 0, 2, 4, 6


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png16(values: np.ndarray, *before: bytes) -> bytes:
    """(H, W), or (H, W, C) of 2, 3 or 4 channels, uint16; `before`: chunks in front of the pixels."""
    height, width = values.shape[:2]
    color = GREY if values.ndim == 2 else {2: GREY_ALPHA, 3: RGB, 4: RGBA}[values.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, color, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            *before,
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        )
    )
