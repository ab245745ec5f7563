"""Frame -> FrameResult: combines detector, estimator, tracker and smoother. `finder.open` opens them.

Detector and estimator work in the pixels of the frame's picture, and so does the result. In between,
following and tracking use square pixels (`core.pixels`), in which distances are meaningful.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np

from shufflecam.core.arrays import ColorOrder, ImageInput, as_bgr
from shufflecam.core.errors import UsageError
from shufflecam.core.pixels import boxes_to_stored, poses_to_square, poses_to_stored
from shufflecam.core.protocols import PersonDetector, PoseEstimator, Smoother, Tracker
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.stats import stage
from shufflecam.core.types import Detections, Frame, FrameResult, Pose
from shufflecam.finder.follower import Follower
from shufflecam.finder.hysteresis import Hysteresis
from shufflecam.finder.scene import Change
from shufflecam.finder.schedule import DetectionSchedule
from shufflecam.finder.search import PersonSearch, size_of
from shufflecam.pose.estimator import within_picture
from shufflecam.tracking.appearance import appearance
from shufflecam.tracking.tracker import PoseTracker

if TYPE_CHECKING:
    from shufflecam.core.stats import Stats
    from shufflecam.finder.background import BackgroundDetector
    from shufflecam.finder.view import View

CALLS_PER_S = 30.0
"""Frame rate assumed for pictures without a time: that of most cameras and phones."""


@dataclass(frozen=True)
class Provenance:
    """How the record describes the networks that made it."""

    model: dict[str, Any]
    """name, sha256, input_size (w, h)."""
    detector: dict[str, Any]
    """name and settings."""
    notes: tuple[str, ...] = ()
    """Sentences for the user: what failed and what is used instead."""


class PoseFinder:
    """Finds the poses in consecutive pictures. Stateful if it tracks or follows people: one per video."""

    def __init__(
        self,
        detector: PersonDetector,
        estimator: PoseEstimator,
        identity: Provenance,
        *,
        tracker: Tracker | None = None,
        smoother: Smoother | None = None,
        cadence: DetectionSchedule | None = None,
        background: BackgroundDetector | None = None,
        admission: Hysteresis | None = None,
        searches: bool = True,
        max_people: int = 20,
        stats: Stats | None = None,
        clock: Callable[[], float] = perf_counter,
        rate: float | None = None,
        view: View | None = None,
    ) -> None:
        """Combine the parts.

        Args:
            detector: finds people.
            estimator: finds their keypoints.
            identity: how the record describes the two.
            tracker: assigns ids; None: no ids.
            smoother: smooths keypoints.
            cadence: how often the detector runs; None: on every frame.
            background: runs `detector` in parallel with the poses of later frames; None: each frame waits for
                it.
            admission: filters the detections; None: all are accepted.
            searches: whether the detector can be wrong; given boxes are not, and two of them are two people
                however similar their poses.
            max_people: maximum number of people followed.
            stats: collects stage times and detector runs.
            clock: returns seconds, for an automatic schedule.
            rate: frame rate assumed for calls without a time; None: 30 a second.
            view: the region of each picture that is searched, and its rotation; None: the full picture.
        """
        self._detector = detector
        self._search = PersonSearch(
            detector,
            Follower(estimator.skeleton, max_people),
            cadence=DetectionSchedule(1) if cadence is None else cadence,
            background=background,
            admission=admission,
            may_be_wrong=searches,
            stats=stats,
            clock=clock,
        )
        self._estimator = estimator
        self._tracker = tracker
        self._smoother = smoother
        self._stats = stats
        self._clock = clock
        self._calls = 0
        self._called_s = -math.inf
        self._rate = rate or CALLS_PER_S
        self.frames = 0
        """Number of frames so far."""
        self.identity = identity
        self.view = view
        """The region of each picture that is searched; None: the full picture, unrotated."""

    @property
    def detections(self) -> int:
        """Number of detector runs for the frames so far."""
        return self._search.detections

    @property
    def smooths(self) -> bool:
        """Whether the keypoints of the poses are smoothed."""
        return self._smoother is not None

    @property
    def skeleton(self) -> Skeleton:
        """The keypoints and their order."""
        return self._estimator.skeleton

    @overload
    def __call__(
        self, image: ImageInput, *, time: float | None = None, color: ColorOrder = "bgr"
    ) -> list[Pose]: ...

    @overload
    def __call__(
        self,
        image: Sequence[ImageInput],
        *,
        time: Sequence[float] | None = None,
        color: ColorOrder = "bgr",
    ) -> list[list[Pose]]: ...

    def __call__(
        self,
        image: ImageInput | Sequence[ImageInput],
        *,
        time: float | Sequence[float] | None = None,
        color: ColorOrder = "bgr",
    ) -> list[Pose] | list[list[Pose]]:
        """Return the poses in a picture, or in each of several.

        A finder that tracks people (`load(track=True)`) requires pictures in order; it smooths keypoints and
        drops tracks by the pictures' times.

        Args:
            image: (H, W, 3) uint8 BGR, as returned by cv2.imread, or anything else that `core.arrays.as_bgr`
                accepts; or a list of these.
            time: the picture's own time in seconds, later than the previous one; or one for each picture of
                a list. Without it, pictures are assumed to arrive at the `rate` the finder was loaded with
                (30 a second if none was given).
            color: channel order of an array, "bgr" or "rgb".

        Returns:
            A list of poses, empty for an empty picture; for a list of pictures, a list of such lists.

        Raises:
            UsageError: the picture is ambiguous or None, or the time does not increase.
        """
        if isinstance(image, (list, tuple)):
            times = _times(time, len(image))
            return [self._one(one, at, color) for one, at in zip(image, times, strict=True)]
        if time is not None and not isinstance(time, (int, float, np.floating, np.integer)):
            raise UsageError("A list of times belongs to a list of pictures; give one number of seconds.")
        return self._one(cast("ImageInput", image), time, color)

    def _one(self, image: ImageInput, time: float | None, color: ColorOrder) -> list[Pose]:
        pixels = as_bgr(image, color)
        if time is not None and not (math.isfinite(time) and time > self._called_s):
            raise UsageError(
                f"The picture's time is {time:g} s and has to be later than the last one, "
                f"{self._called_s:g} s; load another finder for another video."
            )
        if time is None:
            time = 0.0 if math.isinf(self._called_s) else self._called_s + 1 / self._rate
        self._called_s = float(time)
        index, self._calls = self._calls, self._calls + 1
        if not pixels.size:
            return []
        if self.view is not None:
            self.view.check((pixels.shape[1], pixels.shape[0]))
        return list(self.find(Frame(pixels, index=index, timestamp_s=self._called_s)).poses)

    def find(self, frame: Frame) -> FrameResult:
        """Return the people in `frame`, in the pixels of its picture. Call it in frame order."""
        self.frames += 1
        began = self._clock()
        seen = frame if self.view is None else self.view.frame_of(frame)
        with stage(self._stats, "detect"):
            change = self._search.look(seen, always=self._tracker is not None)
            if change.cut and self._tracker is not None:
                _tell(self._tracker, change)
            detections = self._search.boxes(seen)
        poses = self._search.follow(seen, self._poses(seen, detections), partial(self._poses, seen))
        poses = [within_picture(pose, size_of(seen)) for pose in poses]
        with stage(self._stats, "track"):
            if self._tracker is not None:
                poses = self._tracked(seen, poses)
            if self._smoother is not None:
                poses = self._smoother.update(poses, frame.timestamp_s)
        self._search.observe(self._clock() - began)
        poses = poses_to_stored(poses, seen.pixel_aspect)
        if self.view is not None:
            poses = [self.view.back(pose, frame.size) for pose in poses]
        return FrameResult(frame, tuple(poses))

    def warm_up(self, size: tuple[int, int], pixel_aspect: float = 1.0) -> None:
        """Run every network once on an empty picture of (width, height): the first run is always slow.

        Does not affect tracks or statistics.
        """
        width, height = size
        picture = np.zeros((height, width, 3), np.uint8)
        frame = Frame(picture, index=0, timestamp_s=0.0, pixel_aspect=pixel_aspect)
        if self.view is not None:
            frame = self.view.frame_of(frame)
        box = np.array([[0, 0, *frame.size]], np.float32)
        with nullcontext() if self._stats is None else self._stats.paused():
            self._detector.detect(frame)
            self._estimator.estimate(frame.image, Detections(box, np.ones(1, np.float32)), frame.pixel_aspect)

    def close(self) -> None:
        """Stop the detector's thread, if it has one."""
        self._search.close()

    def how_often(self) -> str:
        """Return how often the detector ran, for a summary; empty if never, or always on every frame."""
        if not self.detections or self._search.is_every_frame:
            return ""
        every = self.frames / self.detections
        times = "once" if self.detections == 1 else f"{self.detections} times"
        return f", detector ran {times} (every {every:.1f} frames)"

    def _poses(self, frame: Frame, detections: Detections) -> list[Pose]:
        if not len(detections):
            return []
        aspect = frame.pixel_aspect
        if aspect == 1.0:
            return self._estimator.estimate(frame.image, detections)
        poses = self._estimator.estimate(frame.image, boxes_to_stored(detections, aspect), aspect)
        return poses_to_square(poses, aspect)

    def _tracked(self, frame: Frame, poses: list[Pose]) -> list[Pose]:
        """Return the poses with ids; `PoseTracker` also uses appearance. Poses in square pixels."""
        if not isinstance(self._tracker, PoseTracker):
            assert self._tracker is not None
            return self._tracker.update(poses, frame.timestamp_s)
        stored = poses_to_stored(poses, frame.pixel_aspect)
        looks = [appearance(frame.image, pose, self.skeleton) for pose in stored]
        return self._tracker.update(poses, frame.timestamp_s, looks)


def _tell(tracker: Tracker, change: Change) -> None:
    """Notify a tracker of a cut; one that does not support cutting back is reset."""
    if not isinstance(tracker, PoseTracker):
        tracker.reset()
    elif change.back:
        tracker.bring_back()
    else:
        tracker.set_aside()


def _times(time: float | Sequence[float] | None, count: int) -> Sequence[float | None]:
    """Return a time for each of `count` pictures."""
    if time is None:
        return [None] * count
    if isinstance(time, (int, float)) or len(time) != count:
        given = "one" if isinstance(time, (int, float)) else len(time)
        raise UsageError(f"There are {count} pictures and {given} times; give a time for each picture.")
    return time
