"""The values that flow through shufflecam, one per stage::

    Frame -> Detections -> CropBatch -> heatmaps (a plain array) -> Pose -> FrameResult

All are frozen: a stage takes one and returns the next. Sizes are (width, height), arrays are
(H, W, ...), the box format is in the name, and missing values are NaN, never (0, 0).
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
    """Metadata of a source, known before its first frame."""

    path: str
    """As the user wrote it: a file, a folder, a URL or a camera's index."""
    kind: SourceKind
    size: tuple[int, int] | None
    """(width, height) of the upright picture in pixels; None for a folder, where sizes differ."""
    fps: Fraction | None = None
    """Nominal frame rate, exact (29.97 is 30000/1001); None if unknown or highly variable."""
    frames: int | None = None
    """Expected number of frames, for progress only: containers are often off by a few."""
    pixel_aspect: float = 1.0
    """Width / height of a pixel when the picture is displayed; see `core.pixels`."""
    notes: tuple[str, ...] = ()
    """Messages for the user: implausible metadata, and what is assumed instead."""

    @property
    def live(self) -> bool:
        """Whether frames come at their own pace and late ones are dropped."""
        return self.kind in ("camera", "stream", "replay")


@dataclass(frozen=True)
class Gap:
    """An interval in which a live source delivered nothing: unplugged, switched off, or silent."""

    from_s: float
    """Timestamp of the last frame before the gap."""
    to_s: float
    """Timestamp of the first frame after it."""
    reason: str


@dataclass(frozen=True, eq=False)
class Frame:
    """One upright picture."""

    image: ImageArray
    """(H, W, 3) uint8 BGR, upright: EXIF and container rotation are already applied."""
    index: int
    """Counts from 0. For a live source, every frame that the camera delivered counts, dropped ones too."""
    timestamp_s: float
    """Seconds. Files: the frame's PTS in the container; live: monotonic since start."""
    file: str | None = None
    """Pictures only: the path relative to the given folder, with forward slashes."""
    captured_s: float | None = None
    """Live only: `time.monotonic` at arrival of the frame; latency is measured from it."""
    gap: Gap | None = None
    """Live only: the gap between this frame and the last one that was delivered."""
    pixel_aspect: float = 1.0
    """Width / height of a pixel when the picture is displayed. Boxes and keypoints are in pixels of `image`;
    lengths and angles are meaningful in square ones only (`core.pixels`)."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]


@dataclass(frozen=True, eq=False)
class Detections:
    """The people detected in one frame, by descending score unless the boxes were given."""

    boxes_xyxy: FloatArray
    """(N, 4) float32, pixels of the upright picture."""
    scores: FloatArray
    """(N,) float32 in 0..1; NaN for boxes without a score (given boxes, the full frame)."""

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    @staticmethod
    def empty() -> Detections:
        """Return an empty result."""
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
    """0..1, or NaN for a box without a score, which counts as 1."""
    keypoints: FloatArray
    """(K, 2) float32 image pixels, 0-based; NaN where the heatmap's maximum is <= 0."""
    scores: FloatArray
    """(K,) float32, the heatmaps' maxima."""
    score: float
    """Box score x mean of the keypoint scores above `SCORE_FLOOR` (the reference's instance score)."""
    track_id: int | None = None
    """From 1, never reused within a run; None without tracking."""
    keypoints_smoothed: FloatArray | None = None
    """(K, 2) `keypoints` after smoothing: what is drawn. None without smoothing."""

    scores_smoothed: FloatArray | None = None
    """(K,) `scores` after smoothing: with hysteresis, and low while a joint is not yet confirmed.
    None without smoothing."""

    @property
    def drawn_scores(self) -> FloatArray:
        """(K,): the smoothed scores if there are any, else the raw ones."""
        return self.scores if self.scores_smoothed is None else self.scores_smoothed

    @property
    def drawn_keypoints(self) -> FloatArray:
        """(K, 2): the smoothed keypoints if there are any, else the raw ones."""
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
    """A frame and the poses in it: what sinks write and the window shows."""

    frame: Frame
    poses: tuple[Pose, ...] = field(default=())
    latency_s: float | None = None
    """Live only: seconds from capture until the result is passed to the sinks."""
