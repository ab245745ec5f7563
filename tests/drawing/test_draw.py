from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shufflecam.core.geometry import clip_segment
from shufflecam.core.pixels import poses_to_stored
from shufflecam.core.skeleton import COCO_17, MPII_16, Skeleton
from shufflecam.drawing.draw import draw, edge_side, joint_side, line_thickness
from shufflecam.drawing.look import PALETTES, STYLES, Look
from shufflecam.drawing.text import draw_hud
from tests.helpers.people import figure, pose_of

PLAIN = Look(ids=False)
FEW = Look(ids=False, fewest_joints=1)


def picture(width: int = 320, height: int = 240, value: int = 128) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def one(**changes: object) -> list:
    return [replace(pose_of(figure(160, 230, 210), track_id=1), **changes)]


def near(image: np.ndarray, point: np.ndarray) -> np.ndarray:
    x, y = np.rint(point).astype(int)
    return image[y, x]


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after).any(axis=2)


def test_the_picture_given_stays_unless_it_is_asked_for() -> None:
    image = picture()
    before = image.copy()
    drawn = draw(image, one(), COCO_17)
    np.testing.assert_array_equal(image, before)
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert changed(before, drawn).any()
    same = draw(image, one(), COCO_17, in_place=True)
    assert same is image
    np.testing.assert_array_equal(image, drawn)


def test_a_read_only_or_turned_picture_can_be_drawn_upon() -> None:
    image = picture()[::-1, :, ::-1]
    image.flags.writeable = False
    assert changed(image, draw(image, one(), COCO_17)).any()


@pytest.mark.parametrize("palette", ["classic", "colorblind"])
def test_sides_have_their_colours_in_bgr(palette: str) -> None:
    pose = one()[0]
    drawn = draw(picture(), [pose], COCO_17, Look(palette=palette, ids=False))
    for joint, side in (
        (9, "left"),
        (10, "right"),
        (0, "middle"),
        (1, "middle"),
        (15, "left"),
        (12, "right"),
    ):
        assert joint_side(COCO_17, joint) == side
        assert tuple(near(drawn, pose.keypoints[joint])) == PALETTES[palette][side][::-1]


def test_the_reference_colours_are_what_people_know() -> None:
    assert PALETTES["classic"] == {"left": (0, 255, 0), "right": (255, 128, 0), "middle": (51, 153, 255)}


@pytest.mark.parametrize(
    ("skeleton", "a", "b", "side"),
    [
        (COCO_17, "left_knee", "left_hip", "left"),
        (COCO_17, "right_shoulder", "right_elbow", "right"),
        (COCO_17, "left_hip", "right_hip", "middle"),
        (COCO_17, "left_shoulder", "left_hip", "middle"),
        (COCO_17, "left_eye", "left_ear", "middle"),
        (COCO_17, "left_ear", "left_shoulder", "middle"),
        (COCO_17, "nose", "right_eye", "middle"),
        (MPII_16, "right_hip", "pelvis", "right"),
        (MPII_16, "left_shoulder", "thorax", "left"),
        (MPII_16, "pelvis", "thorax", "middle"),
        (MPII_16, "upper_neck", "head_top", "middle"),
    ],
)
def test_links_have_the_colours_that_people_know(skeleton, a: str, b: str, side: str) -> None:
    assert edge_side(skeleton, skeleton.keypoints.index(a), skeleton.keypoints.index(b)) == side


def test_only_what_is_above_the_threshold_is_drawn() -> None:
    pose = one()[0]
    scores = np.full(17, 0.29, np.float32)
    assert not changed(picture(), draw(picture(), [replace(pose, scores=scores)], COCO_17)).any()
    scores[9] = 0.3
    touched = changed(picture(), draw(picture(), [replace(pose, scores=scores)], COCO_17, FEW))
    rows, columns = np.nonzero(touched)
    # The joint alone: its link to the elbow has only one end.
    assert np.abs(columns - pose.keypoints[9, 0]).max() < 8
    assert np.abs(rows - pose.keypoints[9, 1]).max() < 8


