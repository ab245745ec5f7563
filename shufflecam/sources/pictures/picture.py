"""Read a picture file as an upright BGR array.

Pillow is the main decoder: unlike OpenCV 5.0 it applies EXIF to every format that carries it, preserves
transparency, supports Lab and CMYK, and rejects a truncated file instead of filling in grey; with pillow-heif
it supports HEIC. It decodes colour to 8 bits only: deeper pictures are read as raw sample values
(`sources.pictures.deep`) and scaled by `core.levels`.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from shufflecam.core.errors import SourceError
from shufflecam.core.levels import Said, to_8_bit
from shufflecam.core.reasons import reason
from shufflecam.core.types import ImageArray
from shufflecam.sources.kinds import (
    PICTURE_EXTENSIONS,
    heif_is_readable,
    is_exr,
    is_heif,
    is_known,
    is_known_to_opencv,
    is_png,
    is_tiff,
    why_unsupported,
)
from shufflecam.sources.limits import MAX_PIXELS, too_large
from shufflecam.sources.pictures import deep
from shufflecam.sources.pictures.exr import read_exr
from shufflecam.sources.pictures.png import header_of, without_metadata
from shufflecam.sources.pictures.quiet import silence_libtiff

__all__ = ["PICTURE_EXTENSIONS", "PictureNote", "UnsupportedPicture", "read_picture"]

_HEAD = 64
"""Number of bytes that identify a file's format."""

_ANIMATIONS = frozenset({"GIF", "PNG", "WEBP", "AVIF"})
"""Formats whose further pictures are animation frames, which `video` plays."""

_ONE_PICTURE = frozenset({"MPO"})
"""Formats whose further pictures accompany the first: phones' previews, depth and gain maps."""


_DAMAGED = "{name} cannot be read as a picture: it is damaged or cut short; copy it again, or save it anew."


class UnsupportedPicture(SourceError):
    """A picture in an unsupported format; the message says what to do."""


@dataclass(frozen=True)
class PictureNote:
    """A choice made in reading a picture that the user may want otherwise."""

    kind: Literal["guess", "first"]
    """`guess`: the black and white levels; `first`: one of several pictures was read."""
    text: str
    """One sentence."""


def read_picture(
    path: str | os.PathLike[str],
    max_pixels: int = MAX_PIXELS,
    on_note: Callable[[PictureNote], None] | None = None,
) -> ImageArray:
    """Read a picture as (H, W, 3) uint8 BGR: upright, transparency composited over white.

    More than 8 bits are scaled by the file's metadata (PNG's sBIT, TIFF tags), else by the range of the
    values. Of several pages or animation frames (GIF, TIFF, WebP) the first is read, of a HEIC the main one.

    Args:
        path: the file.
        max_pixels: larger pictures are rejected.
        on_note: called for each guess or choice made.

    Raises:
        UnsupportedPicture: an unsupported format, such as camera RAW.
        SourceError: no such file, not a picture, truncated, or larger than `max_pixels`.
    """
    name = os.fspath(path)
    if os.path.exists(name) and not os.path.isfile(name):
        raise SourceError(f"{name} is not a file, so not a picture.")
    silence_libtiff()
    notes: list[PictureNote] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large pictures and malformed EXIF are acceptable if they decode
            image = _decode(name, max_pixels, notes)
    except Image.DecompressionBombError:  # Pillow's own limit, checked on the header; it is fixed
        raise SourceError(
            f"{name} has more than {MAX_PIXELS // 10**6} million pixels; scale it down."
        ) from None
    except FileNotFoundError:
        raise SourceError(f"There is no file {name}; check the path.") from None
    except MemoryError:
        raise SourceError(f"{name} needs more memory than there is; scale it down.") from None
    except SourceError:
        raise
    # Pillow's decoders may raise any exception on invalid data.
    except Exception as error:
        raise SourceError(_why_not(name, error)) from error
    if on_note is not None:
        for note in notes:
            on_note(note)
    return image


def _decode(name: str, max_pixels: int, notes: list[PictureNote]) -> ImageArray:
    with open(name, "rb") as file:
        head = file.read(_HEAD)
    _refuse_unsupported(name, head)
    found: deep.DeepPicture | None = None
    if is_exr(head):
        found = read_exr(name, max_pixels)
    elif is_known_to_opencv(head):
        found = deep.read_with_opencv(name, max_pixels)
    elif is_tiff(head):
        found = deep.read_tiff(name, max_pixels)
    if found is None:
        return _decode_with_pillow(name, head, max_pixels, notes)
    if found.pages > 1:
        notes.append(_first_of(name, found.pages, "TIFF"))
    return _from_values(name, found, notes)


def _decode_with_pillow(name: str, head: bytes, max_pixels: int, notes: list[PictureNote]) -> ImageArray:
    if head[4:8] == b"ftyp":
        heif_is_readable()  # registers the opener with Pillow
    try:
        return _from_pillow(name, name, max_pixels, notes)
    except UnidentifiedImageError as error:
        if is_png(head):
            return _without_metadata(name, max_pixels, notes, error)
        raise SourceError(_what_else(name, head)) from error
    except (ValueError, SyntaxError) as error:
        if isinstance(error, SourceError) or not is_png(head):
            raise
        return _without_metadata(name, max_pixels, notes, error)


