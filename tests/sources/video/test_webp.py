"""An animated WebP is a video: every picture at its time, cut, stepped through, damaged and too large."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shufflecam.core.errors import SourceBrokeOff, SourceError
from shufflecam.sources.open import open_source
from shufflecam.sources.video.source import open_video

LASTS_MS = [100, 50, 200, 40, 40, 70]
STARTS_S = [0.0, 0.1, 0.15, 0.35, 0.39, 0.43]


def picture(number: int, mode: str = "RGB") -> Image.Image:
    """Grey by its number, a black corner."""
    values = np.full((40, 60, 3), 30 * (number + 1), np.uint8)
    values[:10, :10] = 0
    return Image.fromarray(values).convert(mode)


@pytest.fixture(scope="module")
def animated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("webp") / "a.webp"
    pictures = [picture(number) for number in range(6)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=LASTS_MS, lossless=True)
    return path


def test_every_picture_at_its_time(animated: Path) -> None:
    source = open_video(animated)
    frames = list(source.frames())
    assert [frame.timestamp_s for frame in frames] == pytest.approx(STARTS_S)
    assert [frame.image[20, 30].tolist() for frame in frames] == [[30 * n] * 3 for n in range(1, 7)]
    assert all((frame.image[:10, :10] == 0).all() for frame in frames)
    assert source.info.size == (60, 40)
    assert source.info.fps == 25
    assert source.open_sound() is None


def test_parts_of_it(animated: Path) -> None:
    assert [f.timestamp_s for f in open_video(animated, 0.15, 0.4).frames()] == pytest.approx(
        [0.15, 0.35, 0.39]
    )
    assert [frame.index for frame in open_video(animated, step=2).frames()] == [0, 2, 4]
    source = open_video(animated)
    next(source.frames())
    source.close()


def test_transparency_and_times_of_nothing(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    path = tmp_path / "a.webp"
    clear.save(path, save_all=True, append_images=[picture(1, "RGBA"), picture(2, "RGBA")], duration=0)
    first, second, third = open_video(path).frames()
    assert (first.image > 250).all()
    assert abs(int(second.image[20, 30, 0]) - 60) < 4
    assert [first.timestamp_s, second.timestamp_s, third.timestamp_s] == pytest.approx([0, 0.1, 0.2])


def test_what_is_meant(animated: Path, tmp_path: Path) -> None:
    assert open_source(animated).info.kind == "video"
    picture(0).save(tmp_path / "still.webp")
    assert open_source(tmp_path / "still.webp").info.kind == "images"
    pictures = [picture(number) for number in range(3)]
    pictures[0].save(tmp_path / "a.avif", save_all=True, append_images=pictures[1:], duration=100)
    source = open_source(tmp_path / "a.avif")
    assert source.info.kind == "video"
    assert len(list(source.frames())) == 3


def test_damage_costs_what_is_behind_it_and_is_said(animated: Path, tmp_path: Path) -> None:
    data = bytearray(animated.read_bytes())
    at = [place for place in range(len(data) - 4) if data[place : place + 4] == b"ANMF"][3]
    length = struct.unpack_from("<I", data, at + 4)[0]
    inside = at + 8 + 16 + 8 + 8  # behind ANMF's own fields and the picture's header
    data[inside : at + 8 + length] = b"\xff" * (at + 8 + length - inside)
    (tmp_path / "a.webp").write_bytes(data)
    frames = []
    with pytest.raises(SourceBrokeOff, match=r"picture 4 of 6 cannot be decoded"):
        frames.extend(open_video(tmp_path / "a.webp").frames())
    assert [frame.image[20, 30, 0] for frame in frames] == [30, 60, 90]


def test_what_cannot_be_read(animated: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="60x40"):
        open_video(animated, max_pixels=2399)
    (tmp_path / "a.webp").write_bytes(animated.read_bytes()[:60])
    with pytest.raises(SourceError, match="damaged or cut short"):
        open_video(tmp_path / "a.webp")
