"""Determine whether a packet contains a picture for output: most do, but not all.

Only packets proven to contain none are excluded: damaged data proves nothing, so a picture is expected of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Data = memoryview

_LONGEST_EMPTY_VOP = 19
"""Maximum size of an MPEG-4 picture coded as "unchanged"; the limit in FFmpeg's mpeg4_unpack_bframes too."""

_TINY = 16
"""Maximum size of a packet that signals "unchanged", for other codecs."""

# NAL unit types without picture data: H.264 table 7-1, H.265 table 7-1.
_H264_OTHER = frozenset({6, 7, 8, 9, 10, 11, 12, 13, 15})
_HEVC_OTHER = frozenset(range(32, 48))


def shows_picture(stream: Any) -> Callable[[Any], bool]:
    """Return a predicate on non-empty packets of this stream: whether a picture is expected from them."""
    context = stream.codec_context
    extradata = bytes(context.extradata or b"")
    name = context.codec.canonical_name
    if name in ("h264", "hevc"):
        length = 0
        if extradata[:1] == b"\x01":  # avcC, hvcC: units are length-prefixed, otherwise start codes
            at = 4 if name == "h264" else 21
            length = (extradata[at] & 3) + 1 if len(extradata) > at else 4
        other = _H264_OTHER if name == "h264" else _HEVC_OTHER
        return lambda packet: _has_slice(memoryview(packet), length, other, hevc=name == "hevc")
    known: dict[str, Callable[[Data], bool]] = {
        "vp8": _vp8,
        "vp9": _vp9,
        "mpeg4": _mpeg4,
        "mpeg1video": _mpeg12,
        "mpeg2video": _mpeg12,
        "av1": _av1,
    }
    test = known.get(name, _not_tiny)
    return lambda packet: test(memoryview(packet))


def _has_slice(data: Data, length: int, other: frozenset[int], *, hevc: bool) -> bool:
    heads = _heads_by_length(data, length) if length else _heads_by_code(data)
    found = False
    for head in heads:
        found = True
        if head is None or ((head >> 1 & 63) if hevc else (head & 31)) not in other:
            return True
    return not found


def _heads_by_length(data: Data, length: int) -> Iterator[int | None]:
    """Yield the first byte of every unit; None if the lengths do not fit the packet."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + length], "big")
        at += length
        if not 0 < size <= len(data) - at:
            yield None
            return
        yield data[at]
        at += size


def _heads_by_code(data: Data) -> Iterator[int | None]:
    whole = bytes(data)
    at = whole.find(b"\0\0\1")
    while 0 <= at < len(whole) - 3:
        yield whole[at + 3]
        at = whole.find(b"\0\0\1", at + 3)


def _vp8(data: Data) -> bool:
    return bool(data[0] & 0x10)  # RFC 6386, 9.1: show_frame


def _vp9(data: Data) -> bool:
    """Return whether any frame of a superframe (annex B) is shown."""
    sizes = [len(data)]
    if data[-1] & 0xE0 == 0xC0:
        width, count = (data[-1] >> 3 & 3) + 1, (data[-1] & 7) + 1
        index = 2 + width * count
        if len(data) >= index and data[-index] == data[-1]:
            table = data[-index + 1 : -1]
            sizes = [int.from_bytes(table[i * width : (i + 1) * width], "little") for i in range(count)]
    at = 0
    for size in sizes:
        if size and at < len(data) and _vp9_shown(data[at]):
            return True
        at += size
    return False


def _vp9_shown(head: int) -> bool:
    """Parse 6.2: frame_marker, profile (2 bits, 3 for profile 3), show_existing_frame, type, show_frame."""
    after_profile = 5 if head >> 4 & 3 == 3 else 4
    existing, shown = head >> (7 - after_profile) & 1, head >> (5 - after_profile) & 1
    return head >> 6 != 2 or bool(existing or shown)


def _mpeg4(data: Data) -> bool:
    whole = bytes(data)
    at = whole.find(b"\0\0\1\xb6")  # vop_start_code
    return at < 0 or len(whole) - at > _LONGEST_EMPTY_VOP


def _mpeg12(data: Data) -> bool:
    whole = bytes(data)
    return b"\0\0\1\0" in whole or b"\0\0\1" not in whole  # picture_start_code


def _av1(data: Data) -> bool:
    """Return whether a frame header shows a picture (AV1 5.9.2); True if sizes or headers are missing."""
    at, headers = 0, 0
    while at < len(data):
        kind, extended, sized = data[at] >> 3 & 15, data[at] >> 2 & 1, data[at] >> 1 & 1
        at += 1 + extended
        if not sized:
            return True
        size = shift = 0
        while at < len(data):
            byte = data[at]
            at, size, shift = at + 1, size | (byte & 127) << shift, shift + 7
            if not byte & 128:
                break
        if kind in (3, 6) and at < len(data):  # OBU_FRAME_HEADER, OBU_FRAME
            headers += 1
            # show_existing_frame, two bits of frame_type, show_frame
            if data[at] & 0x80 or data[at] & 0x10:
                return True
        at += size
    return headers == 0


def _not_tiny(data: Data) -> bool:
    return len(data) > _TINY
