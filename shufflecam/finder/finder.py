"""Frame -> FrameResult: detector, estimator, tracker and smoother joined. `finder.open` opens them.

Detector and estimator see the frame's picture and speak of its pixels, and so does the result. In between,
who is where, and who that is, is reckoned in square pixels (`core.pixels`): there distances mean something.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np

from shufflecam.core.arrays import ColorOrder, ImageInput, as_bgr
from shufflecam.core.errors import UsageError
from shufflecam.core.pixels import (
    boxes_to_square,
    boxes_to_stored,
    poses_to_square,
    poses_to_stored,
    square_size,
    to_stored,
)
from shufflecam.core.protocols import PersonDetector, PoseEstimator, Smoother, Tracker
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.stats import stage
from shufflecam.core.types import Detections, Frame, FrameResult, Pose
from shufflecam.finder.follower import Follower
from shufflecam.finder.hysteresis import Hysteresis
from shufflecam.finder.scene import Change, SceneWatch
from shufflecam.finder.schedule import DetectionSchedule
from shufflecam.pose.estimator import within_picture
from shufflecam.pose.nms import duplicates
from shufflecam.tracking.appearance import appearance
from shufflecam.tracking.tracker import PoseTracker

if TYPE_CHECKING:
    from shufflecam.core.stats import Stats
    from shufflecam.finder.background import BackgroundDetector

LOST_GAP = 2
"""Frames between two detections for the sake of somebody lost: a person whom the network cannot make out
must not cost a detection a frame."""

DARK_SHARE = 3
"""With nobody in sight, or somebody whose keypoints cannot be followed, the detector runs this many times as
often as else."""

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
        """
        self._detector = detector
        self._estimator = estimator
        self._tracker = tracker
        self._smoother = smoother
        self._cadence = DetectionSchedule(1) if cadence is None else cadence
        self._background = background
        self._admission = admission
        self._searches = searches
        self._valid_from_s = -math.inf
        self._searched_s = -math.inf
        self._follower = Follower(estimator.skeleton, max_people)
        self._watch = SceneWatch()
        self._stats = stats
        self._clock = clock
        self._since_detection: int | None = None
        self._calls = 0
        self._called_s = -math.inf
        self._rate = rate or CALLS_PER_S
        self.frames = 0
        """Frames so far."""
        self.detections = 0
        """How often the detector ran for them."""
        self.identity = identity

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
        return list(self.find(Frame(pixels, index=index, timestamp_s=self._called_s)).poses)

    def find(self, frame: Frame) -> FrameResult:
        """Everybody in `frame`, in the pixels of its picture. Call it in the frames' order."""
        self.frames += 1
        began = self._clock()
        with stage(self._stats, "detect"):
            self._look(frame)
            # What may change from frame to frame is read once: `every` moves while we work.
            every = self._cadence.every
            searched, detections, detect_s = self._boxes(frame, every)
        poses = self._poses(frame, detections)
        if every > 1 or self._background is not None:
            poses, extra_s = self._check(frame, poses, searched, every)
            detect_s = extra_s if detect_s is None else detect_s
        elif self._searches:
            twice = set(duplicates(poses, self.skeleton.sigmas))
            poses = [pose for i, pose in enumerate(poses) if i not in twice]
        poses = [within_picture(pose, _size(frame)) for pose in poses]
        with stage(self._stats, "track"):
            if self._tracker is not None:
                poses = self._tracked(frame, poses)
            if self._smoother is not None:
                poses = self._smoother.update(poses, frame.timestamp_s)
        waited_s = 0.0 if self._background is not None else detect_s or 0.0
        self._cadence.observe(detect_s, self._clock() - began - waited_s)
        return FrameResult(frame, tuple(poses_to_stored(poses, frame.pixel_aspect)))

    def warm_up(self, size: tuple[int, int], pixel_aspect: float = 1.0) -> None:
        """Run every network once on an empty picture of (width, height): the first run is always slow.

        Leaves no trace in tracks or statistics.
        """
        width, height = size
        picture = np.zeros((height, width, 3), np.uint8)
        frame = Frame(picture, index=0, timestamp_s=0.0, pixel_aspect=pixel_aspect)
        box = np.array([[0, 0, width, height]], np.float32)
        with nullcontext() if self._stats is None else self._stats.paused():
            self._detector.detect(frame)
            self._estimator.estimate(frame.image, Detections(box, np.ones(1, np.float32)), pixel_aspect)

    def close(self) -> None:
        """End the detector's own thread, where it has one."""
        if self._background is not None:
            self._background.close()

    def how_often(self) -> str:
        """For a summary: how often the detector ran; empty where that was to be on every frame."""
        if not self.detections or (self._cadence.every == 1 and not self._cadence.automatic):
            return ""
        every = self.frames / self.detections
        times = "once" if self.detections == 1 else f"{self.detections} times"
        return f", detector ran {times} (every {every:.1f} frames)"

    def _look(self, frame: Frame) -> None:
        """A cut ends all tracks: who stands in the same place in the next scene is somebody else."""
        if self._cadence.every == 1 and not self._cadence.automatic and self._tracker is None:
            return
        change = self._watch.look(frame.image, frame.timestamp_s)
        if not change.cut:
            return
        self._follower.clear()
        self._since_detection = None
        if self._admission is not None:
            self._admission.bring_back() if change.back else self._admission.set_aside()
        if self._tracker is not None:
            _tell(self._tracker, change)

    def _boxes(self, frame: Frame, every: int) -> tuple[bool, Detections, float | None]:
        """Whether the detector looked at this frame, everybody's boxes, and the seconds of a search."""
        due, nothing_known = self._is_due(frame, every), self._since_detection is None
        if self._background is None or nothing_known:
            began = self._clock()
            if not due:
                return False, self._followed(frame), None
            return True, self._search(frame, every), self._clock() - began
        late = self._background.take()
        if late is not None and late.timestamp_s >= self._valid_from_s:
            found = self._admitted(late.found, frame, late.timestamp_s)
            self._follower.join(found, frame.timestamp_s, _size(frame), then=late.timestamp_s)
        followed = self._followed(frame)
        if due:
            self._ask(frame, followed)
        return False, followed, None if late is None else late.seconds

    def _ask(self, frame: Frame, known: Detections) -> None:
        """Have the frame searched in the background, unless that is at work on another one."""
        assert self._background is not None
        if self._background.offer(frame):
            self.detections += 1
            self._since_detection = 0
            self._searched_s = frame.timestamp_s
            self._watch.mark(to_stored(known.boxes_xyxy, frame.pixel_aspect))

    def _is_due(self, frame: Frame, every: int) -> bool:
        """Whether the detector has to look at this frame."""
        since = self._since_detection
        if every == 1 or since is None:
            return True
        self._since_detection = since = since + 1
        wanted = max(1, every // DARK_SHARE) if self._follower.is_in_the_dark else every
        rested_s = frame.timestamp_s - self._searched_s
        if since >= wanted or rested_s >= self._cadence.longest_s:
            return True
        if self._follower.is_stale(frame.timestamp_s):
            return True
        # A camera on the move changes everything all the time: half of the usual wait stays.
        if len(self._follower) and since < max(2, every // 2):
            return False
        known = self._followed(frame).boxes_xyxy
        return self._watch.moved_elsewhere(to_stored(known, frame.pixel_aspect))

    def _search(self, frame: Frame, every: int) -> Detections:
        """The detector's boxes; where it does not run on every frame, people it only blinked at stay."""
        found = self._admitted(self._detector.detect(frame), frame, frame.timestamp_s)
        self.detections += 1
        self._since_detection = 0
        self._valid_from_s = self._searched_s = frame.timestamp_s
        if every == 1 and self._background is None:
            self._follower.clear()
            return found
        if self._follower.is_stale(frame.timestamp_s):
            self._follower.clear()
        joined = self._follower.join(found, frame.timestamp_s, _size(frame))
        self._watch.mark(to_stored(joined.boxes_xyxy, frame.pixel_aspect))
        return joined

    def _admitted(self, found: Detections, frame: Frame, searched_s: float) -> Detections:
        """What a detector found in this frame's pixels, as far as it counts, in square ones."""
        found = boxes_to_square(found, frame.pixel_aspect)
        if self._admission is None:
            return found
        return self._admission.admit(found, self._followed(frame).boxes_xyxy, searched_s)

    def _followed(self, frame: Frame) -> Detections:
        return self._follower.boxes(frame.timestamp_s, _size(frame))

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

    def _check(
        self, frame: Frame, poses: list[Pose], searched: bool, every: int
    ) -> tuple[list[Pose], float | None]:
        """Follow the poses; somebody lost calls the detector at once. Also the seconds that this took."""
        poses = self._follower.take(poses, frame.timestamp_s)
        detect_s = None
        since = self._since_detection
        look_again = self._follower.lost and not searched and since is not None and since >= LOST_GAP
        if look_again and self._background is not None:
            self._ask(frame, self._followed(frame))
        elif look_again:
            began = self._clock()
            with stage(self._stats, "detect"):
                detections = self._search(frame, every)
            detect_s = self._clock() - began
            poses = self._follower.take(self._poses(frame, detections), frame.timestamp_s)
            searched = True
        return (self._follower.forget_lost(poses) if searched else poses), detect_s


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


def _size(frame: Frame) -> tuple[float, float]:
    """(width, height) of a frame's picture in square pixels."""
    return square_size(frame.size, frame.pixel_aspect)
