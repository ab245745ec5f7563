"""A small file may claim to be large."""

from __future__ import annotations

import struct
import zlib
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from shufflecam.core.errors import SourceError
from shufflecam.sources.pictures.picture import read_picture
from shufflecam.sources.pictures.source import open_images
from shufflecam.sources.video.source import open_video
from tests.faults.harness import write_video


def test_a_picture_over_the_limit_is_refused_and_one_at_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    cv2.imwrite(str(file), np.zeros((30, 40, 3), np.uint8))
    assert read_picture(file, 1200).shape == (30, 40, 3)
    with pytest.raises(SourceError, match=r"40x30, which is more than .* --max-pixels"):
        read_picture(file, 1199)
    with pytest.raises(SourceError, match="--max-pixels"):
        open_images([file], max_pixels=1199)


def test_a_bomb_is_refused_at_its_header(tmp_path: Path) -> None:
    """100,000 x 100,000 pixels in a hundred bytes: nothing of that size may be allocated."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    file = tmp_path / "bomb.png"
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )
    with pytest.raises(SourceError, match="million pixels"):
        read_picture(file)


def test_a_video_over_the_limit_is_refused(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mp4", 3, (64, 48))
    with closing(open_video(clip, max_pixels=64 * 48)) as source:
        assert len(list(source.frames())) == 3
    with pytest.raises(SourceError, match=r"64x48, which is more than .* --max-pixels"):
        open_video(clip, max_pixels=64 * 48 - 1)
