from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shufflecam.core.angles import joint_angles
from shufflecam.core.errors import SourceError, UsageError
from shufflecam.core.pixels import poses_to_stored
from shufflecam.core.skeleton import COCO_17, MPII_16
from shufflecam.core.types import SourceInfo
from shufflecam.plot.series import Series, collect
from shufflecam.records import schema as record
from shufflecam.records.open import RecordTarget, read_record
from shufflecam.records.reader import SavedRecord
from tests.helpers.people import figure, pose_of, result_of

SIZE, RATE, SPEED = (320, 240), 10, 30.0
WRIST = COCO_17.keypoints.index("left_wrist")


@pytest.fixture
def saved(tmp_path: Path) -> SavedRecord:
    """Person 1 walks at 30 px/s for ten frames, away in the fifth; person 2 stands in three of them."""
    sink = RecordTarget(str(tmp_path / "a.jsonl")).open()
    info = SourceInfo("clip.mp4", "video", SIZE, None, 10)
    sink.begin(record.header(info, model={}, detector={}, skeleton=COCO_17, version="0"))
    for i in range(10):
        people = [] if i == 4 else [pose_of(figure(100 + i * SPEED / RATE, 200, 150), track_id=1)]
        if i < 3:
            people.insert(0, pose_of(figure(250, 210, 120), track_id=2))
        sink.write(result_of(people, i, i / RATE, size=SIZE))
    sink.close(complete=True)
    return read_record(tmp_path / "a.jsonl")


def test_whoever_is_in_most_frames_is_followed(saved: SavedRecord) -> None:
    series = collect(saved, ["left_wrist"], ["left_knee"])
    assert (series.person, series.size) == (1, SIZE)
    assert series.times == pytest.approx(np.arange(10) / RATE)
    expected = figure(100, 200, 150)
    assert series.joints["left_wrist"][0] == pytest.approx(expected[WRIST], abs=1e-3)
    assert np.isnan(series.joints["left_wrist"][4]).all()
    assert series.angles["left_knee"][0] == pytest.approx(
        joint_angles(expected, COCO_17.keypoints)["left_knee"], abs=0.05
    )
    assert np.flatnonzero(np.isnan(series.angles["left_knee"])).tolist() == [4]


def test_speed_is_in_pixels_a_second_and_unknown_beside_gaps(saved: SavedRecord) -> None:
    speed = collect(saved, ["left_wrist"], []).speed("left_wrist")
    assert np.flatnonzero(np.isnan(speed)).tolist() == [3, 4, 5]
    assert speed[~np.isnan(speed)] == pytest.approx(SPEED, abs=0.05)


def test_another_person_may_be_asked_for(saved: SavedRecord) -> None:
    wrist = collect(saved, ["left_wrist"], [], person=2).joints["left_wrist"]
    assert np.isfinite(wrist).all(axis=1).tolist() == [True] * 3 + [False] * 7
    with pytest.raises(UsageError, match="has no person 7; it has 1, 2"):
        collect(saved, [], ["left_knee"], person=7)


def test_what_is_not_sure_is_left_out(saved: SavedRecord) -> None:
    assert np.isnan(collect(saved, ["left_wrist"], [], kpt_thr=0.95).joints["left_wrist"]).all()


@pytest.mark.parametrize(
    ("joints", "angles", "says"),
    [
        (["left_wirst"], [], "no joint 'left_wirst'; did you mean left_wrist"),
        (["pelvis"], [], "no joint 'pelvis'; Known are nose, left_eye"),
        ([], ["left_kne"], "no angle 'left_kne'; did you mean left_knee"),
        ([], ["smile"], "Known are left_elbow"),
    ],
)
def test_unknown_names(joints: list[str], angles: list[str], says: str, saved: SavedRecord) -> None:
    with pytest.raises(UsageError, match=says):
        collect(saved, joints, angles)


def test_a_record_of_nobody(tmp_path: Path) -> None:
    sink = RecordTarget(str(tmp_path / "a.jsonl")).open()
    info = SourceInfo("clip.mp4", "video", SIZE, None, 1)
    sink.begin(record.header(info, model={}, detector={}, skeleton=MPII_16, version="0"))
    sink.write(result_of([]))
    sink.close(complete=True)
    with pytest.raises(SourceError, match="shows nobody in its 1 frame"):
        collect(read_record(tmp_path / "a.jsonl"), ["pelvis"], [])


@given(st.lists(st.floats(0.01, 3), min_size=1, max_size=30), st.floats(-500, 500), st.floats(-500, 500))
def test_the_speed_of_steady_movement_is_steady(steps: list[float], vx: float, vy: float) -> None:
    times = np.cumsum(steps)
    places = np.stack([vx * times, vy * times], axis=1)
    series = Series(times, {"nose": places}, {}, None, None)
    expected = np.hypot(vx, vy) if len(times) > 1 else np.nan
    assert series.speed("nose") == pytest.approx(
        np.full(len(times), expected), rel=1e-6, abs=1e-6, nan_ok=True
    )


@pytest.mark.parametrize("aspect", [2.0, 0.5])
def test_a_plot_is_of_the_picture_as_shown(aspect: float, tmp_path: Path) -> None:
    info = SourceInfo("clip.mp4", "video", SIZE, None, 10, pixel_aspect=aspect)
    sink = RecordTarget(str(tmp_path / "a.jsonl")).open()
    sink.begin(record.header(info, model={}, detector={}, skeleton=COCO_17, version="0"))
    shown = [figure(100 + i * SPEED / RATE, 200, 150) for i in range(4)]
    for i, joints in enumerate(shown):
        stored = poses_to_stored([pose_of(joints, track_id=1)], aspect)
        result = result_of(stored, i, i / RATE, size=SIZE)
        sink.write(replace(result, frame=replace(result.frame, pixel_aspect=aspect)))
    sink.close(complete=True)
    series = collect(read_record(tmp_path / "a.jsonl"), ["left_wrist"], ["left_knee"])
    assert series.size == (SIZE[0] * aspect, SIZE[1])
    np.testing.assert_allclose(series.joints["left_wrist"], [one[WRIST] for one in shown], atol=0.01)
    np.testing.assert_allclose(series.speed("left_wrist"), SPEED, atol=0.2)
    expected = joint_angles(shown[0], COCO_17.keypoints)["left_knee"]
    assert series.angles["left_knee"][0] == pytest.approx(expected, abs=0.05)
