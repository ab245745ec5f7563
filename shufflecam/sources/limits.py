"""Size limit of pictures: a file of a few kilobytes can declare one that exhausts memory."""

from __future__ import annotations

MAX_PIXELS = 178_956_970
"""Pillow's own limit (twice its warning level): about 2 GiB while decoding. 12000 x 9000 is well below."""


def too_large(name: str, width: int, height: int, max_pixels: int) -> str:
    """Return the error message for a picture or video that exceeds the limit."""
    return (
        f"{name} is {width}x{height}, which is more than {max_pixels / 1e6:g} million pixels; scale it down, "
        "or allow it with --max-pixels where the memory is enough."
    )
