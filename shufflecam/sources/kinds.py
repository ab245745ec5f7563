"""Picture formats: file extensions, support, and detection by magic bytes."""

from __future__ import annotations

import functools
from collections.abc import Iterable

PICTURE_EXTENSIONS = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".webp", ".avif", ".jp2"),
        *(".heic", ".heif", ".hif", ".tif", ".tiff", ".bmp", ".dib", ".tga", ".ppm", ".pgm", ".pbm", ".pnm"),
        *(".hdr", ".exr", ".pfm"),
    }
)
"""Extensions of pictures in a folder search; a file given explicitly is read whatever its extension."""

HEIF_EXTENSIONS = frozenset({".heic", ".heif", ".hif"})

RAW_EXTENSIONS = frozenset(
    {
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc"),
        *(".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf"),
        *(".srw", ".x3f"),
    }
)
"""Extensions of camera RAW files, which users consider pictures but which are not supported."""

UNSUPPORTED_EXTENSIONS = RAW_EXTENSIONS | {".jxl", ".jxr", ".wdp"}
"""Extensions of unsupported pictures: skipped in folders, counted and reported."""


_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"mif2", b"avif", b"avis"}
)


@functools.cache
def heif_is_readable() -> bool:
    """Return whether HEIC and HEIF can be read, and register their opener with Pillow."""
    try:
        from pillow_heif import register_heif_opener
    except (ImportError, OSError):  # OSError: a system library is missing
        return False
    register_heif_opener(thumbnails=False)
    return True


def why_unsupported(extension: str) -> str | None:
    """Return what to do with a file of an unsupported format; None if it is not known to be unsupported."""
    extension = extension.lower()
    if extension in RAW_EXTENSIONS:
        return "camera RAW is not read here; export it as JPEG or TIFF first"
    if extension in UNSUPPORTED_EXTENSIONS:
        return f"{extension[1:].upper()} is not read here; save it as JPEG, PNG or AVIF first"
    if extension in HEIF_EXTENSIONS and not heif_is_readable():
        return "HEIC needs the package pillow-heif, which does not load here; install it, or convert to JPEG"
    return None


def advice(extensions: Iterable[str]) -> str:
    """Return what to do with files of unsupported formats, briefly for all of them."""
    return "; ".join(dict.fromkeys(why for each in extensions if (why := why_unsupported(each)) is not None))


def has_known_head(path: str) -> bool:
    """Return whether a file is a JPEG, PNG, GIF, WebP or BMP by its magic bytes, whatever its name."""
    try:
        with open(path, "rb") as file:
            return is_known(file.read(16))
    except OSError:
        return False


def is_known(head: bytes) -> bool:
    """Return whether a file's first bytes are those of a JPEG, PNG, GIF, WebP or BMP."""
    return head.startswith((b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")) or is_png(head)


def is_heif(head: bytes) -> bool:
    """Return whether a file's first bytes are those of HEIC, HEIF or AVIF (ISO/IEC 23008-12, brands)."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def is_png(head: bytes) -> bool:
    """Return whether a file's first bytes are those of a PNG."""
    return head.startswith(b"\x89PNG\r\n\x1a\n")


def is_tiff(head: bytes) -> bool:
    """Return whether a file's first bytes are those of a TIFF, including BigTIFF and TIFF-based RAW."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_exr(head: bytes) -> bool:
    """Return whether a file's first bytes are those of OpenEXR."""
    return head.startswith(b"v/1\x01")


def is_known_to_opencv(head: bytes) -> bool:
    """Return whether it is Radiance HDR, PFM, PAM or Sun raster, which Pillow supports in part at most."""
    return head.startswith((b"#?", b"PF", b"Pf", b"P7", b"\x59\xa6\x6a\x95"))