def test_a_link_is_drawn_between_its_joints_and_nowhere_else() -> None:
    pose = one()[0]
    scores = np.zeros(17, np.float32)
    scores[[13, 15]] = 0.9  # left knee and ankle
    drawn = draw(picture(), [replace(pose, scores=scores)], COCO_17, FEW)
    middle = (pose.keypoints[13] + pose.keypoints[15]) / 2
    blue, green, red = near(drawn, middle).tolist()  # a thin line: its pixels are partly background
    assert green > 200
    assert max(blue, red) < 60
    rows, _ = np.nonzero(changed(picture(), drawn))
    assert rows.min() > pose.keypoints[13, 1] - 8
    assert rows.max() < pose.keypoints[15, 1] + 8


def test_the_smoothed_keypoints_are_what_is_drawn() -> None:
    raw = pose_of(figure(60, 230, 210))
    moved = figure(260, 230, 210)
    touched = changed(picture(), draw(picture(), [replace(raw, keypoints_smoothed=moved)], COCO_17, PLAIN))
    assert not touched[:, :150].any()
    assert touched[:, 200:].any()


def test_missing_joints_are_left_out() -> None:
    pose = one()[0]
    pose.keypoints[:] = np.nan
    assert not changed(picture(), draw(picture(), [pose], COCO_17)).any()
    pose = one(scores=np.full(17, np.nan, np.float32))[0]
    assert not changed(picture(), draw(picture(), [pose], COCO_17)).any()


def test_parts_can_be_left_out_and_added() -> None:
    def touched(look: Look) -> int:
        return int(changed(picture(), draw(picture(), one(), COCO_17, look)).sum())

    joints = touched(Look(ids=False, edges=False))
    edges = touched(Look(ids=False, joints=False))
    assert 0 < joints < touched(PLAIN)
    assert 0 < edges < touched(PLAIN) < touched(Look())  # the id's label
    assert touched(Look(ids=False, boxes=True)) > touched(PLAIN)
    assert touched(Look(ids=False, joints=False, edges=False)) == 0


def test_without_an_id_there_is_no_label() -> None:
    without = draw(picture(), one(track_id=None), COCO_17)
    np.testing.assert_array_equal(without, draw(picture(), one(), COCO_17, PLAIN))


def test_on_black_nothing_of_the_picture_is_left() -> None:
    drawn = draw(picture(value=200), one(), COCO_17, Look(skeleton_only=True))
    assert (drawn[:, :40] == 0).all()
    assert drawn.any()


def test_lines_are_thicker_on_larger_pictures() -> None:
    assert line_thickness((640, 480)) == pytest.approx(1.8, abs=0.3)
    assert line_thickness((1080, 1920)) == pytest.approx(4.0, abs=0.3)

    def width_of_arm(scale: int) -> int:
        pose = pose_of(figure(160 * scale, 230 * scale, 210 * scale))
        drawn = draw(picture(320 * scale, 240 * scale), [pose], COCO_17, Look(ids=False, joints=False))
        row = round(float(pose.keypoints[[7, 9], 1].mean()))
        right = drawn[row, round(float(pose.keypoints[[5, 7], 0].mean())) :]
        return int((right != 128).any(axis=1).sum())

    assert width_of_arm(6) > 2 * width_of_arm(1)


def test_an_arm_that_ends_far_outside_points_the_right_way() -> None:
    pose = one()[0]
    pose.keypoints[7] = (160, 120)
    pose.keypoints[9] = (160 + 1e7, 120 + 1e7)  # 45 degrees down to the right
    scores = np.zeros(17, np.float32)
    scores[[7, 9]] = 0.9
    drawn = draw(picture(), [replace(pose, scores=scores)], COCO_17, FEW)
    for step in (20, 60, 100):
        assert tuple(drawn[120 + step, 160 + step]) == (0, 255, 0)


