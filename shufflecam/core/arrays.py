"""Converts pictures passed by programs to the one internal form, (H, W, 3) uint8 BGR.

Whatever has one unambiguous interpretation is converted; everything else is rejected with an error that
describes the input, because a network answers garbage with garbage, silently.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from shufflecam.core.errors import UsageError
from shufflecam.core.levels import Said, to_8_bit
from shufflecam.core.types import ImageArray


class ArrayLikeImage(Protocol):
    """Anything that numpy can read without a copy, such as Pillow's `Image`."""

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """Shape, data type and memory of the pixels, as numpy's array interface defines it."""


ImageInput: TypeAlias = "np.ndarray[Any, Any] | ArrayLikeImage | None"
"""What `as_bgr` accepts. It includes None because `cv2.imread` returns that for an unreadable file."""

ColorOrder = Literal["bgr", "rgb"]

ROUNDING = 1e-2
"""How far floats may exceed 0..1: sharpening and resizing overshoot a little."""

WHITE = 255
"""The background of transparent pixels, the same as for files with transparency."""


def as_bgr(image: ImageInput, color: ColorOrder = "bgr") -> ImageArray:
    """Return a picture as contiguous (H, W, 3) uint8 BGR.

    Args:
        image: (H, W, 3) colour, (H, W, 4) with alpha (composited over white), (H, W) or (H, W, 1) grey; or
            a Pillow image, whose mode defines its channels. uint8 is used as is; floating point is 0..1;
            uint16 is scaled by the smallest of 8, 10, 12, 14 and 16 bits that holds its largest value; other
            integers must be within 0..255.
        color: the channel order of arrays: "bgr", as in OpenCV, or "rgb".

    Returns:
        (H, W, 3) uint8 BGR. It shares memory with `image` where no conversion is needed; `image` is never
        modified.

    Raises:
        UsageError: the input is ambiguous; the message gives its type and shape, and what to pass instead.
    """
    if color not in ("bgr", "rgb"):
        raise UsageError(f"The colour order {color!r} is unknown; it is 'bgr' or 'rgb'.")
    if image is None:
        raise UsageError("The picture is None: it could not be read; cv2.imread returns that for a bad path.")
    if type(image).__module__.partition(".")[0] == "PIL":
        image, color = _of_pillow(image)
    if not isinstance(image, np.ndarray):
        raise UsageError(
            f"A picture has to be a numpy array (H, W, 3) or a Pillow image; this is {_kind(image)}."
        )
    channels = _channels(image)
    pixels = _eight_bits(image)
    if channels == 1:
        pixels = np.broadcast_to(pixels.reshape(*pixels.shape[:2], 1), (*pixels.shape[:2], 3))
    elif channels == 4:
        pixels = _on_white(pixels)
    if color == "rgb" and channels != 1:
        pixels = pixels[:, :, ::-1]
    return np.ascontiguousarray(pixels)


def _of_pillow(image: Any) -> tuple[Any, ColorOrder]:
    """Convert a Pillow image to an RGB array: palettes and CMYK to colours, alpha composited over white."""
    if image.mode in ("I;16", "I;16L", "I;16B", "I", "F", "L"):
        return np.asarray(image), "rgb"
    transparent = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    return np.asarray(image.convert("RGBA" if transparent else "RGB")), "rgb"


def _kind(value: object) -> str:
    if isinstance(value, (str, bytes)) or hasattr(value, "__fspath__"):
        return f"the path {value!r}, read it first, as with cv2.imread"
    shape = getattr(value, "shape", None)
    return f"a {type(value).__module__}.{type(value).__name__}" + (
        "" if shape is None else f" {tuple(shape)}"
    )


def _channels(image: np.ndarray[Any, Any]) -> int:
    """Return the number of channels, 1, 3 or 4; raise UsageError for any other shape."""
    shape = image.shape
    if len(shape) == 2:
        return 1
    if len(shape) == 3 and shape[2] in (1, 3, 4):
        return int(shape[2])
    hint = "pass (H, W, 3), (H, W, 4) or (H, W)"
    if len(shape) == 4:
        hint = "pass several pictures as a list: list(batch)"
    elif len(shape) == 3 and shape[0] in (1, 3, 4):
        hint = "channels come last: image.transpose(1, 2, 0)"
    raise UsageError(f"An array of shape {shape} and type {image.dtype} is no picture; {hint}.")


def _eight_bits(image: np.ndarray[Any, Any]) -> ImageArray:
    """Convert a picture to uint8."""
    if image.dtype == np.uint8 or not image.size:
        return image.astype(np.uint8, copy=False)
    what = f"The picture of shape {image.shape} and type {image.dtype}"
    if image.dtype.kind not in "uif":
        raise UsageError(f"{what} has no numbers of light in it; pass uint8, uint16 or floats of 0..1.")
    low, high = image.min(), image.max()
    if image.dtype.kind == "f":
        if not (np.isfinite(low) and np.isfinite(high)):
            raise UsageError(f"{what} holds NaN or infinity; replace them, as with numpy.nan_to_num.")
        if low < -ROUNDING or high > 1 + ROUNDING:
            raise UsageError(
                f"{what} goes from {low:.6g} to {high:.6g}, floats have to be 0..1; divide by its white."
            )
    elif image.dtype != np.uint16:
        if low < 0 or high > 255:
            raise UsageError(f"{what} goes from {low} to {high}, integers have to be 0..255 or uint16.")
        return image.astype(np.uint8)
    # As for files: scaled by the bits in use where the white level is unknown.
    return to_8_bit(image, Said(white=1.0 if image.dtype.kind == "f" else None))[0]


def _on_white(pixels: ImageArray) -> ImageArray:
    """Composite (H, W, 4) over white -> (H, W, 3); the last channel is alpha."""
    share = pixels[:, :, 3:].astype(np.float32) / 255
    mixed: ImageArray = np.rint(pixels[:, :, :3] * share + WHITE * (1 - share)).astype(np.uint8)
    return mixed
