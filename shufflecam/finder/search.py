"""Finds people's boxes in each frame: from the detector, or from the previous frame's keypoints.

Boxes and poses are in square pixels (`core.pixels`), frames in their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from shufflecam.core.pixels import boxes_to_square, square_size, to_stored
from shufflecam.core.protocols import PersonDetector
from shufflecam.core.stats import stage
from shufflecam.core.types import Detections, Frame, Pose
from shufflecam.finder.follower import Follower
from shufflecam.finder.hysteresis import Hysteresis
from shufflecam.finder.scene import Change, SceneWatch
from shufflecam.finder.schedule import DetectionSchedule
from shufflecam.pose.nms import duplicates

if TYPE_CHECKING:
    from shufflecam.core.stats import Stats
    from shufflecam.finder.background import BackgroundDetector

LOST_GAP = 2
"""Minimum number of frames between two detections triggered by lost people: someone the network cannot
recognise must not cost a detection per frame."""

DARK_SHARE = 3
"""With no one visible, or someone whose keypoints cannot be followed, the detector runs this many times as
often as usual."""


class PersonSearch:
    """Decides for each frame whether the detector runs, and which boxes count. One per video, in frame order.

    Call for every frame: `look`, `boxes`, `follow`, `observe`.
    """

    def __init__(
        self,
        detector: PersonDetector,
        follower: Follower,
        *,
        cadence: DetectionSchedule,
        background: BackgroundDetector | None = None,
        admission: Hysteresis | None = None,
        may_be_wrong: bool = True,
        stats: Stats | None = None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """Combine the parts.

        Args:
            detector: finds people.
            follower: moves boxes with their keypoints between two detections.
            cadence: how often the detector runs.
            background: runs `detector` in parallel with the poses of later frames; None: each frame waits for
                it.
            admission: filters the detections; None: all are accepted.
            may_be_wrong: whether two boxes with the same pose are one person; given boxes are not.
            stats: collects stage times.
            clock: returns seconds, for an automatic schedule.
        """
        self._detector = detector
        self._follower = follower
        self._cadence = cadence
        self._background = background
        self._admission = admission
        self._may_be_wrong = may_be_wrong
        self._stats = stats
        self._clock = clock
        self._watch = SceneWatch()
        self._valid_from_s = -math.inf
        self._searched_s = -math.inf
        self._since_detection: int | None = None
        self._every = cadence.every
        self._searched = False
        self._detect_s: float | None = None
        self.detections = 0
        """Number of detector runs."""

    @property
    def is_every_frame(self) -> bool:
        """Whether the detector always runs on every frame."""
        return self._cadence.every == 1 and not self._cadence.automatic

    def look(self, frame: Frame, *, always: bool = True) -> Change:
        """Compare the frame with the previous one; a cut clears the known people.

        Someone in the same place in the next scene is a different person.

        Args:
            frame: the next one.
            always: compare even if the detector runs on every frame; otherwise no cut is reported then.
        """
        if self.is_every_frame and not always:
            return Change(cut=False)
        change = self._watch.look(frame.image, frame.timestamp_s)
        if change.cut:
            self._follower.clear()
            self._since_detection = None
            if self._admission is not None:
                self._admission.bring_back() if change.back else self._admission.set_aside()
        return change

    def boxes(self, frame: Frame) -> Detections:
        """Return the boxes of all people in `frame`, in square pixels: detected, or followed."""
        # The schedule may change between frames; read it once per frame.
        self._every = self._cadence.every
        self._searched, self._detect_s = False, None
        due, nothing_known = self._is_due(frame), self._since_detection is None
        if self._background is None or nothing_known:
            return self._search(frame) if due else self._followed(frame)
        late = self._background.take()
        if late is not None and late.timestamp_s >= self._valid_from_s:
            found = self._admitted(late.found, frame, late.timestamp_s)
            self._follower.join(found, frame.timestamp_s, size_of(frame), then=late.timestamp_s)
        followed = self._followed(frame)
        if due:
            self._ask(frame, followed)
        self._detect_s = None if late is None else late.seconds
        return followed

    def follow(
        self, frame: Frame, poses: list[Pose], estimate: Callable[[Detections], list[Pose]]
    ) -> list[Pose]:
        """Return the poses without duplicates; a lost person triggers a detection at once.

        Args:
            frame: the one last passed to `boxes`.
            poses: one for each of those boxes, in square pixels.
            estimate: boxes in square pixels -> their poses in this frame.
        """
        if self._every == 1 and self._background is None:
            if not self._may_be_wrong:
                return poses
            twice = set(duplicates(poses, self._follower.skeleton.sigmas))
            return [pose for i, pose in enumerate(poses) if i not in twice]
        poses = self._follower.take(poses, frame.timestamp_s)
        since, detect_s = self._since_detection, self._detect_s
        look_again = self._follower.lost and not self._searched and since is not None and since >= LOST_GAP
        if look_again and self._background is not None:
            self._ask(frame, self._followed(frame))
        elif look_again:
            with stage(self._stats, "detect"):
                detections = self._search(frame)
            if detect_s is not None:
                self._detect_s = detect_s
            poses = self._follower.take(estimate(detections), frame.timestamp_s)
        return self._follower.forget_lost(poses) if self._searched else poses

    def observe(self, frame_s: float) -> None:
        """Record the total time of a frame in seconds: an automatic schedule is computed from it."""
        waited_s = 0.0 if self._background is not None else self._detect_s or 0.0
        self._cadence.observe(self._detect_s, frame_s - waited_s)

    def close(self) -> None:
        """Stop the detector's thread, if it has one."""
        if self._background is not None:
            self._background.close()

    def _ask(self, frame: Frame, known: Detections) -> None:
        """Start a background detection on the frame, unless another one is running."""
        assert self._background is not None
        if self._background.offer(frame):
            self.detections += 1
            self._since_detection = 0
            self._searched_s = frame.timestamp_s
            self._watch.mark(to_stored(known.boxes_xyxy, frame.pixel_aspect))

    def _is_due(self, frame: Frame) -> bool:
        """Whether the detector should run on this frame."""
        since, every = self._since_detection, self._every
        if every == 1 or since is None:
            return True
        self._since_detection = since = since + 1
        wanted = max(1, every // DARK_SHARE) if self._follower.is_in_the_dark else every
        rested_s = frame.timestamp_s - self._searched_s
        if since >= wanted or rested_s >= self._cadence.longest_s:
            return True
        if self._follower.is_stale(frame.timestamp_s):
            return True
        # A moving camera changes everything all the time: wait at least half of the usual interval.
        if len(self._follower) and since < max(2, every // 2):
            return False
        known = self._followed(frame).boxes_xyxy
        return self._watch.moved_elsewhere(to_stored(known, frame.pixel_aspect))

    def _search(self, frame: Frame) -> Detections:
        """Run the detector; unless it runs on every frame, people it missed once are kept."""
        began = self._clock()
        found = self._admitted(self._detector.detect(frame), frame, frame.timestamp_s)
        self.detections += 1
        self._since_detection = 0
        self._valid_from_s = self._searched_s = frame.timestamp_s
        self._searched = True
        if self._every == 1 and self._background is None:
            self._follower.clear()
            self._detect_s = self._clock() - began
            return found
        if self._follower.is_stale(frame.timestamp_s):
            self._follower.clear()
        joined = self._follower.join(found, frame.timestamp_s, size_of(frame))
        self._watch.mark(to_stored(joined.boxes_xyxy, frame.pixel_aspect))
        self._detect_s = self._clock() - began
        return joined

    def _admitted(self, found: Detections, frame: Frame, searched_s: float) -> Detections:
        """Return the admitted detections, converted from the frame's pixels to square ones."""
        found = boxes_to_square(found, frame.pixel_aspect)
        if self._admission is None:
            return found
        return self._admission.admit(found, self._followed(frame).boxes_xyxy, searched_s)

    def _followed(self, frame: Frame) -> Detections:
        return self._follower.boxes(frame.timestamp_s, size_of(frame))


def size_of(frame: Frame) -> tuple[float, float]:
    """Return the (width, height) of a frame's picture in square pixels."""
    return square_size(frame.size, frame.pixel_aspect)
