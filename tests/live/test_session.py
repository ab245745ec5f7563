"""What the keys do to a run, with a face that presses them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from shufflecam.core.skeleton import COCO_17
from shufflecam.core.stats import Stats
from shufflecam.core.types import Frame, FrameResult, Pose
from shufflecam.drawing.look import Look
from shufflecam.live.compose import Appearance
from shufflecam.live.hud import Figures, LiveFigures
from shufflecam.live.saving import Recorder
from shufflecam.live.session import LiveOutputs, LiveSession
from shufflecam.live.state import LiveState
from tests.helpers.people import figure, pose_of
from tests.live.test_saving import HEADER, times_of


class Source:
    given, dropped = 5, 1
    trouble: str | None = None


class FakeFace:
    """Remembers what it was shown and presses what it is told."""

    closed = False

    def __init__(self, wants_picture: bool = True) -> None:
        self.wants_picture = wants_picture
        self.keys = ""
        self.pictures: list[np.ndarray] = []
        self.figures = Figures()
        self.is_closed = False

    def _key(self) -> int | None:
        key, self.keys = self.keys[:1], self.keys[1:]
        return ord(key) if key else None

    def show(self, picture, result, figures, state) -> int | None:
        self.pictures.append(picture.copy())
        self.figures = figures
        return self._key()

    def poll(self) -> int | None:
        return self._key()

    def close(self) -> None:
        self.is_closed = True


class Run:
    """A show with its parts, fed by hand."""

    def __init__(
        self,
        folder: Path,
        state: LiveState | None = None,
        wants_picture: bool = True,
        look: Look | None = None,
    ) -> None:
        self.face, self.said, self.now = FakeFace(wants_picture), [], 0.0
        self.source = Source()
        self.recorder = Recorder(folder, size=(64, 48))
        self.show = LiveSession(
            LiveFigures(Stats(lambda: self.now), self.source, clock=lambda: self.now),
            Appearance(COCO_17, look or Look()),
            [self.face],
            LiveOutputs(self.recorder, folder, HEADER, self.said.append),
            state or LiveState(ids=False),
            clock=lambda: self.now,
        )
        self.count = 0

    def frame(self, shade: int = 50, keys: str = "") -> FrameResult:
        self.face.keys += keys
        image = np.full((48, 64, 3), shade, np.uint8)
        pose = pose_of(figure(20, 46, 40), track_id=1)
        result = FrameResult(Frame(image, self.count, self.count * 0.25), (pose,), 0.02)
        self.show.write(result)
        self.count += 1
        self.now += 0.25
        return result


def test_frames_are_shown_drawn(tmp_path: Path) -> None:
    run = Run(tmp_path)
    result = run.frame(50)
    assert (run.face.pictures[0][:, 40:] == 50).all()
    assert (run.face.pictures[0] != 50).any()
    assert (result.frame.image == 50).all()
    assert run.face.figures.people == 1


def test_nothing_is_drawn_where_nobody_looks(tmp_path: Path) -> None:
    run = Run(tmp_path, wants_picture=False)
    run.frame()
    assert run.face.pictures[0].size == 0


def test_q_ends_it_and_closing_closes(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.frame()
    assert not run.show.wants_end
    run.frame(keys="q")
    assert run.show.wants_end
    run.show.close(complete=True)
    assert run.face.is_closed


def test_a_frozen_picture_stands_while_keys_still_change_it(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.frame(50, keys=" ")
    run.frame(90)
    assert run.face.pictures[-1][5, 60].tolist() == [50, 50, 50]
    run.face.keys = "k"
    run.show.tick()
    run.face.keys = "k"
    run.show.tick()
    assert run.face.pictures[-1][5, 60].tolist() == [0, 0, 0]  # on black, without a new frame
    run.face.keys = " "
    run.show.tick()
    run.frame(120)
    assert run.show.state.view == "black"
    assert not run.show.state.paused


def test_recording_by_key_goes_on_while_frozen_and_is_not_mirrored(tmp_path: Path) -> None:
    run = Run(tmp_path, LiveState(mirror=True, ids=False))
    run.frame(50, keys="r")
    run.frame(60, keys=" ")
    for shade in (65, 70, 75, 80, 80):
        run.frame(shade)
    assert run.face.figures.recorded_s == pytest.approx(1.25)
    run.frame(80, keys="r")
    run.show.close(complete=True)
    (path,) = run.recorder.files
    np.testing.assert_allclose(times_of(path), np.arange(7) / 4, atol=1e-3)
    assert any("recorded" in text for text in run.said)
    video = cv2.VideoCapture(str(path))
    last = [video.read()[1] for _ in range(7)][-1]
    assert abs(int(last[5, 60, 0]) - 80) < 12  # went on under the frozen picture
    assert last[:, :32].std() > last[:, 32:].std()  # the person stays at the left


def test_a_recording_that_cannot_be_written_leaves_the_run_alone(tmp_path: Path) -> None:
    run = Run(tmp_path / "none")
    run.frame(keys="r")
    run.frame()
    assert not run.show.state.recording
    assert any("there is no folder" in text for text in run.said)
    run.frame()
    assert len(run.face.pictures) == 3


def test_snapshots(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.frame(keys="s")
    run.frame(keys="s")
    run.frame()
    assert len(list(tmp_path.glob("*.png"))) == len(list(tmp_path.glob("*.json"))) == 2
    assert sum("saved" in text for text in run.said) == 2
    assert "saved" in run.show.state.message
    run.now += 10
    run.frame()
    assert run.show.state.message == ""


def test_a_snapshot_that_fails_is_said_and_no_more(tmp_path: Path) -> None:
    run = Run(tmp_path / "none")
    run.frame(keys="s")
    assert any("--save-to" in text for text in run.said)
    run.show.close(complete=True)


def test_a_camera_that_goes_away_and_comes_back_is_said_once_each(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.frame()
    for seconds in range(4):
        run.source.trouble = f"The camera is gone; trying again ({seconds} s)"
        run.now += 1
        run.show.tick()
    assert run.face.figures.trouble == "The camera is gone; trying again (3 s)"
    run.source.trouble = None
    run.frame()
    run.frame()
    assert run.said == ["The camera is gone; trying again", "back after 3.0 s"]


def test_somebody_missed_for_a_moment_stays_hidden(tmp_path: Path) -> None:
    run = Run(tmp_path, LiveState(ids=False), look=Look(blur_faces=True, joints=False, edges=False))
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (48, 64, 3), np.uint8)
    joints = figure(20, 46, 40)
    x, y = (int(value) for value in joints[0])  # the nose
    face = (slice(y - 1, y + 2), slice(x - 1, x + 2))

    def shown(poses: tuple[Pose, ...], time_s: float) -> np.ndarray:
        image = noise.copy()
        run.show.write(FrameResult(Frame(image, run.count, time_s), poses, 0.02))
        run.count += 1
        assert (image == noise).all()  # the source's own picture stays as it is
        return run.face.pictures[-1][face]

    assert (shown((pose_of(joints, track_id=1),), 0.0) != noise[face]).any()
    assert (shown((), 0.5) != noise[face]).any()
    assert (shown((), 9.0) == noise[face]).all()  # long gone: whoever stands there was not found


def test_people_see_square_pixels_and_the_recording_keeps_the_stored_ones(tmp_path: Path) -> None:
    run = Run(tmp_path, LiveState(ids=False, recording=True))
    image = np.full((48, 64, 3), 50, np.uint8)
    frame = Frame(image, 0, 0.0, pixel_aspect=2.0)
    run.show.write(FrameResult(frame, (pose_of(figure(20, 46, 40), track_id=1),), 0.02))
    assert run.face.pictures[0].shape == (48, 128, 3)
    run.show.close(complete=True)
    (recording,) = run.recorder.files
    picture = cv2.VideoCapture(str(recording)).read()[1]
    assert picture.shape == (48, 64, 3)
