"""A view of the picture: the region that is searched for people, and its rotation.

Axes: x right, y down, pixel centres at integers, so the last column of a picture of width w is w - 1.
Boxes are edges: that of the full picture is 0, 0, w, h. numpy and OpenCV are imported on first use, because
settings contain a view.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from shufflecam.core.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from shufflecam.core.types import FloatArray, Frame, ImageArray, Pose

ROTATIONS = (0, 90, 180, 270)

AUTO: Final = "auto"


@dataclass(frozen=True)
class View:
    """A region of the picture, then rotated."""

    crop: tuple[int, int, int, int] | None = None
    """x, y, width, height in pixels of the upright picture; None: the full picture."""
    rotate: int | Literal["auto"] = 0
    """Clockwise degrees that make people stand upright: 0, 90, 180 or 270. "auto" is what a run is given,
    and resolved before frames are processed (`finder.rotation.settled`)."""

    @property
    def degrees(self) -> int:
        """The resolved rotation. Raises UsageError if it is still "auto", or no quarter turn."""
        if self.rotate == AUTO or self.rotate not in ROTATIONS:
            raise UsageError(f"A view's rotation is 0, 90, 180 or 270 degrees here, not {self.rotate}.")
        return self.rotate

    def check(self, size: tuple[int, int]) -> None:
        """Raise UsageError if the region does not fit into a picture of (width, height)."""
        if self.crop is None:
            return
        x, y, width, height = self.crop
        if x + width > size[0] or y + height > size[1]:
            raise UsageError(
                f"--crop {x},{y},{width},{height} reaches past the picture, which is {size[0]}x{size[1]} "
                "pixels."
            )

    def header_fields(self) -> dict[str, Any]:
        """Return the view's fields of the record header."""
        return {"view": {"rotate": self.degrees, "crop": None if self.crop is None else list(self.crop)}}

    def of(self, image: ImageArray) -> ImageArray:
        """Return the view of an image: (H, W, 3) -> (h, w, 3), contiguous; unchanged if that is all of it."""
        import cv2
        import numpy as np

        if self.crop is not None:
            x, y, width, height = self.crop
            image = image[y : y + height, x : x + width]
        codes = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
        if self.degrees:
            image = cv2.rotate(image, codes[self.degrees])
        return np.ascontiguousarray(image)

    def frame_of(self, frame: Frame) -> Frame:
        """Return the frame with the view as its picture; a quarter turn inverts the pixel aspect ratio."""
        aspect = 1.0 / frame.pixel_aspect if self.degrees in (90, 270) else frame.pixel_aspect
        return replace(frame, image=self.of(frame.image), pixel_aspect=aspect)

    def back(self, pose: Pose, size: tuple[int, int]) -> Pose:
        """Map a pose found in `of` a picture of (width, height) back to that picture's pixels."""
        import numpy as np

        x, y, width, height = self.crop if self.crop is not None else (0, 0, *size)
        corner = np.array([x, y])
        return pose.moved(
            lambda points: self._turn_back(points, width - 1, height - 1) + corner,
            edges=lambda corners: self._turn_back(corners, width, height) + corner,
        )

    def _turn_back(self, points: FloatArray, right: float, bottom: float) -> npt.NDArray[np.floating]:
        """Map (N, 2) points of the rotated region to the unrotated one, with far corner (right, bottom)."""
        import numpy as np

        x, y = points[:, 0], points[:, 1]
        if self.rotate == 90:
            x, y = y, bottom - x
        elif self.rotate == 180:
            x, y = right - x, bottom - y
        elif self.rotate == 270:
            x, y = right - y, x
        return np.stack([x, y], axis=1)
