"""Read pictures of more than 8 bits as raw sample values, with the metadata needed to scale them.

TIFF is read by tifffile (all sample formats, planes, tags), and by OpenCV where tifffile would need a further
package: LZW, and tightly packed 10 or 12 bits. PNG and Radiance HDR are read by OpenCV. EXR is in
`sources.pictures.exr`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from shufflecam.core.errors import SourceError
from shufflecam.core.levels import Said, Values
from shufflecam.core.types import ImageArray
from shufflecam.sources.limits import too_large
from shufflecam.sources.pictures.png import significant_bits, without_metadata
from shufflecam.sources.pictures.quiet import silence_tifffile, silent_opencv

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _LINEAR_RAW = 0, 1, 2, 34892
_MOST_BYTES = 1 << 32
"""Maximum size of a page in memory: pictures with many channels are rejected before reading."""


_UNKNOWN_MOST = 1 << 29
"""Maximum size in bytes of a file that is read at once."""


@dataclass(frozen=True)
class DeepPicture:
    """The first picture of a file, as stored."""

    values: Values
    """(H, W) or (H, W, C): grey, grey with alpha, RGB or RGBA."""
    said: Said
    orientation: int = 1
    """EXIF orientation, 1..8."""
    pages: int = 1


def turned(image: ImageArray, orientation: int) -> ImageArray:
    """Return the picture rotated upright, by its EXIF orientation 1..8, as a view."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)  # 5 is this alone
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image


def read_png(name: str, orientation: int) -> DeepPicture | None:
    """Read a 16-bit PNG that Pillow has verified as intact; None if OpenCV cannot read it.

    Only the chunks that make up the picture are passed to libpng, which would print warnings about others.
    """
    with open(name, "rb") as file:
        data = file.read()
    values = _decoded(without_metadata(data, only_still=True))
    if values is None or values.dtype != np.uint16:
        return None
    values = _rgb(values)
    if values.ndim == 3 and values.shape[-1] == 4 and bool((values[..., 3] == 65535).all()):
        values = values[..., :3]
    return DeepPicture(values, Said(bits=significant_bits(data)), orientation)


def read_with_opencv(name: str, max_pixels: int) -> DeepPicture | None:
    """Read Radiance HDR, PFM, PAM or Sun raster; None if OpenCV cannot read it.

    Raises:
        SourceError: the picture is larger than `max_pixels`, or the file larger than `_UNKNOWN_MOST`.
    """
    if os.path.getsize(name) > _UNKNOWN_MOST:
        raise SourceError(f"{name} is larger than a picture of its kind can be; is it something else?")
    with open(name, "rb") as file:
        data = file.read()
    size = _told_size(data)
    if size is not None and size[0] * size[1] > max_pixels:
        raise SourceError(too_large(name, *size, max_pixels))
    values = _decoded(data)
    if values is None:
        return None
    if values.shape[0] * values.shape[1] > max_pixels:
        raise SourceError(too_large(name, values.shape[1], values.shape[0], max_pixels))
    return DeepPicture(_rgb(values), Said(linear=data.startswith(b"#?")))


def _told_size(data: bytes) -> tuple[int, int] | None:
    """Return the (width, height) in a Radiance HDR header; None for other formats."""
    told = re.search(rb"[-+]([XY]) (\d{1,9}) [-+][XY] (\d{1,9})\n", data[:4096])
    return (int(told[3]), int(told[2])) if told is not None and data.startswith(b"#?") else None


def _rgb(values: Values) -> Values:
    """Return OpenCV's BGR(A) channels as RGB(A), and a single channel as (H, W)."""
    if values.ndim == 3 and values.shape[-1] >= 3:
        return values[..., [2, 1, 0, *range(3, values.shape[-1])]]
    return values.reshape(values.shape[:2]) if values.ndim == 3 and values.shape[-1] == 1 else values


def _decoded(data: bytes) -> Values | None:
    with silent_opencv():
        try:
            values: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
            return values
        except cv2.error:
            return None


