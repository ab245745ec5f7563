"""Extracts the data to plot from a saved record: one person's joints and angles over time."""

from __future__ import annotations

import difflib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shufflecam.core.angles import ANGLES, joint_angles
from shufflecam.core.errors import SourceError, UsageError
from shufflecam.core.pixels import square_size, to_square
from shufflecam.core.types import FloatArray, Pose
from shufflecam.core.words import counted
from shufflecam.records.reader import Notice, SavedRecord
from shufflecam.records.summary import RecordSummary, summarize

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Series:
    """One person over N frames; NaN where the person or a joint is missing."""

    times: Doubles
    """(N,) seconds, as in the record."""
    joints: dict[str, Doubles]
    """Name -> (N, 2) square pixels of the upright picture (as high as the record's), y down."""
    angles: dict[str, Doubles]
    """Name -> (N,) degrees, as `shufflecam.core.angles` defines them."""
    size: tuple[float, float] | None
    """(width, height) of the picture, in the same pixels; None if the record lacks it."""
    person: int | None
    """The track id; None without tracking."""
    summary: RecordSummary = field(default_factory=RecordSummary)
    """The people in the record, and when they appear."""

    def speed(self, joint: str) -> Doubles:
        """Return the speed of a joint, (N,) pixels per second, by central differences; NaN next to a gap."""
        if len(self.times) < 2:
            return np.full(len(self.times), np.nan)
        places, times = self.joints[joint], self.times
        ahead = np.minimum(np.arange(len(times)) + 1, len(times) - 1)
        behind = np.maximum(np.arange(len(times)) - 1, 0)
        seconds = times[ahead] - times[behind]
        way = np.hypot(*(places[ahead] - places[behind]).T)
        with np.errstate(divide="ignore", invalid="ignore"):
            speed: Doubles = np.where(seconds > 0, way / seconds, np.nan)
        return np.where(np.isnan(places).any(axis=1), np.nan, speed)


def collect(
    saved: SavedRecord,
    joints: Sequence[str],
    angles: Sequence[str],
    person: int | None = None,
    *,
    kpt_thr: float = 0.3,
    raw: bool = False,
    on_cut: Notice | None = None,
) -> Series:
    """Return one person's joints and angles over time; reads the record twice.

    Args:
        saved: the record.
        joints: names of keypoints of its skeleton.
        angles: names from `shufflecam.core.angles.ANGLES`.
        person: a track id; None: the person in most frames.
        kpt_thr: keypoints with a lower score count as missing.
        raw: use the keypoints as detected, not the smoothed ones.
        on_cut: called if the record ends prematurely.

    Raises:
        UsageError: unknown joint, angle or person.
        SourceError: the record contains no people, or violates the schema.
    """
    names = saved.skeleton.keypoints
    for wanted, known, kind in ((joints, names, "joint"), (angles, ANGLES, "angle")):
        for name in wanted:
            if name not in known:
                raise UsageError(_unknown(name, known, kind))
    found = summarize(saved)
    whom = _person(found, person, saved)
    indices = [names.index(name) for name in joints]
    times = array("d")
    places = array("d")
    degrees = array("d")
    missing = np.full((len(names), 2), np.nan, np.float32)
    for result in saved.results(on_cut):
        pose = next((pose for pose in result.poses if pose.track_id == whom), None)
        stored = missing if pose is None else _sure(pose, kpt_thr, raw)
        points = to_square(stored, result.frame.pixel_aspect)
        times.append(result.frame.timestamp_s)
        places.extend(points[indices].ravel().tolist())
        if angles:
            measured = joint_angles(points, names)
            degrees.extend(measured[name] for name in angles)
    where = np.array(places).reshape(len(times), len(joints), 2)
    table = np.array(degrees).reshape(len(times), len(angles))
    return Series(
        times=np.array(times),
        joints={name: where[:, i] for i, name in enumerate(joints)},
        angles={name: table[:, i] for i, name in enumerate(angles)},
        size=None if saved.size is None else square_size(saved.size, saved.pixel_aspect),
        person=whom,
        summary=found,
    )


def _sure(pose: Pose, kpt_thr: float, raw: bool) -> FloatArray:
    points = pose.keypoints if raw else pose.drawn_keypoints
    scores = pose.scores if raw else pose.drawn_scores
    return np.where((np.nan_to_num(scores) >= kpt_thr)[:, None], points, np.nan).astype(np.float32)


def _person(found: RecordSummary, wanted: int | None, saved: SavedRecord) -> int | None:
    if not found.people:
        raise SourceError(f"{saved.path} shows nobody in its {counted(found.frames, 'frame')}.")
    if wanted is None:
        return found.chosen
    if wanted not in found.people:
        ids = sorted(number for number in found.people if number is not None)
        there = f"it has {', '.join(map(str, ids))}" if ids else "nobody in it is tracked"
        raise UsageError(f"{saved.path} has no person {wanted}; {there}.")
    return wanted


def _unknown(name: str, known: Sequence[str], kind: str) -> str:
    near = difflib.get_close_matches(name, known, 1, 0.5)
    hint = f"; did you mean {near[0]}?" if near else ";"
    return f"There is no {kind} {name!r}{hint} Known are {', '.join(known)}."