COORDINATES = st.one_of(
    st.floats(width=32, allow_nan=True, allow_infinity=True),
    st.floats(-500, 800, width=32),
    st.sampled_from([2.0**31, -(2.0**31), 2.0**27, 1e30, -0.0]),
)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float32, (17, 2), elements=COORDINATES),
    arrays(np.float32, 4, elements=COORDINATES),
    st.sampled_from([(1, 1), (3, 200), (200, 3), (320, 240)]),
)
def test_any_numbers_at_all_can_be_drawn(keypoints: np.ndarray, box: np.ndarray, size: tuple) -> None:
    pose = replace(one()[0], keypoints=keypoints, box_xyxy=box)
    drawn = draw(picture(*size), [pose], COCO_17, Look(boxes=True))
    assert drawn.shape == (size[1], size[0], 3)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float64, 2, elements=st.floats(-300, 300)),
    arrays(np.float64, 2, elements=st.floats(-300, 300)),
)
def test_a_segment_is_cut_where_the_picture_ends(a: np.ndarray, b: np.ndarray) -> None:
    cut = clip_segment(a, b, (101, 51))
    share = np.linspace(0, 1, 400)[:, None]
    points = a + share * (b - a)
    inside = points[((points >= 0) & (points <= (100, 50))).all(axis=1)]
    if cut is None:
        assert len(inside) == 0
        return
    start, end = cut
    low, high = np.minimum(start, end) - 1e-6, np.maximum(start, end) + 1e-6
    assert ((inside >= low) & (inside <= high)).all()
    for point in cut:
        assert (point >= 0).all()
        assert (point <= (100, 50)).all()


def test_the_hud_is_readable_and_within_its_strip() -> None:
    image = picture(640, 480, 255)
    drawn = draw_hud(image, ["latency 43 ms", "people 3"])
    touched = np.flatnonzero(changed(image, drawn).any(axis=1))
    assert touched[0] == 0
    assert touched[-1] < 480 * 0.2
    assert (drawn[: touched[-1]] > 220).any()
    assert (image == 255).all()


@pytest.mark.parametrize("size", [(1, 1), (40, 30), (160, 120), (3840, 2160)])
def test_the_hud_fits_every_picture(size: tuple) -> None:
    drawn = draw_hud(
        picture(*size), "latency 43 ms   camera 30.0   inference 28.1 fps   people 3   dropped 12"
    )
    assert drawn.shape == (size[1], size[0], 3)
    if size[0] > 300:
        assert (drawn[:, -5:] < 200).all()  # not cut at the right edge


def test_opencv_still_takes_sub_pixel_ends() -> None:
    # What the drawing relies on: sixteenths of a pixel, and a line half a pixel lower looks different.
    whole, half = picture(20, 20, 0), picture(20, 20, 0)
    cv2.line(whole, (32, 160), (288, 160), (255, 255, 255), 1, cv2.LINE_AA, 4)
    cv2.line(half, (32, 168), (288, 168), (255, 255, 255), 1, cv2.LINE_AA, 4)
    assert (whole != half).any()


@pytest.mark.parametrize("skeleton", [COCO_17, MPII_16], ids=lambda skeleton: skeleton.name)
@pytest.mark.parametrize("style", list(STYLES))
def test_every_style_draws_every_skeleton(style: str, skeleton) -> None:
    points = np.stack(
        [np.linspace(20, 300, len(skeleton.keypoints)), np.linspace(30, 200, len(skeleton.keypoints))], 1
    )
    pose = pose_of(points.astype(np.float32))
    assert changed(picture(), draw(picture(), [pose], skeleton, Look(style=style))).any()


def test_styles_differ() -> None:
    drawn = {style: draw(picture(640, 480), one(), COCO_17, Look(style=style)) for style in STYLES}
    assert len({image.tobytes() for image in drawn.values()}) == len(STYLES)
    minimal = drawn["minimal"][changed(picture(640, 480), drawn["minimal"])].astype(int)
    assert np.ptp(minimal, axis=1).max() == 0, "white and shades of grey alone"


def test_openpose_has_a_neck() -> None:
    pose = one()[0]
    scores = np.zeros(17, np.float32)
    scores[[0, 5, 6]] = 0.9  # nose and shoulders
    look = Look(style="openpose", ids=False, fewest_joints=1)
    drawn = draw(picture(value=0), [replace(pose, scores=scores)], COCO_17, look)
    neck = pose.keypoints[[5, 6]].mean(axis=0)
    between = (neck + pose.keypoints[0]) / 2
    assert near(drawn, between).any(), "the nose hangs on the neck"
    scores[5] = 0
    look = Look(style="openpose", ids=False, fewest_joints=1)
    drawn = draw(picture(value=0), [replace(pose, scores=scores)], COCO_17, look)
    assert not near(drawn, between).any()


