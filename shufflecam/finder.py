"""Frame -> FrameResult: detector, estimator, tracker and smoother joined. `load` builds one by names."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shufflecam.core.geometry import box_area, clip_boxes
from shufflecam.core.protocols import PersonDetector, PoseEstimator, Smoother, Tracker
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import Detections, FloatArray, Frame, FrameResult, ImageArray, Pose

if TYPE_CHECKING:
    from shufflecam.stats import Stats

FOLLOW_THRESHOLD = 0.3
"""Keypoints above this carry a box from one frame to the next."""

FOLLOW_MARGIN = 0.15
"""Added on every side of the keypoints' extent: people's boxes reach past their joints."""


@dataclass(frozen=True)
class Identity:
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
        identity: Identity,
        *,
        tracker: Tracker | None = None,
        smoother: Smoother | None = None,
        detect_every: int = 1,
        stats: Stats | None = None,
    ) -> None:
        self._detector = detector
        self._estimator = estimator
        self._tracker = tracker
        self._smoother = smoother
        self._detect_every = detect_every
        self._stats = stats
        self._since_detection = 0
        self._last: list[Pose] = []
        self._calls = 0
        self.identity = identity

    @property
    def skeleton(self) -> Skeleton:
        """Which keypoints, in which order."""
        return self._estimator.skeleton

    def __call__(self, image: ImageArray) -> list[Pose]:
        """The poses of one picture on its own: (H, W, 3) uint8 BGR, as cv2.imread gives it."""
        frame = Frame(image, index=self._calls, timestamp_s=float(self._calls))
        self._calls += 1
        return list(self.find(frame).poses)

    def find(self, frame: Frame) -> FrameResult:
        """Everybody in `frame`. Call it in the frames' order."""
        with self._stage("detect"):
            detections = self._detections(frame)
        with self._stage("pose"):
            poses = self._estimator.estimate(frame.image, detections) if len(detections) else []
        with self._stage("track"):
            if self._tracker is not None:
                poses = self._tracker.update(poses, frame.timestamp_s)
            if self._smoother is not None:
                poses = self._smoother.update(poses, frame.timestamp_s)
        self._last = poses
        return FrameResult(frame, tuple(poses))

    def warm_up(self, size: tuple[int, int]) -> None:
        """Run every network once on an empty picture of (width, height): the first run is always slow.

        Leaves no trace in tracks or statistics.
        """
        width, height = size
        frame = Frame(np.zeros((height, width, 3), np.uint8), index=0, timestamp_s=0.0)
        self._detector.detect(frame)
        box = np.array([[0, 0, width, height]], np.float32)
        self._estimator.estimate(frame.image, Detections(box, np.ones(1, np.float32)))

    def _detections(self, frame: Frame) -> Detections:
        if self._since_detection % self._detect_every == 0 or not self._last:
            self._since_detection = 1
            return self._detector.detect(frame)
        self._since_detection += 1
        return follow(self._last, frame.size)

    def _stage(self, name: str) -> AbstractContextManager[Any]:
        return nullcontext() if self._stats is None else self._stats.stage(name)


def follow(poses: list[Pose], size: tuple[int, int]) -> Detections:
    """Boxes for the next frame from the keypoints of the last one.

    Args:
        poses: the last frame's people.
        size: the picture's (width, height).

    Returns:
        One box a person who still has enough sure keypoints; the others wait for the detector.
    """
    boxes: list[FloatArray] = []
    scores: list[float] = []
    for pose in poses:
        sure = pose.keypoints[(pose.scores > FOLLOW_THRESHOLD) & np.isfinite(pose.keypoints).all(axis=1)]
        if len(sure) < 3:
            continue
        low, high = sure.min(axis=0), sure.max(axis=0)
        margin = (high - low).max() * FOLLOW_MARGIN
        boxes.append(np.concatenate([low - margin, high + margin]))
        scores.append(pose.box_score)
    if not boxes:
        return Detections.empty()
    clipped = clip_boxes(np.stack(boxes), size)
    inside = box_area(clipped) > 1
    return Detections(clipped[inside], np.array(scores, np.float32)[inside])


def load(
    model: str = "shufflecam-256x192",
    *,
    weights: str | Path | None = None,
    detector: str | PersonDetector = "auto",
    det_conf: float = 0.4,
    det_size: int = 416,
    det_every: int = 1,
    max_people: int = 20,
    flip_test: bool = False,
    backend: str = "auto",
    device: str = "auto",
    track: bool = False,
    smooth: bool = False,
    stats: Stats | None = None,
) -> PoseFinder:
    """A finder from names, with the defaults of the command line.

    Args:
        model: a pose model of the catalogue; with `weights` it names only the architecture.
        weights: a checkpoint file (.pth, .safetensors) instead of the catalogue's.
        detector: "auto", a person model of the catalogue, a file, "none" (the whole frame is one
            person), or an object with `detect(frame) -> Detections`.
        det_conf: people scored lower are left out.
        det_size: the longer side of the detector's input in pixels.
        det_every: look for people every N frames and follow their keypoints in between.
        max_people: the best N a frame.
        flip_test: run each crop mirrored as well and average.
        backend: "auto" (the fastest that works here), "torch", "openvino" or "onnx".
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        track: give people ids over frames.
        smooth: steady the keypoints over time (needs `track`).
        stats: where stage times are counted.

    Raises:
        UsageError: an unknown model, backend or device.
        WeightsError: weights that are missing, of another architecture, damaged or unsafe.
    """
    from shufflecam.detect.choose import open_detector
    from shufflecam.models.load import load_pose_engine
    from shufflecam.pose.estimator import HeatmapEstimator
    from shufflecam.smooth import OneEuroSmoother
    from shufflecam.track import PoseTracker

    engine, entry, sha256, notes = load_pose_engine(model, weights, backend=backend, device=device)
    estimator = HeatmapEstimator(engine, entry.skeleton, entry.input_size, flip_test=flip_test)
    if isinstance(detector, str):
        person_detector, described = open_detector(
            detector,
            det_conf=det_conf,
            det_size=det_size,
            max_people=max_people,
            backend=backend,
            device=device,
        )
    else:
        person_detector, described = detector, {"name": getattr(detector, "name", type(detector).__name__)}
    if det_every != 1:
        described = {**described, "every": det_every}
    identity = Identity(
        model={"name": model, "sha256": sha256, "input_size": list(entry.input_size), "engine": engine.name},
        detector=described,
        notes=notes,
    )
    return PoseFinder(
        person_detector,
        estimator,
        identity,
        tracker=PoseTracker(entry.skeleton) if track else None,
        smoother=OneEuroSmoother() if smooth and track else None,
        detect_every=det_every,
        stats=stats,
    )
