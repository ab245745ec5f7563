"""Pictures in planes: the same colours as ffmpeg's own conversion, and rounded to the nearest."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from shufflecam.media.colors import BT709, SMPTE170M, WEIGHTS, to_yuv420

FFMPEG = {1: Colorspace.ITU709, 4: Colorspace.FCC, 6: Colorspace.ITU601, 7: Colorspace.SMPTE240M, 9: 9}


def blocks(width: int, height: int) -> np.ndarray:
    """Random colours in blocks of 8x8 with even sides, so that chroma has no edges inside a pixel."""
    colours = np.random.default_rng(3).integers(0, 256, (-(-height // 8), -(-width // 8), 3), np.uint8)
    return np.ascontiguousarray(colours.repeat(8, 0).repeat(8, 1)[:height, :width])


@pytest.mark.parametrize("matrix", FFMPEG)
@pytest.mark.parametrize("size", [(64, 48), (70, 34)])
def test_as_ffmpeg_converts(matrix: int, size: tuple[int, int]) -> None:
    image = blocks(*size)
    wanted = VideoReformatter().reformat(
        av.VideoFrame.from_ndarray(image, format="bgr24"),
        format="yuv420p",
        dst_colorspace=FFMPEG[matrix],
        dst_color_range=ColorRange.MPEG,
    )
    difference = to_yuv420(image, matrix).to_ndarray().astype(int) - wanted.to_ndarray()
    assert abs(difference).max() <= 2
    assert abs(difference).mean() < 0.8


@pytest.mark.parametrize("matrix", WEIGHTS)
def test_black_white_and_grey(matrix: int) -> None:
    for level, luma in ((0, 16), (255, 235), (128, round(16 + 128 * 219 / 255))):
        planes = to_yuv420(np.full((4, 6, 3), level, np.uint8), matrix).to_ndarray()
        assert (planes[:4] == luma).all()
        assert (planes[4:] == 128).all()


def test_luma_is_not_darkened() -> None:
    image = blocks(320, 240)
    exact = image[..., ::-1] @ np.array([0.2126, 0.7152, 0.0722]) * 219 / 255 + 16
    luma = to_yuv420(image, BT709).to_ndarray()[:240]
    assert abs((luma - exact).mean()) < 0.05
    assert abs(luma - exact).max() < 1


def test_another_matrix_is_another_picture() -> None:
    image = blocks(64, 48)
    assert (to_yuv420(image, BT709).to_ndarray() != to_yuv420(image, SMPTE170M).to_ndarray()).any()