@pytest.mark.parametrize("style", list(STYLES))
def test_the_line_width_that_is_given_is_the_lines_width(style: str) -> None:
    pose = one()[0]
    scores = np.zeros(17, np.float32)
    scores[[13, 15]] = 0.9  # left knee and ankle, one below the other
    look = Look(style=style, thickness=12, joints=False, ids=False, fewest_joints=1)
    drawn = draw(picture(value=0), [replace(pose, scores=scores)], COCO_17, look)
    row = drawn[round(float(pose.keypoints[[13, 15], 1].mean()))]
    assert abs(int((row.max(axis=1) > 100).sum()) - 12) <= 2


@pytest.mark.parametrize("aspect", [2.0, 0.5, 64 / 45])
@pytest.mark.parametrize("style", ["shufflecam", "openpose", "minimal"])
def test_on_an_anamorphic_picture_people_look_as_on_a_square_one(style: str, aspect: float) -> None:
    look = Look(style=style, boxes=True, thickness=10)
    pose = pose_of(figure(240, 440, 400), track_id=8)
    square = draw(picture(480, 480, 0), [pose], COCO_17, look)
    stored = picture(round(480 / aspect), 480, 0)
    drawn = draw(stored, poses_to_stored([pose], aspect), COCO_17, look, pixel_aspect=aspect)
    shown = cv2.resize(drawn, (480, 480), interpolation=cv2.INTER_AREA if aspect < 1 else cv2.INTER_LINEAR)
    plain = draw(stored, poses_to_stored([pose], aspect), COCO_17, look)
    stretched = cv2.resize(plain, (480, 480), interpolation=cv2.INTER_LINEAR)
    off = np.abs(shown.astype(int) - square).mean()
    assert off < 0.6 * np.abs(stretched.astype(int) - square).mean()
    lit, wanted = (one.max(axis=2) > 100 for one in (shown, square))
    assert lit.sum() == pytest.approx(wanted.sum(), rel=0.12)


@pytest.mark.parametrize("aspect", [2.0, 0.5, 10 / 11])
def test_dots_are_round_and_lines_even_when_they_are_shown(aspect: float) -> None:
    nose_only = np.array([0.9] + [0.0] * 16, np.float32)
    pose = replace(pose_of(np.full((17, 2), 100.0) / [aspect, 1]), scores=nose_only)
    drawn = draw(
        picture(round(200 / aspect), 200, 0),
        [pose],
        COCO_17,
        Look(thickness=16, fewest_joints=1),
        pixel_aspect=aspect,
    )
    rows, columns = (drawn.max(axis=2) > 100).nonzero()
    across, down = (np.ptp(columns) + 1) * aspect, np.ptp(rows) + 1
    assert across == pytest.approx(down, abs=1.5 + 2 * aspect)
    assert 45 < down < 56


def test_strokes_far_outside_do_no_harm() -> None:
    pose = pose_of(np.array([[(-1) ** i * 10.0**9, i * 10.0**8] for i in range(17)]))
    draw(picture(), [pose], COCO_17, Look(boxes=True), pixel_aspect=0.2)


def test_who_has_too_few_joints_to_show_is_not_drawn() -> None:
    pose = one()[0]
    for count in (3, 4):
        scores = np.where(np.arange(17) < count, 0.9, 0.1).astype(np.float32)
        drawn = draw(picture(), [replace(pose, scores=scores)], COCO_17, Look(boxes=True))
        assert changed(picture(), drawn).any() == (count == 4)


def test_what_is_shown_goes_by_the_smoothed_scores() -> None:
    pose = one()[0]
    hidden = replace(pose, keypoints_smoothed=pose.keypoints, scores_smoothed=np.zeros(17, np.float32))
    assert not changed(picture(), draw(picture(), [hidden], COCO_17)).any()


def test_a_skeleton_of_three_joints_is_drawn_when_all_are_there() -> None:
    skeleton = Skeleton("arm", ("shoulder", "elbow", "wrist"), ((0, 1), (1, 2)), (0.08,) * 3, upper_body=())
    pose = pose_of(np.array([[20, 20], [30, 30], [40, 20]], np.float32))
    assert changed(picture(), draw(picture(), [pose], skeleton)).any()
    two = replace(pose, scores=np.array([0.9, 0.9, 0.1], np.float32))
    assert not changed(picture(), draw(picture(), [two], skeleton)).any()
