"""What the parts of the pipeline may expect of each other. Nothing here imports a backend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import Detections, FloatArray, Frame, FrameResult, ImageArray, Pose, SourceInfo


@runtime_checkable
class FrameSource(Protocol):
    """Gives frames. `close` may be called from another thread while `frames` blocks, and more than once."""

    @property
    def info(self) -> SourceInfo:
        """What is known before the first frame."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Every frame once, in order. Raises `SourceBrokeOff` where the source ends too early."""
        ...

    def close(self) -> None:
        """Let go of the device or file; `frames` ends soon after."""
        ...


@runtime_checkable
class PersonDetector(Protocol):
    """Finds people."""

    def detect(self, frame: Frame) -> Detections:
        """The people of one upright frame, in its pixels."""
        ...


@runtime_checkable
class PoseEstimator(Protocol):
    """Finds the keypoints of people whose boxes are known."""

    @property
    def skeleton(self) -> Skeleton:
        """Which keypoints, in which order."""
        ...

    def estimate(self, image: ImageArray, detections: Detections, pixel_aspect: float = 1.0) -> list[Pose]:
        """One pose a box, in the boxes' order. `image` is (H, W, 3) uint8 BGR; see `Frame.pixel_aspect`."""
        ...


@runtime_checkable
class Tracker(Protocol):
    """Gives poses their ids. Stateful: one tracker a video, frames in order."""

    def update(self, poses: list[Pose], timestamp_s: float) -> list[Pose]:
        """The same poses in the same order, each with its `track_id`."""
        ...

    def reset(self) -> None:
        """Forget everybody, as after a scene cut. Ids already given are not given again."""
        ...


@runtime_checkable
class Smoother(Protocol):
    """Steadies keypoints over time. Stateful like a tracker; needs ids."""

    def update(self, poses: list[Pose], timestamp_s: float) -> list[Pose]:
        """The same poses in the same order, each with `keypoints_smoothed`."""
        ...


@runtime_checkable
class Engine(Protocol):
    """Runs a network: arrays in, arrays out, whatever computes in between."""

    @property
    def name(self) -> str:
        """For people: "torch", "openvino", ..."""
        ...

    def run(self, inputs: FloatArray) -> FloatArray:
        """(N, 3, H, W) float32 -> the network's output, float32. N may change between calls."""
        ...


@runtime_checkable
class Sink(Protocol):
    """Takes results, in order, on the main thread."""

    def write(self, result: FrameResult) -> None:
        """Take one result; what was written must survive whatever comes after."""
        ...

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Finish the file. Called exactly once.

        Args:
            complete: False when the run was cut short or something is missing.
            dropped: frames that the camera gave and nobody took.
            missing: what should be there and is not, by kind; records say it in their footer.
        """
        ...