def read_tiff(name: str, max_pixels: int) -> DeepPicture | None:
    """Read the first page; None where Pillow can read it as well: 8 bits, palettes, CMYK and the like.

    Raises:
        SourceError: the picture is larger than `max_pixels`, or its channels exceed `_MOST_BYTES`.
        Exception: any error of the parser on invalid data.
    """
    import tifffile

    silence_tifffile()
    with tifffile.TiffFile(name) as file:
        page: Any = file.pages[0]
        tags = page.tags
        bits = _numbers(page, "BitsPerSample") or (1,)
        formats = _numbers(page, "SampleFormat") or (1,)
        if max(bits) <= 8 and set(formats) <= {1, 4}:
            return None
        width, height = int(page.imagewidth), int(page.imagelength)
        if width * height > max_pixels:
            raise SourceError(too_large(name, width, height, max_pixels))
        samples = int(page.samplesperpixel)
        if width * height * samples * max(1, max(bits) // 8) > _MOST_BYTES:
            raise SourceError(f"{name} has {samples} channels, which is more than fits; keep three of them.")
        photometric = int(page.photometric)
        if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _LINEAR_RAW):
            return None
        white = _stated_white(page)
        try:
            values, ordered = np.asarray(page.asarray()), False
            if values.ndim == 3 and int(page.planarconfig) == 2 and samples > 1:
                values = np.moveaxis(values, 0, -1)
            values = values.reshape(height, width, -1)
        except (ValueError, NotImplementedError, ImportError, RuntimeError):
            # Raised by tifffile where a compression (LZW, JPEG 2000, ...) needs a codec that is not
            # installed, and for damage. What neither OpenCV nor Pillow can read either is rejected.
            found = _unpacked_by_opencv(name, page)
            if found is None:
                return None
            values, ordered = found, True
            if max(bits) in (10, 12, 14):  # OpenCV left-aligns them in 16 bits
                white = float((2 ** max(bits) - 1) << (16 - max(bits)))
        orientation = tags["Orientation"].value if "Orientation" in tags else 1
        values = _rgb(values) if ordered else values
        if ordered and photometric == _WHITE_IS_ZERO:
            photometric = _BLACK_IS_ZERO  # OpenCV has inverted it already
        return DeepPicture(
            _channels(values, photometric, len(_numbers(page, "ExtraSamples"))),
            Said(white=white, inverted=photometric == _WHITE_IS_ZERO),
            orientation if orientation in range(1, 9) else 1,
            len(file.pages),
        )


def _channels(values: Values, photometric: int, extra: int) -> Values:
    """Reduce any number of channels to grey, grey with alpha, RGB or RGBA."""
    if values.ndim == 2 or values.shape[-1] == 1:
        return values.reshape(values.shape[:2])
    count = values.shape[-1]
    if photometric in (_RGB, _LINEAR_RAW) and count >= 3:
        return values[..., : 4 if count == 4 and extra else 3]
    # Several grey channels: the first one, with its alpha.
    return values[..., :2] if count == 2 and extra else values[..., 0]


def _stated_white(page: Any) -> float | None:
    """Return the white level stated by the page's tags or description; None if neither states it."""
    for name in ("SMaxSampleValue", "MaxSampleValue", "WhiteLevel"):
        numbers = [float(n) for n in _numbers(page, name) if isinstance(n, (int, float)) and n > 0]
        if numbers:
            return max(numbers)
    bits = max(b for b in _numbers(page, "BitsPerSample") or (1,))
    if bits not in (8, 16, 32, 64) and bits < 32:
        return float(2**bits - 1)
    description = str(page.description or "")[:100_000]
    told = re.search(r'\bSignificantBits="(\d{1,2})"', description)  # OME-TIFF
    if told is not None and 0 < int(told[1]) <= bits:
        return float(2 ** int(told[1]) - 1)
    return None


def _numbers(page: Any, name: str) -> tuple[Any, ...]:
    tag = page.tags.get(name)
    if tag is None or tag.value is None:
        return ()
    return tuple(tag.value) if isinstance(tag.value, (tuple, list)) else (tag.value,)


def _unpacked_by_opencv(name: str, page: Any) -> Values | None:
    predictor = next(iter(_numbers(page, "Predictor")), 1)
    if int(page.planarconfig) == 2 and int(page.samplesperpixel) > 1 and predictor != 1:
        return None  # OpenCV 5.0 applies the predictor across planes
    with open(name, "rb") as file:
        values = _decoded(file.read())
    return None if values is None or values.dtype == np.uint8 else values
