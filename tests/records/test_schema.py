from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shufflecam.core.errors import SourceError
from shufflecam.core.skeleton import COCO_17, MPII_16
from shufflecam.core.types import Pose, SourceInfo
from shufflecam.records import schema as record
from shufflecam.records.decode import to_pose, to_poses, to_skeleton
from tests.helpers.people import figure, pose_of, result_of

VIDEO = SourceInfo("in.mp4", "video", (1920, 1080), Fraction(30000, 1001), 300)
MODEL = {"name": "shufflecam-256x192", "sha256": "ab" * 32, "input_size": (192, 256)}


def header(**extra: object) -> record.Record:
    detector = {"name": "given"}
    return record.header(VIDEO, model=MODEL, detector=detector, skeleton=COCO_17, version="1.2.3", **extra)


def strict(value: object) -> object:
    """Through JSON as others read it: NaN and numpy are errors, tuples become lists."""
    return json.loads(json.dumps(value, allow_nan=False))


def test_the_header_is_what_the_schema_says() -> None:
    assert strict(header()) == {
        "type": "header",
        "schema": "shufflecam/1",
        "version": "1.2.3",
        "source": {
            "path": "in.mp4",
            "kind": "video",
            "width": 1920,
            "height": 1080,
            "fps": pytest.approx(29.97002997),
            "frames": 300,
        },
        "model": {"name": "shufflecam-256x192", "sha256": "ab" * 32, "input_size": [192, 256]},
        "detector": {"name": "given"},
        "skeleton": {
            "name": "coco17",
            "keypoints": list(COCO_17.keypoints),
            "edges": [list(edge) for edge in COCO_17.edges],
        },
    }


def test_what_is_not_known_of_the_source_is_null() -> None:
    folder = SourceInfo("pictures", "images", None)
    source = record.header(folder, model={}, detector={}, skeleton=COCO_17, version="")["source"]
    assert source == {
        "path": "pictures", "kind": "images", "width": None, "height": None, "fps": None, "frames": None
    }  # fmt: skip


def test_more_can_be_said_in_any_type() -> None:
    said = header(mirrored=True, note=np.float32(0.5), array=np.arange(2), path=Path("a/b"), nothing=math.nan)
    said = strict(said)
    assert isinstance(said, dict)
    assert {key: said[key] for key in ("mirrored", "note", "array", "path", "nothing")} == {
        "mirrored": True, "note": 0.5, "array": [0, 1], "path": "a/b", "nothing": None
    }  # fmt: skip
    assert record.plain({"rate": Fraction(1, 2), 3: (1, {2})}) == {"rate": 0.5, "3": [1, [2]]}


def test_a_frame_is_what_the_schema_says() -> None:
    keypoints = np.full((17, 2), np.nan, np.float32)
    keypoints[0] = (12.34567, -0.00001)
    pose = Pose(
        box_xyxy=np.array([1, 2, 3.00049, 4], np.float32),
        box_score=0.88,
        keypoints=keypoints,
        scores=np.array([0.912345678] + [-0.1] * 16, np.float32),
        score=0.81,
        track_id=7,
    )
    assert strict(record.frame(result_of([pose], 3, 0.1))) == {
        "type": "frame",
        "frame": 3,
        "time": 0.1,
        "people": [
            {
                "id": 7,
                "score": 0.81,
                "box": [1.0, 2.0, 3.0, 4.0],
                "box_score": 0.88,
                "keypoints": [[12.346, 0.0, 0.91235]] + [None] * 16,
            }
        ],
    }


def test_a_frame_without_people_is_a_record_too() -> None:
    assert record.frame(result_of([], 9, 1.5)) == {"type": "frame", "frame": 9, "time": 1.5, "people": []}


def test_given_boxes_and_no_tracking_are_null() -> None:
    pose = replace(pose_of(figure(30, 45, 40)), box_score=math.nan, track_id=None)
    person = record.person(pose)
    assert person["box_score"] is None
    assert person["id"] is None
    assert "keypoints_smoothed" not in person


def test_smoothed_keypoints_stand_beside_the_raw_ones() -> None:
    joints = figure(30, 45, 40)
    smoothed = joints + 1
    smoothed[4] = np.nan
    person = record.person(replace(pose_of(joints), keypoints_smoothed=smoothed))
    assert person["keypoints"][0][:2] == [pytest.approx(float(v), abs=6e-4) for v in joints[0]]
    assert person["keypoints_smoothed"][0][:2] == [pytest.approx(float(v), abs=6e-4) for v in smoothed[0]]
    assert person["keypoints_smoothed"][0][2] == person["keypoints"][0][2]
    assert person["keypoints_smoothed"][4] is None


def test_pictures_carry_file_and_size_and_live_frames_their_latency() -> None:
    picture = record.frame(result_of([], file="sub/a.jpg", size=(64, 48)))
    assert (picture["file"], picture["size"]) == ("sub/a.jpg", [64, 48])
    # A video's pictures have the header's size; one that has not says so.
    assert "size" not in record.frame(result_of([], size=(64, 48)), size=(64, 48))
    assert record.frame(result_of([], size=(48, 64)), size=(64, 48))["size"] == [48, 64]
    live = record.frame(result_of([], latency_s=0.0431234567))
    assert live["latency"] == 0.043123
    assert "latency" not in picture
    assert "file" not in live


NUMBERS = st.one_of(
    st.floats(width=32, allow_nan=True, allow_infinity=True),
    st.floats(-100, 20000, width=32),
    st.just(float("nan")),
)


