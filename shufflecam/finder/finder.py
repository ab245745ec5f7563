"""Frame -> FrameResult: detector, estimator, tracker and smoother joined. `finder.open` opens them.

Detector and estimator see the frame's picture and speak of its pixels, and so does the result. In between,
who is where, and who that is, is reckoned in square pixels (`core.pixels`): there distances mean something.
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
"""What pictures that come without a time count as: most cameras and phones give that many a second."""


@dataclass(frozen=True)
class Provenance:
    """What the record says of the networks that made it."""

    model: dict[str, Any]
    """name, sha256, input_size (w, h)."""
    detector: dict[str, Any]
    """name and what it was set to."""
    notes: tuple[str, ...] = ()
    """Sentences for the user: what did not work and what is used instead."""


class PoseFinder:
    """Finds the poses of one picture after another. Stateful where a tracker is; one finder a video."""

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
        """Join the parts.

        Args:
            detector: finds people.
            estimator: finds their keypoints.
            identity: what the record says of the two.
            tracker: gives ids; None: nobody gets one.
            smoother: steadies keypoints.
            cadence: how often the detector runs; None: on every frame.
            background: runs `detector` beside the poses of later frames; None: every frame waits for it.
            admission: who of the detector's findings counts; None: all of them.
            searches: whether the detector may be wrong about who is there; boxes that were given are not, and
                two of them are two people however alike their poses.
            max_people: followed at most.
            stats: where stage times and the detector's runs are counted.
            clock: seconds, for an automatic cadence.
            rate: pictures a second of calls that tell no time; None: 30.
            view: the part of each picture that people are looked for in, and which way up; None: all of it.
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
        """Frames so far."""
        self.identity = identity
        self.view = view
        """The part of each picture that people are looked for in; None: all of it, as it is."""

    @property
    def detections(self) -> int:
        """How often the detector ran for the frames so far."""
        return self._search.detections

    @property
    def smooths(self) -> bool:
        """Whether poses come with smoothed keypoints."""
        return self._smoother is not None

    @property
    def skeleton(self) -> Skeleton:
        """Which keypoints, in which order."""
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
        """The poses of a picture, or of each of several.

        A finder that follows people (`load(track=True)`) takes pictures in their order, and steadies and
        loses people by their times.

        Args:
            image: (H, W, 3) uint8 BGR, as cv2.imread gives it, or whatever else `core.arrays.as_bgr`
                makes of it; or a list of such.
            time: the picture's own time in seconds, later than the one before; or one for each of a list.
                Without it pictures count as coming at the `rate` that the finder was loaded with
                (30 a second where it was loaded with none).
            color: order of an array's colour channels, "bgr" or "rgb".

        Returns:
            A list of poses, empty for an empty picture; of a list of pictures, a list of those.

        Raises:
            UsageError: the picture's meaning is not clear, it is None, or the time does not rise.
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
        """Everybody in `frame`, in the pixels of its picture. Call it in the frames' order."""
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

        Leaves no trace in tracks or statistics.
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
        """End the detector's own thread, where it has one."""
        self._search.close()

    def how_often(self) -> str:
        """For a summary: how often the detector ran; empty where that was to be on every frame."""
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
        """Everybody with an id; our own tracker also sees what they wear. Poses in square pixels."""
        if not isinstance(self._tracker, PoseTracker):
            assert self._tracker is not None
            return self._tracker.update(poses, frame.timestamp_s)
        stored = poses_to_stored(poses, frame.pixel_aspect)
        looks = [appearance(frame.image, pose, self.skeleton) for pose in stored]
        return self._tracker.update(poses, frame.timestamp_s, looks)


def _tell(tracker: Tracker, change: Change) -> None:
    """Tell a tracker of a cut; one that knows nothing of pictures that cut back forgets everybody."""
    if not isinstance(tracker, PoseTracker):
        tracker.reset()
    elif change.back:
        tracker.bring_back()
    else:
        tracker.set_aside()


def _times(time: float | Sequence[float] | None, count: int) -> Sequence[float | None]:
    """A time for each of `count` pictures."""
    if time is None:
        return [None] * count
    if isinstance(time, (int, float)) or len(time) != count:
        given = "one" if isinstance(time, (int, float)) else len(time)
        raise UsageError(f"There are {count} pictures and {given} times; give a time for each picture.")
    return time
