"""Pictures from programs: converted where the meaning is clear, refused with what came where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shufflecam.core.arrays import as_bgr
from shufflecam.core.errors import UsageError

BGR = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
BGR[0, 0], BGR[0, 1] = 0, 255  # black and white are in it
GREY = BGR[:, :, 1]


def test_a_plain_picture_is_not_copied() -> None:
    assert np.shares_memory(as_bgr(BGR), BGR)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_of_0_to_1(dtype: Any) -> None:
    np.testing.assert_allclose(as_bgr((BGR / 255).astype(dtype)).astype(int), BGR, atol=1)


def test_floats_that_overshoot_a_little_are_clipped() -> None:
    assert as_bgr(np.array([[[-0.004, 1.004, 0.5]]])).tolist() == [[[0, 255, 128]]]


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_uint16_is_scaled_by_the_bits_that_it_uses(bits: int) -> None:
    deep = np.rint(BGR.astype(np.float64) / 255 * ((1 << bits) - 1)).astype(np.uint16)
    np.testing.assert_array_equal(as_bgr(deep), BGR)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint32])
def test_other_integers_within_0_to_255(dtype: Any) -> None:
    small = BGR // 2
    np.testing.assert_array_equal(as_bgr(small.astype(dtype)), small)


@pytest.mark.parametrize("grey", [GREY, GREY[:, :, None]])
def test_grey_becomes_three_equal_channels(grey: Any) -> None:
    out = as_bgr(grey)
    assert out.shape == (6, 5, 3)
    assert all((out[:, :, c] == GREY).all() for c in range(3))


def test_transparency_is_laid_on_white() -> None:
    picture = np.dstack([BGR, np.full((6, 5), 255, np.uint8)])
    picture[2, 2, 3] = 0
    out = as_bgr(picture)
    assert out[2, 2].tolist() == [255, 255, 255]
    np.testing.assert_array_equal(out[0], BGR[0])


def test_rgb_is_turned_round_for_three_and_four_channels() -> None:
    rgb = BGR[:, :, ::-1]
    np.testing.assert_array_equal(as_bgr(rgb, "rgb"), BGR)
    rgba = np.dstack([rgb, np.full((6, 5), 255, np.uint8)])
    np.testing.assert_array_equal(as_bgr(rgba, "rgb"), BGR)


def test_slices_turned_and_read_only_arrays() -> None:
    frozen = BGR.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(as_bgr(frozen), BGR)
    out = as_bgr(np.asfortranarray(BGR)[::-1, ::2])
    assert out.flags.c_contiguous
    np.testing.assert_array_equal(out, BGR[::-1, ::2])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "CMYK", "LA", "1"])
def test_pillow_images_say_themselves_what_they_are(mode: str) -> None:
    image = Image.fromarray(BGR[:, :, ::-1]).convert(mode)
    expected = np.asarray(image.convert("RGB"))[:, :, ::-1]
    np.testing.assert_array_equal(as_bgr(image), expected)


def test_sixteen_bit_pillow_images() -> None:
    image = Image.fromarray(GREY.astype(np.uint16) * 257)
    assert image.mode.startswith("I;16")
    np.testing.assert_array_equal(as_bgr(image)[:, :, 0], GREY)


@pytest.mark.parametrize("shape", [(0, 5, 3), (6, 0, 3), (0, 0)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.uint16])
def test_an_empty_picture_stays_empty(shape: tuple[int, ...], dtype: Any) -> None:
    out = as_bgr(np.zeros(shape, dtype))
    assert out.size == 0
    assert out.shape == (*shape[:2], 3)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, r"is None: it could not be read"),
        ("me.jpg", r"the path 'me\.jpg', read it first"),
        (Path("me.jpg"), r"the path .*me\.jpg.*read it first"),
        ([[1, 2], [3, 4]], r"this is a builtins\.list"),
        (np.zeros((3, 6, 5), np.uint8), r"\(3, 6, 5\) and type uint8 .*transpose\(1, 2, 0\)"),
        (np.zeros((2, 6, 5, 3), np.uint8), r"\(2, 6, 5, 3\).*list\(batch\)"),
        (np.zeros((6, 5, 2), np.uint8), r"\(6, 5, 2\) .* is no picture"),
        (np.zeros(7), r"\(7,\)"),
        (np.full((6, 5, 3), 255.0), r"type float64 goes from 255 to 255, floats have to be 0\.\.1"),
        (np.full((6, 5, 3), -0.5), r"-0\.5"),
        (np.full((6, 5, 3), np.nan), r"NaN"),
        (np.full((6, 5, 3), 256), r"goes from 256 to 256, integers have to be 0\.\.255"),
        (np.full((6, 5, 3), -1, np.int8), r"-1"),
        (np.zeros((6, 5, 3), bool), r"type bool"),
        (np.zeros((6, 5, 3), complex), r"complex128"),
        (np.full((6, 5, 3), "x"), r"no numbers of light"),
    ],
)
def test_what_has_no_clear_meaning_is_refused_with_what_came(given: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        as_bgr(given)


def test_tensors_are_named() -> None:
    import torch

    with pytest.raises(UsageError, match=r"torch\.Tensor \(3, 6, 5\)"):
        as_bgr(torch.zeros(3, 6, 5))  # type: ignore[arg-type]


def test_another_colour_order() -> None:
    with pytest.raises(UsageError, match="'gbr' is unknown"):
        as_bgr(BGR, "gbr")  # type: ignore[arg-type]
