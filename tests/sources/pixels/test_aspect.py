"""Anamorphic video: what sources tell of the shape of its pixels."""

from __future__ import annotations

import struct
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from shufflecam.sources import ReplaySource, open_video
from shufflecam.sources.live.capture import Grabbed
from shufflecam.sources.live.latest import LatestFrames
from shufflecam.sources.pixels.aspect import PixelShape
from tests.helpers.clips import make_clip
from tests.sources.fakes import FakeCapture

SHAPES = [Fraction(2), Fraction(1, 2), Fraction(4, 3), Fraction(10, 11), Fraction(64, 45)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "avi"])
def test_it_is_told_of_every_container(ending: str, shape: Fraction, tmp_path: Path) -> None:
    path = make_clip(tmp_path / f"clip.{ending}", 12, sample_aspect=shape)
    source = open_video(path)
    assert source.info.pixel_aspect == float(shape)
    assert source.info.notes == ()
    assert source.encoding_hints()["sample_aspect"] == shape
    assert [frame.pixel_aspect for frame in source.frames()] == [float(shape)] * 12


@pytest.mark.parametrize("turn", [90, 270])
def test_a_turned_picture_has_turned_pixels(turn: int, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", 3, sample_aspect=Fraction(4, 3), rotation=turn)
    source = open_video(path)
    assert source.info.size == (64, 96)
    assert source.info.pixel_aspect == 0.75
    assert source.encoding_hints()["sample_aspect"] == Fraction(3, 4)
    upside_down = open_video(make_clip(tmp_path / "b.mp4", 3, sample_aspect=Fraction(4, 3), rotation=180))
    assert upside_down.info.pixel_aspect == float(Fraction(4, 3))


def told_by_the_container(path: Path, across: int, down: int) -> Path:
    """A clip whose container alone says the shape: its `pasp` box (hSpacing, vSpacing) is written over."""
    data = make_clip(path, 3, codec="libvpx-vp9", sample_aspect=Fraction(4, 3)).read_bytes()
    at = data.index(b"pasp") + 4
    path.write_bytes(data[:at] + struct.pack(">II", across, down) + data[at + 8 :])
    return path


@pytest.mark.parametrize(("across", "down"), [(1000, 1), (1, 1000)])
def test_what_cannot_be_is_taken_as_square_and_said(across: int, down: int, tmp_path: Path) -> None:
    source = open_video(told_by_the_container(tmp_path / "clip.mp4", across, down))
    assert source.info.pixel_aspect == 1.0
    assert source.encoding_hints()["sample_aspect"] is None
    (note,) = source.info.notes
    assert "clip.mp4" in note
    assert str(Fraction(across, down)) in note


@pytest.mark.parametrize(("across", "down"), [(0, 1), (1, 0), (0, 0), (1, 1)])
def test_what_means_nothing_is_square(across: int, down: int, tmp_path: Path) -> None:
    info = open_video(told_by_the_container(tmp_path / "clip.mp4", across, down)).info
    assert (info.pixel_aspect, info.notes) == (1.0, ())


def test_the_container_s_word_is_enough(tmp_path: Path) -> None:
    source = open_video(told_by_the_container(tmp_path / "clip.mp4", 64, 45))
    assert {frame.pixel_aspect for frame in source.frames()} == {64 / 45}


def test_nothing_told_is_square_and_nothing_to_say(plain_clip: Path) -> None:
    info = open_video(plain_clip).info
    assert (info.pixel_aspect, info.notes) == (1.0, ())


def test_a_broadcast_that_changes_it_midway(tmp_path: Path) -> None:
    wide = make_clip(tmp_path / "wide.ts", 12, sample_aspect=Fraction(64, 45))
    narrow = make_clip(
        tmp_path / "narrow.ts", 12, sample_aspect=Fraction(16, 15), times=[6144 + 512 * i for i in range(12)]
    )
    joined = tmp_path / "joined.ts"
    joined.write_bytes(wide.read_bytes() + narrow.read_bytes())
    aspects = [round(frame.pixel_aspect, 4) for frame in open_video(joined).frames()]
    assert aspects[:10] == [1.4222] * 10
    assert aspects[-10:] == [1.0667] * 10
    assert sorted(aspects, reverse=True) == aspects, "each picture has its own"


class Stream:
    """What PyAV tells of a stream: the container's word where there is one, and the codec's."""

    def __init__(self, shape: Fraction | None, codec: Fraction | None) -> None:
        self.sample_aspect_ratio = shape
        self.codec_context = type("Codec", (), {"sample_aspect_ratio": codec})()


def test_the_container_s_word_counts_before_the_codec_s() -> None:
    stream = Stream(Fraction(64, 45), Fraction(1))
    shape = PixelShape(stream)
    assert shape.told() == Fraction(64, 45)
    assert shape.told(turned=True) == Fraction(45, 64)
    silent = Stream(Fraction(4, 3), None)
    shape = PixelShape(silent)
    silent.codec_context.sample_aspect_ratio = Fraction(1)  # known with the first picture
    assert shape.aspect() == float(Fraction(4, 3))


def test_a_replay_keeps_the_shape(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", 3, sample_aspect=Fraction(4, 3))
    source = ReplaySource(path)
    assert source.info.pixel_aspect == float(Fraction(4, 3))
    assert {frame.pixel_aspect for frame in source.frames()} == {float(Fraction(4, 3))}


@pytest.mark.parametrize(("size", "aspect"), [((128, 64), 1.0), ((96, 96), 2.0), ((64, 64), 2.0)])
def test_a_scaled_replay_looks_as_before(size: tuple[int, int], aspect: float, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", 3, sample_aspect=Fraction(4, 3))  # 96x64, shown as 128x64
    source = ReplaySource(path, size=size)
    frame = next(source.frames())
    source.close()
    assert frame.size == size
    assert frame.pixel_aspect == pytest.approx(aspect)


def test_a_live_picture_of_another_shape_is_fitted_into_the_first_one_s() -> None:
    image = np.full((64, 96, 3), 200, np.uint8)
    capture = FakeCapture(Grabbed(lambda: image, time.monotonic(), pixel_aspect=2.0), None)
    source = LatestFrames(capture, "fake", "camera", eager=False)
    (frame,) = source.frames()
    assert frame.pixel_aspect == source.info.pixel_aspect == 1.0
    rows = (frame.image[..., 0].max(axis=1) > 100).sum()
    assert rows == 32, "as wide as before, half as high"
