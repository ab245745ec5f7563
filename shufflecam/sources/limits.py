"""How large a picture may be: a file of a few kilobytes can claim to hold one that fills the memory."""

from __future__ import annotations

MAX_PIXELS = 178_956_970
"""Pillow's own limit (twice its warning): about 2 GiB while decoding. 12000 x 9000 is well below."""


def too_large(name: str, width: int, height: int, max_pixels: int) -> str:
    """The sentence for a picture or a video that claims to be larger than it may be."""
    return (
        f"{name} is {width}x{height}, which is more than {max_pixels / 1e6:g} million pixels; scale it down, "
        "or allow it with --max-pixels where the memory is enough."
    )
