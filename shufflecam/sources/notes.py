"""Notes for the user on how a video's pictures are processed."""

from __future__ import annotations

from shufflecam.sources.pixels.deinterlace import Deinterlacer
from shufflecam.sources.pixels.upright import ToBgr


def picture_notes(name: str, deinterlacer: Deinterlacer, to_bgr: ToBgr) -> tuple[str, ...]:
    """Return notes on deinterlacing and tone mapping so far; `name` is the video's name in messages."""
    notes = []
    if deinterlacer.active:
        why = "is deinterlaced as asked" if deinterlacer.mode == "on" else "is interlaced"
        notes.append(
            f"{name} {why}: whole pictures, one for two fields, are looked at and written"
            + ("" if deinterlacer.mode == "on" else " (--deinterlace off: as they are)")
        )
    if to_bgr.hdr is not None:
        notes.append(f"{name} is HDR ({to_bgr.hdr}): it is tone-mapped, and what is written is SDR (BT.709)")
    return tuple(notes)
