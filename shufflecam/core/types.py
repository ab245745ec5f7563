"""The values that flow through shufflecam, one per stage::

    Frame -> Detections -> CropBatch -> heatmaps (a plain array) -> Pose -> FrameResult

All are frozen: a stage takes one and returns the next. Sizes are (width, height), arrays are
(H, W, ...), the box format is in the name, and what is missing is NaN, never (0, 0).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
ImageArray = npt.NDArray[np.uint8]

SCORE_FLOOR = 0.2
"""A keypoint counts as seen where its score is above this: in a person's score, and wherever people are
followed or compared by their joints. It is the `vis_thr` of the reference's COCO evaluation."""

SourceKind = Literal["video", "images", "camera", "stream", "replay"]


@dataclass(frozen=True, eq=False)
class SourceInfo:
    """What a source says of itself before its first frame."""

    path: str
    """As the user wrote it: a file, a folder, a URL or a camera's index."""
    kind: SourceKind
    size: tuple[int, int] | None
    """(width, height) of the upright picture in pixels; None for a folder, where each differs."""
    fps: Fraction | None = None
    """Nominal rate, exact (29.97 is 30000/1001); None where there is none or it varies wildly."""
    frames: int | None = None
    """How many frames it should give, for progress only: containers are often a few off."""
    pixel_aspect: float = 1.0
    """Width / height of one pixel when the picture is shown; see `core.pixels`."""
    notes: tuple[str, ...] = ()
    """Sentences for the user: what it says of itself that cannot be, and what is done instead."""

    @property
    def live(self) -> bool:
        """Whether frames come at their own pace and late ones are dropped."""
        return self.kind in ("camera", "stream", "replay")


@dataclass(frozen=True)
class Gap:
    """A time in which a live source gave nothing: unplugged, switched off, or silent."""

    from_s: float
    """The last frame before, in the frames' own time."""
    to_s: float
    """The first frame after."""
    reason: str


@dataclass(frozen=True, eq=False)
class Frame:
    """One upright picture."""

    image: ImageArray
    """(H, W, 3) uint8 BGR, upright: EXIF and container rotation are already applied."""
    index: int
    """Counts from 0. Of a live source: every frame that the camera gave has a number, dropped ones too."""
    timestamp_s: float
    """Seconds. In files the frame's PTS as the container has it; live: monotonic since start."""
    file: str | None = None
    """Of pictures: the path relative to the folder given, with forward slashes."""
    captured_s: float | None = None
    """Live only: the clock (`time.monotonic`) when the frame came, from which latency counts."""
    gap: Gap | None = None
    """Live only: the camera was away since the last frame that was handed out."""
    pixel_aspect: float = 1.0
    """Width / height of one pixel when the picture is shown. Boxes and keypoints are in pixels of `image`;
    lengths and angles mean something in square ones (`core.pixels`)."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]


@dataclass(frozen=True, eq=False)
class Detections:
    """The people that a detector found in one frame, best first unless the boxes were given."""

    boxes_xyxy: FloatArray
    """(N, 4) float32, pixels of the upright picture."""
    scores: FloatArray
    """(N,) float32 in 0..1; NaN where nobody scored the box (given boxes, the whole frame)."""

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    @staticmethod
    def empty() -> Detections:
        """Nobody."""
        return Detections(np.zeros((0, 4), np.float32), np.zeros((0,), np.float32))


@dataclass(frozen=True, eq=False)
class CropBatch:
    """The crops of one frame, ready for the network."""

    inputs: FloatArray
    """(N, 3, H, W) float32, RGB, mean subtracted, divided by the standard deviation."""
    centers: FloatArray
    """(N, 2) float32, image pixels."""
    scales: FloatArray
    """(N, 2) float32, (width, height) of the cut-out region in image pixels, padding included."""

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, eq=False)
class Pose:
    """One person in one frame."""

    box_xyxy: FloatArray
    """(4,) float32, the box that was cropped, image pixels."""
    box_score: float
    """0..1, or NaN where nobody scored the box; it then counts as 1."""
    keypoints: FloatArray
    """(K, 2) float32 image pixels, 0-based; NaN where the heatmap's maximum is <= 0."""
    scores: FloatArray
    """(K,) float32, the heatmaps' maxima."""
    score: float
    """Box score x mean of the keypoint scores above `SCORE_FLOOR` (the reference's instance score)."""
    track_id: int | None = None
    """From 1, never used again within a run; None without tracking."""
    keypoints_smoothed: FloatArray | None = None
    """(K, 2) as `keypoints`, after smoothing: what is drawn. None without smoothing."""

    scores_smoothed: FloatArray | None = None
    """(K,) as `scores`, after smoothing: with hysteresis, and low where a joint is not to be believed yet.
    None without smoothing."""

    @property
    def drawn_scores(self) -> FloatArray:
        """(K,): the smoothed ones where there are any, else the raw ones."""
        return self.scores if self.scores_smoothed is None else self.scores_smoothed

    @property
    def drawn_keypoints(self) -> FloatArray:
        """(K, 2): the smoothed ones where there are any, else the raw ones."""
        return self.keypoints if self.keypoints_smoothed is None else self.keypoints_smoothed

    def moved(
        self,
        function: Callable[[FloatArray], npt.NDArray[np.floating]],
        *,
        edges: Callable[[FloatArray], npt.NDArray[np.floating]] | None = None,
    ) -> Pose:
        """The pose with box, keypoints and smoothed keypoints mapped to the pixels of another picture.

        Keypoints are positions of pixel centres: the last column of a picture `width` wide is `width - 1`. A
        box lies on pixel edges: that of the full picture is (0, 0, width, height). The offset of
        a mapping therefore depends on which of the two it maps: a mirror image maps the keypoint x to
        width - 1 - x and the edge x to width - x.

        Args:
            function: (N, 2) x, y -> (N, 2), of pixel centres; NaN stays NaN.
            edges: the same mapping of pixel edges, (2, 2) corners -> (2, 2); None: `function` maps these too.

        Returns:
            The pose, float32; its box is the axis-aligned hull of the two moved corners, so that x1 < x2 and
            y1 < y2 hold after quarter turns and reflections.
        """

        def points(places: FloatArray) -> FloatArray:
            return function(places).astype(np.float32, copy=False)

        corners = (edges or function)(self.box_xyxy.reshape(2, 2))
        smoothed = self.keypoints_smoothed
        return replace(
            self,
            box_xyxy=np.concatenate([corners.min(axis=0), corners.max(axis=0)]).astype(np.float32),
            keypoints=points(self.keypoints),
            keypoints_smoothed=None if smoothed is None else points(smoothed),
        )


@dataclass(frozen=True, eq=False)
class FrameResult:
    """A frame and everybody in it: what sinks write and the window shows."""

    frame: Frame
    poses: tuple[Pose, ...] = field(default=())
    latency_s: float | None = None
    """Live only: from capture to the moment the result is handed to the sinks, in seconds."""
