"""One picture file as an upright BGR array.

Pillow reads: unlike OpenCV 5.0 it applies EXIF to every format that carries it, keeps transparency,
knows Lab and CMYK, and refuses a truncated file instead of greying out what is missing. OpenCV reads
the few kinds that Pillow does not know (Radiance HDR, EXR, some TIFFs).
"""

from __future__ import annotations

import os
import warnings

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from shufflecam.core.errors import SourceError
from shufflecam.core.types import ImageArray
from shufflecam.sources.limits import MAX_PIXELS, too_large

PICTURE_EXTENSIONS = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".gif", ".webp", ".avif", ".jp2"),
        *(".tif", ".tiff", ".bmp", ".dib", ".tga", ".ppm", ".pgm", ".pbm", ".pnm", ".hdr"),
    }
)
"""What counts as a picture when a folder is searched; a file that is named is read whatever it is called."""

_MAX_UNKNOWN_BYTES = 1 << 29
"""A file of no known kind that is larger is not read into memory to have a look."""


def read_picture(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> ImageArray:
    """The picture as (H, W, 3) uint8 BGR: upright, transparency over white, 16 bits scaled to 8.

    Of several pages or moments (GIF, TIFF) it is the first.

    Raises:
        SourceError: no such file, not a picture, cut short, or larger than `max_pixels`.
    """
    name = os.fspath(path)
    if os.path.exists(name) and not os.path.isfile(name):
        raise SourceError(f"{name} is not a file, so not a picture.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large pictures and odd EXIF are fine as long as they decode
            with Image.open(name) as picture:
                if picture.width * picture.height > max_pixels:
                    raise SourceError(too_large(name, picture.width, picture.height, max_pixels))
                picture.load()
                return _to_bgr(_upright(picture))
    except UnidentifiedImageError:
        return _read_with_opencv(name, max_pixels)
    except Image.DecompressionBombError:  # Pillow's own limit, at the header; it knows no other
        raise SourceError(
            f"{name} has more than {MAX_PIXELS // 10**6} million pixels; scale it down."
        ) from None
    except FileNotFoundError:
        raise SourceError(f"There is no file {name}; check the path.") from None
    except MemoryError:
        raise SourceError(f"{name} needs more memory than there is; scale it down.") from None
    # Pillow's decoders raise whatever their formats' parsers trip over.
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        IndexError,
        KeyError,
        TypeError,
        RuntimeError,
    ) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise SourceError(f"{name} cannot be read as a picture: {reason}.") from error


def _upright(picture: Image.Image) -> Image.Image:
    try:
        ImageOps.exif_transpose(picture, in_place=True)  # else it copies, turned or not
        return picture
    except (ValueError, SyntaxError, KeyError, TypeError, OSError, RuntimeError):
        return picture  # EXIF that cannot be parsed says nothing about up and down


def _to_bgr(picture: Image.Image) -> ImageArray:
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return cv2.cvtColor(_to_8_bit(np.asarray(picture)), cv2.COLOR_GRAY2BGR)
    if picture.mode == "L" and not picture.has_transparency_data:
        return cv2.cvtColor(np.asarray(picture), cv2.COLOR_GRAY2BGR)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    rgb = np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)


def _to_8_bit(values: np.ndarray) -> ImageArray:
    """Any numbers -> uint8: floats of 0..1 and integers of 16 or 32 bits are scaled by their full range."""
    if values.dtype == np.uint8:
        return values
    top = float(np.nanmax(values, initial=0))
    if np.issubdtype(values.dtype, np.floating) and top <= 1:
        full = 1.0
    elif values.dtype == np.uint16:
        full = 65535.0
    else:
        full = next(limit for limit in (255.0, 65535.0, np.inf) if top <= limit)
        full = top if np.isinf(full) else full
    scaled = np.nan_to_num(values.astype(np.float32)) * np.float32(255 / full)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _read_with_opencv(name: str, max_pixels: int) -> ImageArray:
    image = None
    try:
        if os.path.getsize(name) > _MAX_UNKNOWN_BYTES:
            raise OSError
        data = np.fromfile(name, np.uint8)  # not imread: it cannot open every name on every system
        image = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH) if data.size else None
    except (OSError, cv2.error):
        pass
    if image is None:
        hint = "; convert it to JPEG first" if name.lower().endswith((".heic", ".heif")) else ""
        raise SourceError(f"{name} is not a picture of a known kind{hint}.")
    if image.shape[0] * image.shape[1] > max_pixels:
        raise SourceError(too_large(name, image.shape[1], image.shape[0], max_pixels))
    return _to_8_bit(image)
