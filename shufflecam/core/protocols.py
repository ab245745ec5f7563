"""The interfaces between the parts of the pipeline. Nothing here imports a backend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import Detections, FloatArray, Frame, FrameResult, ImageArray, Pose, SourceInfo


@runtime_checkable
class FrameSource(Protocol):
    """Yields frames. `close` is idempotent, and may be called from another thread while `frames` blocks."""

    @property
    def info(self) -> SourceInfo:
        """Metadata known before the first frame."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Yield every frame once, in order. Raises `SourceBrokeOff` if the source ends prematurely."""
        ...

    def close(self) -> None:
        """Release the device or file; `frames` ends soon after."""
        ...


@runtime_checkable
class PersonDetector(Protocol):
    """Detects people."""

    def detect(self, frame: Frame) -> Detections:
        """Return the people in one upright frame, in its pixels."""
        ...


@runtime_checkable
class PoseEstimator(Protocol):
    """Estimates the keypoints of people whose boxes are known."""

    @property
    def skeleton(self) -> Skeleton:
        """Which keypoints, in which order."""
        ...

    def estimate(self, image: ImageArray, detections: Detections, pixel_aspect: float = 1.0) -> list[Pose]:
        """Return one pose per box, in order. `image` is (H, W, 3) uint8 BGR; see `Frame.pixel_aspect`."""
        ...


@runtime_checkable
class Tracker(Protocol):
    """Assigns track ids to poses. Stateful: one tracker per video, frames in order."""

    def update(self, poses: list[Pose], timestamp_s: float) -> list[Pose]:
        """Return the same poses in the same order, each with its `track_id`."""
        ...

    def reset(self) -> None:
        """Drop all tracks, as after a scene cut. Ids are not reused."""
        ...


@runtime_checkable
class Smoother(Protocol):
    """Smooths keypoints over time. Stateful like a tracker; needs ids."""

    def update(self, poses: list[Pose], timestamp_s: float) -> list[Pose]:
        """Return the same poses in the same order, each with `keypoints_smoothed`."""
        ...


@runtime_checkable
class Engine(Protocol):
    """Runs a network: arrays in, arrays out, on any runtime."""

    @property
    def name(self) -> str:
        """Display name: "torch", "openvino", ..."""
        ...

    def run(self, inputs: FloatArray) -> FloatArray:
        """(N, 3, H, W) float32 -> the network's output, float32. N may change between calls."""
        ...


@runtime_checkable
class Sink(Protocol):
    """Consumes results, in order, on the main thread."""

    def write(self, result: FrameResult) -> None:
        """Write one result; it must survive any later failure."""
        ...

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Finish the file. Called exactly once.

        Args:
            complete: False if the run was interrupted or input is missing.
            dropped: frames that the camera delivered and that were discarded unprocessed.
            missing: counts of missing input by kind; records store them in their footer.
        """
        ...