@st.composite
def poses(draw: st.DrawFn) -> Pose:
    count = draw(st.sampled_from([1, 16, 17]))
    keypoints = arrays(np.float32, (count, 2), elements=NUMBERS)
    smoothed = draw(st.none() | keypoints)
    return Pose(
        box_xyxy=draw(arrays(np.float32, 4, elements=NUMBERS)),
        box_score=draw(st.floats(0, 1) | st.just(math.nan)),
        keypoints=draw(keypoints),
        scores=draw(arrays(np.float32, count, elements=st.floats(-0.5, 1.5, width=32))),
        score=draw(st.floats(0, 1)),
        track_id=draw(st.none() | st.integers(1, 10**6)),
        keypoints_smoothed=smoothed,
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(poses(), max_size=3))
def test_what_is_read_back_is_written_again_unchanged(people: list[Pose]) -> None:
    once = strict(record.frame(result_of(people)))
    assert isinstance(once, dict)
    again = record.frame(result_of(list(to_poses(once))))
    assert strict(again) == once


@settings(max_examples=60, deadline=None)
@given(poses())
def test_a_pose_comes_back_as_it_was(pose: Pose) -> None:
    written = strict(record.person(pose))
    assert isinstance(written, dict)
    back = to_pose(written)
    finite = np.isfinite(pose.keypoints).all(axis=1)
    assert np.isnan(back.keypoints[~finite]).all()
    np.testing.assert_allclose(back.keypoints[finite], pose.keypoints[finite], atol=6e-4, rtol=2e-7)
    np.testing.assert_allclose(back.scores[finite], pose.scores[finite], atol=6e-6)
    if pose.keypoints_smoothed is None:
        assert not back.scores[~finite].any()
    boxed = np.isfinite(pose.box_xyxy)
    np.testing.assert_allclose(back.box_xyxy[boxed], pose.box_xyxy[boxed], atol=6e-4, rtol=2e-7)
    assert back.track_id == pose.track_id
    assert (back.keypoints_smoothed is None) == (pose.keypoints_smoothed is None)
    assert back.score == pytest.approx(pose.score, abs=6e-6)
    assert back.keypoints.dtype == back.scores.dtype == back.box_xyxy.dtype == np.float32


GOOD = record.person(pose_of(figure(30, 45, 40)))


@pytest.mark.parametrize(
    "people",
    [
        None,
        3,
        [None],
        [{}],
        [{**GOOD, "keypoints": None}],
        [{**GOOD, "keypoints": [[1, 2]]}],
        [{**GOOD, "keypoints": [["x", 2, 3]]}],
        [{**GOOD, "keypoints": [[1, 2, {}]]}],
        [{**GOOD, "box": [1, 2, 3]}],
        [{**GOOD, "box": "abcd"}],
        [{**GOOD, "id": "seven"}],
        [{**GOOD, "score": [1]}],
        [{**GOOD, "keypoints_smoothed": [None]}],
        [{**GOOD, "id": math.inf}],
    ],
)
def test_a_damaged_record_is_one_clear_error(people: object) -> None:
    with pytest.raises(SourceError, match="frame 5"):
        to_poses({"type": "frame", "frame": 5, "people": people})


@pytest.mark.parametrize("skeleton", [COCO_17, MPII_16])
def test_our_skeletons_come_back_as_themselves(skeleton) -> None:
    written = record.header(VIDEO, model={}, detector={}, skeleton=skeleton, version="")
    assert to_skeleton(written) is skeleton


def test_another_skeleton_comes_back_as_the_header_has_it() -> None:
    entry = {"name": "hand", "keypoints": ["wrist", "thumb"], "edges": [[0, 1]]}
    skeleton = to_skeleton({"skeleton": entry})
    assert (skeleton.name, skeleton.keypoints, skeleton.edges) == ("hand", ("wrist", "thumb"), ((0, 1),))
    assert len(skeleton.sigmas) == 2
    # The name of ours with other keypoints is not ours.
    assert to_skeleton({"skeleton": {**entry, "name": "coco17"}}).keypoints == ("wrist", "thumb")


@pytest.mark.parametrize(
    "damaged",
    [
        {},
        {"skeleton": None},
        {"skeleton": {"keypoints": 3, "edges": []}},
        {"skeleton": {"keypoints": ["a"], "edges": [[0, 1]]}},
        {"skeleton": {"keypoints": ["a"], "edges": [[0]]}},
        {"skeleton": {"keypoints": ["a"], "edges": [[-1, 0]]}},
        {"skeleton": {"name": [], "keypoints": ["a"], "edges": []}},
    ],
)
def test_a_header_without_a_skeleton_is_one_clear_error(damaged: dict) -> None:
    with pytest.raises(SourceError, match="skeleton"):
        to_skeleton(damaged)


def test_the_header_says_the_shape_of_pixels_that_are_not_square() -> None:
    header = {"model": {}, "detector": {}, "skeleton": COCO_17, "version": "0"}
    assert "pixel_aspect" not in record.header(VIDEO, **header)["source"]
    narrow = record.header(replace(VIDEO, pixel_aspect=64 / 45), **header)
    assert narrow["source"]["pixel_aspect"] == 64 / 45
    assert record.pixel_aspect_of(narrow) == 64 / 45


def test_a_frame_says_its_pixels_where_they_are_not_the_header_s() -> None:
    result = result_of([])
    wide = replace(result, frame=replace(result.frame, pixel_aspect=2.0))
    assert "pixel_aspect" not in record.frame(wide, pixel_aspect=2.0)
    assert record.frame(wide, pixel_aspect=1.5)["pixel_aspect"] == 2.0
    assert record.frame(result, pixel_aspect=1.5)["pixel_aspect"] == 1.0
