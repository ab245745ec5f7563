"""Which files are pictures, which of them can be read, and what kind a file is by its first bytes."""

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
"""What counts as a picture when a folder is searched; a file that is named is read whatever it is called."""

HEIF_EXTENSIONS = frozenset({".heic", ".heif", ".hif"})

RAW_EXTENSIONS = frozenset(
    {
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc"),
        *(".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf"),
        *(".srw", ".x3f"),
    }
)
"""What cameras call their sensor's own values: pictures to people, and not to be read here."""

UNSUPPORTED_EXTENSIONS = RAW_EXTENSIONS | {".jxl", ".jxr", ".wdp"}
"""Pictures that cannot be read here; left out of a folder, counted and said."""


_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"mif2", b"avif", b"avis"}
)


@functools.cache
def heif_is_readable() -> bool:
    """Whether HEIC and HEIF can be read; Pillow knows them from then on."""
    try:
        from pillow_heif import register_heif_opener
    except (ImportError, OSError):  # OSError: a library of the system's is missing
        return False
    register_heif_opener(thumbnails=False)
    return True


def why_unsupported(extension: str) -> str | None:
    """What to do with a file of a kind that cannot be read here; None where nothing is known against it."""
    extension = extension.lower()
    if extension in RAW_EXTENSIONS:
        return "camera RAW is not read here; export it as JPEG or TIFF first"
    if extension in UNSUPPORTED_EXTENSIONS:
        return f"{extension[1:].upper()} is not read here; save it as JPEG, PNG or AVIF first"
    if extension in HEIF_EXTENSIONS and not heif_is_readable():
        return "HEIC needs the package pillow-heif, which does not load here; install it, or convert to JPEG"
    return None


def advice(extensions: Iterable[str]) -> str:
    """What to do with files of kinds that are not read here, in a few words for all of them."""
    return "; ".join(dict.fromkeys(why for each in extensions if (why := why_unsupported(each)) is not None))


def has_known_head(path: str) -> bool:
    """Whether a file begins as a JPEG, PNG, GIF, WebP or BMP, whatever it is called."""
    try:
        with open(path, "rb") as file:
            return is_known(file.read(16))
    except OSError:
        return False


def is_known(head: bytes) -> bool:
    """JPEG, PNG, GIF, WebP or BMP, by the file's first bytes."""
    return head.startswith((b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")) or is_png(head)


def is_heif(head: bytes) -> bool:
    """HEIC, HEIF or AVIF, by the file's first bytes (ISO/IEC 23008-12, brands)."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def is_png(head: bytes) -> bool:
    """By the file's first bytes."""
    return head.startswith(b"\x89PNG\r\n\x1a\n")


def is_tiff(head: bytes) -> bool:
    """By the file's first bytes; also BigTIFF, and camera RAW made of it."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_exr(head: bytes) -> bool:
    """By the file's first bytes."""
    return head.startswith(b"v/1\x01")


def is_known_to_opencv(head: bytes) -> bool:
    """Radiance HDR, PFM, PAM and Sun raster, which Pillow does not know or knows in part."""
    return head.startswith((b"#?", b"PF", b"Pf", b"P7", b"\x59\xa6\x6a\x95"))
