"""A made-up scene: people as grey figures on a noisy wall, and networks that see exactly what is there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from shufflecam.core.geometry import box_iou
from shufflecam.core.skeleton import COCO_17, Skeleton
from shufflecam.core.types import Detections, Frame, ImageArray, Pose
from shufflecam.finder.background import BackgroundDetector
from shufflecam.finder.finder import PoseFinder, Provenance
from shufflecam.finder.hysteresis import Hysteresis
from shufflecam.finder.schedule import DetectionSchedule
from shufflecam.tracking.tracker import PoseTracker
from tests.helpers.people import pose_of

SIZE = (640, 360)
FPS = 30
Figures = Sequence[np.ndarray]
"""The (17, 2) joints of everybody in one frame."""


def wall(seed: int, size: tuple[int, int] = SIZE) -> ImageArray:
    """(H, W, 3): blocks of random grey, as different from another seed's as two scenes are."""
    width, height = size
    rng = np.random.default_rng(seed)
    blocks = rng.integers(40, 200, (-(-height // 40), -(-width // 40), 1))
    return np.kron(blocks, np.ones((40, 40, 3)))[:height, :width].astype(np.uint8)


def picture(people: Figures, seed: int = 0, shift: int = 0) -> ImageArray:
    """(H, W, 3): the wall, moved sideways by `shift`, with everybody as a dark box before it."""
    image = np.roll(wall(seed), shift, axis=1)
    for joints in people:
        x1, y1, x2, y2 = pose_of(joints).box_xyxy.astype(int)
        image[max(0, y1) : max(0, y2), max(0, x1) : max(0, x2)] = 15
    return image


class SeeingDetector:
    """Finds everybody who is there, but not in the frames that it is told to miss somebody in."""

    def __init__(self, world: Callable[[int], Figures]) -> None:
        self._world = world
        self.frames: list[int] = []
        self.blind: set[int] = set()
        self.score = 0.9
        self.go = threading.Event()
        """Cleared: every search after the first waits."""
        self.go.set()

    def detect(self, frame: Frame) -> Detections:
        self.frames.append(frame.index)
        if len(self.frames) > 1:
            assert self.go.wait(10)
        people = [] if frame.index in self.blind else self._world(frame.index)
        boxes = [pose_of(joints).box_xyxy for joints in people]
        boxes = [box for box in boxes if box[2] > 0 and box[0] < SIZE[0]]
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), self.score, np.float32)
        )


class SeeingEstimator:
    """Gives each box the joints of whoever fills it best; of nobody, unsure ones."""

    skeleton: Skeleton = COCO_17

    def __init__(self, world: Callable[[int], Figures]) -> None:
        self._world = world
        self.index = 0
        self.runs = 0

    def estimate(self, image: ImageArray, detections: Detections, pixel_aspect: float = 1.0) -> list[Pose]:
        self.runs += 1
        people = self._world(self.index)
        own = np.array([pose_of(joints).box_xyxy for joints in people], np.float32).reshape(-1, 4)
        poses = []
        for box in detections.boxes_xyxy:
            overlap = box_iou(box[None], own)[0]
            best = int(overlap.argmax()) if len(people) else -1
            if best >= 0 and overlap[best] > 0.3:
                found = pose_of(people[best])
            else:
                found = pose_of(np.full((17, 2), 5.0) + np.arange(17)[:, None], score=0.08)
            poses.append(Pose(box, 0.9, found.keypoints, found.scores, found.score))
        return poses


class Scene:
    """A run of the real finder through a made-up world."""

    def __init__(
        self,
        world: Callable[[int], Figures],
        cadence: DetectionSchedule,
        *,
        background: bool = False,
        admission: Hysteresis | None = None,
    ) -> None:
        self.world = world
        self.detector = SeeingDetector(world)
        self.estimator = SeeingEstimator(world)
        self.finder = PoseFinder(
            self.detector,
            self.estimator,
            Provenance({}, {}),
            tracker=PoseTracker(COCO_17),
            cadence=cadence,
            background=BackgroundDetector(self.detector) if background else None,
            admission=admission,
        )

    def step(self, index: int, seed: int = 0, shift: int = 0, flat: int | None = None) -> list[Pose]:
        """The poses of frame `index`; `flat`: the picture is nothing but this grey level."""
        self.estimator.index = index
        image = picture(self.world(index), seed, shift)
        if flat is not None:
            image[:] = flat
        return list(self.finder.find(Frame(image, index, index / FPS)).poses)


def nearest(poses: list[Pose], joints: np.ndarray) -> tuple[Pose, float]:
    """The pose closest to a figure, and the mean distance of its joints in pixels."""
    distances = [float(np.linalg.norm(pose.keypoints - joints, axis=1).mean()) for pose in poses]
    best = int(np.argmin(distances))
    return poses[best], distances[best]