def _without_metadata(name: str, max_pixels: int, notes: list[PictureNote], error: Exception) -> ImageArray:
    """Read a PNG without its oversized or invalid metadata; raises `error` if there is none to remove."""
    with open(name, "rb") as file:
        data = file.read()
    bare = without_metadata(data)
    if len(bare) == len(data):
        raise error
    return _from_pillow(io.BytesIO(bare), name, max_pixels, notes)


def _from_pillow(file: Any, name: str, max_pixels: int, notes: list[PictureNote]) -> ImageArray:
    with Image.open(file) as picture:
        if picture.width * picture.height > max_pixels:
            raise SourceError(too_large(name, picture.width, picture.height, max_pixels))
        picture.load()
        kind, orientation = picture.format, _orientation(picture)
        found = deep.read_png(name, orientation) if kind == "PNG" and _is_deep_png(name) else None
        if found is not None:
            image = _from_values(name, found, notes)
        else:
            image = _to_bgr(_upright(picture), name, notes)
        count = _pictures_in(picture)
    if count > 1:
        notes.append(_first_of(name, count, kind))
    return image


def _is_deep_png(name: str) -> bool:
    with open(name, "rb") as file:
        header = header_of(file.read(_HEAD))
    return header is not None and header.depth == 16


def _pictures_in(picture: Image.Image) -> int:
    if picture.format in _ONE_PICTURE or not getattr(picture, "is_animated", False):
        return 1
    try:
        return int(getattr(picture, "n_frames", 1))
    except Exception:  # the others are damaged, but were not requested
        return 1


def _first_of(name: str, count: int, kind: str | None) -> PictureNote:
    play = f"; `shufflecam video` plays all of {os.path.basename(name)}" if kind in _ANIMATIONS else ""
    which = "main one" if kind == "HEIF" else "first"
    return PictureNote("first", f"{name} holds {count} pictures, and the {which} is read{play}.")


def _refuse_unsupported(name: str, head: bytes) -> None:
    why = why_unsupported(os.path.splitext(name)[1])
    # A JPEG named .HEIC, as some phones export it, is read as a JPEG.
    if why is not None and not is_known(head):
        raise UnsupportedPicture(f"{name}: {why}.")


def _what_else(name: str, head: bytes) -> str:
    if is_heif(head) or is_known(head):
        return _DAMAGED.format(name=name)
    if head[4:8] == b"ftyp" or head.startswith(b"\x1a\x45\xdf\xa3"):
        return f"{name} is a video, not a picture; use `shufflecam video`."
    if not head:
        return f"{name} is empty; copy it again."
    return f"{name} is not a picture of a known kind."


def _why_not(name: str, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:  # a system error: permission, a failing disk
        return f"{name} cannot be read: {reason(error)}."
    return _DAMAGED.format(name=name)


def _orientation(picture: Image.Image) -> int:
    try:
        value = picture.getexif().get(0x0112, 1)
    except (ValueError, SyntaxError, KeyError, TypeError, OSError, RuntimeError):
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(picture: Image.Image) -> Image.Image:
    try:
        ImageOps.exif_transpose(picture, in_place=True)  # otherwise it always copies
        return picture
    except (ValueError, SyntaxError, KeyError, TypeError, OSError, RuntimeError):
        return picture  # invalid EXIF does not define an orientation


def _from_values(name: str, found: deep.DeepPicture, notes: list[PictureNote]) -> ImageArray:
    """Convert a deep picture's sample values to upright BGR."""
    values = found.values
    alpha = None
    if values.ndim == 3 and values.shape[-1] in (2, 4):
        values, alpha = values[..., :-1], values[..., -1]
        values = values[..., 0] if values.shape[-1] == 1 else values
    image, guess = to_8_bit(values, found.said)
    if guess is not None:
        notes.append(PictureNote("guess", f"{name} does not say what is white: {guess} (a guess)."))
    image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR if image.ndim == 2 else cv2.COLOR_RGB2BGR)
    if alpha is not None:
        image = _over_white(image, to_8_bit(alpha, Said(white=found.said.white))[0])
    return np.ascontiguousarray(deep.turned(image, found.orientation))


def _over_white(image: ImageArray, alpha: ImageArray) -> ImageArray:
    covered = alpha.astype(np.uint16)[..., None]
    return ((image * covered + 255 * (255 - covered) + 127) // 255).astype(np.uint8)


def _to_bgr(picture: Image.Image, name: str, notes: list[PictureNote]) -> ImageArray:
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        # Pillow has scaled JPEG 2000 and PGM to 16 bits by their stated maximum.
        full = 65535.0 if picture.mode != "F" and picture.format in ("JPEG2000", "PPM", "PNG") else None
        image, guess = to_8_bit(np.asarray(picture), Said(white=full))
        if guess is not None:
            notes.append(PictureNote("guess", f"{name} does not say what is white: {guess} (a guess)."))
        return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    if picture.mode == "L" and not picture.has_transparency_data:
        return cv2.cvtColor(np.asarray(picture), cv2.COLOR_GRAY2BGR)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    rgb = np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
