"""FrameResult -> plain dict: the record, schema `shufflecam/1`.

All values are plain Python (dict, list, str, int, float, bool, None), which any writer can
serialize. Missing is NaN in a `Pose` and None in a record; an infinity is missing too, JSON has none.

`frame` and `decode.to_poses` are inverses: a record that is read and written again does not change.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shufflecam.core.angles import ANGLES, joint_angles
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import FloatArray, FrameResult, Pose, SourceInfo

SCHEMA = "shufflecam/1"

# A thousandth of a pixel is far below what any network resolves; scores keep two more so that
# ranking by them is not changed by the rounding; times keep the microsecond of a container.
PIXEL_DECIMALS = 3
SCORE_DECIMALS = 5
TIME_DECIMALS = 6
ANGLE_DECIMALS = 2

Record = dict[str, Any]


def header(
    source: SourceInfo,
    *,
    model: Mapping[str, Any],
    detector: Mapping[str, Any],
    skeleton: Skeleton,
    version: str,
    **extra: Any,
) -> Record:
    """Encode the header, the first line of a record.

    Args:
        source: where the frames come from.
        model: at least `name`, `sha256` and `input_size` (width, height).
        detector: what found the people, as the detector describes itself.
        skeleton: which keypoints, in which order.
        version: shufflecam's.
        extra: further fields, e.g. `window_mirrored=True` where the window showed the mirror image.
    """
    width, height = source.size or (None, None)
    return {
        "type": "header",
        "schema": SCHEMA,
        "version": version,
        "source": {
            "path": source.path,
            "kind": source.kind,
            "width": width,
            "height": height,
            "fps": None if source.fps is None else float(source.fps),
            "frames": source.frames,
            **({} if source.pixel_aspect == 1.0 else {"pixel_aspect": source.pixel_aspect}),
        },
        "model": plain(model),
        "detector": plain(detector),
        "skeleton": {
            "name": skeleton.name,
            "keypoints": list(skeleton.keypoints),
            "edges": [list(edge) for edge in skeleton.edges],
        },
        **{key: plain(value) for key, value in extra.items()},
    }


def frame(
    result: FrameResult,
    joints: Sequence[str] | None = None,
    size: tuple[int, int] | None = None,
    pixel_aspect: float | None = None,
) -> Record:
    """Encode one frame, with or without people.

    Args:
        result: the frame and its people.
        joints: as in `person`.
        size: (width, height) in the header; a frame of another size stores its own.
        pixel_aspect: the header's, as `size`; None: it is not compared.
    """
    record: Record = {
        "type": "frame",
        "frame": int(result.frame.index),
        "time": _number(result.frame.timestamp_s, TIME_DECIMALS),
    }
    if result.latency_s is not None:
        record["latency"] = _number(result.latency_s, TIME_DECIMALS)
    if result.frame.file is not None:
        record["file"] = result.frame.file
    if result.frame.file is not None or (size is not None and result.frame.size != size):
        record["size"] = [int(side) for side in result.frame.size]
    aspect = result.frame.pixel_aspect
    if pixel_aspect is not None and aspect != pixel_aspect:
        record["pixel_aspect"] = aspect
    record["people"] = [person(pose, joints, aspect) for pose in result.poses]
    return record


def events(result: FrameResult) -> list[Record]:
    """Encode what happened just before a frame: lines of their own, which unaware readers skip."""
    gap = result.frame.gap
    if gap is None:
        return []
    return [
        {
            "type": "gap",
            "from": _number(gap.from_s, TIME_DECIMALS),
            "to": _number(gap.to_s, TIME_DECIMALS),
            "reason": gap.reason,
        }
    ]


def footer(frames: int, dropped: int | None, complete: bool, missing: Missing = NOTHING_MISSING) -> Record:
    """Encode the footer, the last line: frames written, frames dropped, and whether the input is complete.

    `dropped` is None only in a document whose program was killed before it counted. `missing` is listed by
    kind, only where there is something, and then the record is not complete.
    """
    line: Record = {"type": "footer", "frames": frames, "dropped": dropped, "complete": complete}
    return line | {"complete": False, "missing": missing.counts()} if missing else line


def drawn_triples(person: Record) -> list[list[float | None] | None]:
    """Return the drawn keypoints of an encoded person: K of [x, y, score], None for a missing joint."""
    triples: list[list[float | None] | None] = person["keypoints"]
    return person.get("keypoints_smoothed") or triples


def angle_joints(header: Mapping[str, Any]) -> list[str] | None:
    """Return the keypoints' names where the header promises `angles` (`core.angles`), else None."""
    return header["skeleton"]["keypoints"] if header.get("angles") else None


def angle_fields(angles: bool, smoothed: bool) -> Record:
    """The header's fields that promise joint angles; writers then add them to each person. Else none."""
    of = "keypoints_smoothed" if smoothed else "keypoints"
    return {"angles": list(ANGLES), "angles_of": of} if angles else {}


def picture_size(header: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return (width, height) of the frames in an encoded header; None where each frame has its own."""
    source = header["source"]
    return None if source["width"] is None else (source["width"], source["height"])


def pixel_aspect_of(header: Mapping[str, Any]) -> float:
    """Return width / height of one pixel in an encoded header; 1.0 where it has none."""
    return float(header["source"].get("pixel_aspect") or 1.0)


def person(pose: Pose, joints: Sequence[str] | None = None, pixel_aspect: float = 1.0) -> Record:
    """Encode one person; with the names of the K keypoints, joint angles too.

    The angles are computed from the drawn keypoints - the smoothed ones where there are any - as rounded in
    the record, so that a record that is read and written again does not change. Where pixels are not
    square, they are the angles of the picture as displayed.
    """
    record: Record = {
        "id": pose.track_id,
        "score": _number(pose.score, SCORE_DECIMALS),
        "box": _numbers(pose.box_xyxy, PIXEL_DECIMALS),
        "box_score": _number(pose.box_score, SCORE_DECIMALS),
        "keypoints": _triples(pose.keypoints, pose.scores),
    }
    if pose.keypoints_smoothed is not None:
        record["keypoints_smoothed"] = _triples(pose.keypoints_smoothed, pose.drawn_scores)
    if joints is not None:
        places = [(math.nan, math.nan) if t is None else (t[0], t[1]) for t in drawn_triples(record)]
        angles = joint_angles(np.array(places, np.float32).reshape(-1, 2), joints, pixel_aspect)
        record["angles"] = {name: _number(value, ANGLE_DECIMALS) for name, value in angles.items()}
    return record


def plain(value: Any) -> Any:
    """Convert any value of a header to JSON types: no numpy, no tuple, no path, no NaN."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Sequence | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "__float__"):  # a Fraction, a Decimal
        return plain(float(value))
    return str(value)


def _number(value: float, decimals: int) -> float | None:
    value = float(value)
    # The sum turns -0.0 into 0.0: "-0.0" in a file looks like a defect.
    return round(value, decimals) + 0.0 if math.isfinite(value) else None


def _numbers(values: FloatArray, decimals: int) -> list[float | None]:
    return [_number(value, decimals) for value in values.tolist()]


def _triples(keypoints: FloatArray, scores: FloatArray) -> list[list[float | None] | None]:
    """(K, 2) and (K,) -> K of [x, y, score], None where the joint is missing."""
    return [
        [round(x, PIXEL_DECIMALS) + 0.0, round(y, PIXEL_DECIMALS) + 0.0, _number(score, SCORE_DECIMALS)]
        if math.isfinite(x) and math.isfinite(y)
        else None
        for (x, y), score in zip(keypoints.tolist(), scores.tolist(), strict=True)
    ]
