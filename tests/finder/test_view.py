from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shufflecam.cli.console import Terminal
from shufflecam.core.types import Frame, Pose, SourceInfo
from shufflecam.finder.rotation import best_rotation
from shufflecam.finder.view import ROTATIONS, View
from shufflecam.pipeline.stop import StopRequest

SIZE = (60, 40)

views = st.builds(
    View,
    crop=st.one_of(st.none(), st.just((7, 5, 31, 22)), st.just((0, 0, 60, 40))),
    rotate=st.sampled_from(ROTATIONS),
)


def pose_at(x: float, y: float, box: tuple[float, float, float, float]) -> Pose:
    points = np.array([(x, y), (np.nan, np.nan)], np.float32)
    return Pose(np.array(box, np.float32), 0.9, points, np.array([0.9, 0], np.float32), 0.8, 3, points + 1)


@given(views, st.integers(8, 36), st.integers(6, 25))
def test_what_is_found_in_the_view_is_told_in_the_whole(view: View, x: int, y: int) -> None:
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    image[y, x] = 255
    seen = view.of(image)
    assert seen.flags.c_contiguous
    rows, columns = np.nonzero(seen[..., 0])
    assert len(rows) == 1, "the pixel is in the view"
    sx, sy = int(columns[0]), int(rows[0])
    found = view.back(pose_at(sx, sy, (sx, sy, sx + 1, sy + 1)), SIZE)
    np.testing.assert_allclose(found.keypoints[0], (x, y))
    # The box is the pixel's own square, also after a turn, and in order.
    np.testing.assert_allclose(found.box_xyxy, (x, y, x + 1, y + 1))
    assert np.isnan(found.keypoints[1]).all(), "missing stays missing"
    assert found.keypoints_smoothed is not None
    assert found.track_id == 3


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_the_whole_views_box_is_the_parts(rotate: int) -> None:
    view = View((10, 4, 30, 20), rotate)
    height, width = view.of(np.zeros((SIZE[1], SIZE[0], 3), np.uint8)).shape[:2]
    found = view.back(pose_at(0, 0, (0, 0, width, height)), SIZE)
    np.testing.assert_allclose(found.box_xyxy, (10, 4, 40, 24))


def test_clockwise_is_clockwise() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[:5, :5] = 255  # top left goes to the top right
    assert View(rotate=90).of(image)[:5, -5:].all()
    assert View(rotate=270).of(image)[-5:, :5].all()


@dataclass(frozen=True)
class FakeOptions:
    """Networks that find somebody where the picture's top is bright."""

    track: bool = True
    smooth: bool = True
    det_every: int | str = "auto"
    view: View | None = None

    def load(self, *_: Any) -> Any:
        assert not self.track
        assert self.det_every == 1

        def find(image: np.ndarray) -> list[Pose]:
            top = float(image[: len(image) // 4].mean()) / 255
            return [pose_at(1, 1, (0, 0, 2, 2))] if top > 0.5 else []

        return find


class FakeSource:
    def __init__(self, picture: np.ndarray, frames: int) -> None:
        self._picture, self._frames, self.given = picture, frames, 0
        self.info = SourceInfo("fake", "video", (60, 40), Fraction(10))

    def frames(self):
        for index in range(self._frames):
            self.given += 1
            yield Frame(self._picture, index, 5 + index / 10)

    def close(self) -> None: ...


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_auto_finds_the_way_up(rotate: int) -> None:
    upright = np.zeros((60, 60, 3), np.uint8)
    upright[:15] = 255
    turned = View(rotate=(360 - rotate) % 360).of(upright)
    source = FakeSource(turned, 1000)
    options: Any = FakeOptions()
    assert best_rotation(source, View(), options, StopRequest(), Terminal(quiet=True)) == rotate
    assert source.given < 40, "five pictures with people are enough"


def test_auto_gives_up_after_a_minute_and_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    source = FakeSource(np.zeros((40, 60, 3), np.uint8), 10_000)
    options: Any = FakeOptions()
    assert best_rotation(source, View(), options, StopRequest(), Terminal()) == 0
    assert source.given < 620
    assert "nobody" in capfd.readouterr().err


@pytest.mark.parametrize(("rotate", "aspect"), [(0, 2.0), (90, 0.5), (180, 2.0), (270, 0.5)])
def test_a_quarter_turn_lays_the_pixels_on_their_sides(rotate: int, aspect: float) -> None:
    frame = Frame(np.zeros((SIZE[1], SIZE[0], 3), np.uint8), 3, 0.5, pixel_aspect=2.0)
    seen = View((10, 4, 30, 20), rotate).frame_of(frame)
    assert seen.pixel_aspect == aspect
    assert seen.size == ((30, 20) if rotate in (0, 180) else (20, 30))
    assert (seen.index, seen.timestamp_s) == (3, 0.5)
