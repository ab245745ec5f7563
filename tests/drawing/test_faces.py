from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shufflecam.core.pixels import poses_to_stored
from shufflecam.core.skeleton import COCO_17, MPII_16
from shufflecam.core.types import Frame, FrameResult, Pose
from shufflecam.drawing.draw import draw
from shufflecam.drawing.drawer import drawer
from shufflecam.drawing.faces import CELLS, FaceMemory, face_areas, hide_faces
from shufflecam.drawing.look import Look
from shufflecam.finder.view import View
from tests.helpers.people import figure, pose_of

HEIGHT = 400  # of the person, in pixels
CHIN_TO_TOP = slice(12, 72)  # rows of the head of a person of 400 px who stands on row 410


def noise(width: int = 480, height: int = 420) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def person(**changes: object) -> Pose:
    box = np.array([150, 8, 330, 418], np.float32)  # as a detector has it: with hair and soles
    return replace(pose_of(figure(240, 410, HEIGHT), track_id=1), **{"box_xyxy": box, **changes})


def only(*names: str) -> np.ndarray:
    return np.array([0.9 if name in names else 0.0 for name in COCO_17.keypoints], np.float32)


def hidden(pose: Pose, skeleton=COCO_17) -> np.ndarray:
    """(H, W) bool: what changed."""
    before = noise()
    after = before.copy()
    hide_faces(after, [pose], skeleton)
    return (before != after).any(axis=2)


@pytest.mark.parametrize(
    "scores",
    [
        only(*COCO_17.keypoints),
        only("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
        only("left_ear", "right_ear"),
        only("nose", "left_shoulder", "right_shoulder"),
        only("left_shoulder", "right_shoulder", "left_hip", "right_hip"),
        only("left_shoulder", "right_shoulder"),
        only(),
    ],
    ids=["all", "face", "ears", "nose and shoulders", "trunk", "shoulders", "box alone"],
)
def test_the_whole_head_goes_whatever_is_known_of_it(scores: np.ndarray) -> None:
    gone = hidden(person(scores=scores))
    # The head's middle and half its width on both sides.
    assert gone[CHIN_TO_TOP, 240 - 24 : 240 + 24].mean() > 0.97
    assert not gone[250:].any(), "hips and legs stay"


def test_a_lying_person_of_whom_only_the_box_is_known_is_hidden_whole() -> None:
    box = np.array([50, 300, 450, 400], np.float32)
    gone = hidden(person(scores=only(), box_xyxy=box))
    assert gone[302:398, 52:448].mean() > 0.97


@pytest.mark.parametrize("upright", [90, 180, 270])
@pytest.mark.parametrize(
    "scores", [only(), only("left_shoulder", "right_shoulder")], ids=["box alone", "shoulders"]
)
def test_heads_are_where_the_picture_says_that_people_stand(scores: np.ndarray, upright: int) -> None:
    # The person turned the other way round: what is at the top now is where `upright` brings it from.
    turned = View(rotate=(360 - upright) % 360)
    image = noise()
    size = (image.shape[1], image.shape[0])
    seen = person(scores=scores)
    back = View(rotate=upright)
    lying = turned.of(image)
    pose = back.back(seen, (lying.shape[1], lying.shape[0]))
    before = lying.copy()
    hide_faces(lying, [pose], COCO_17, upright)
    gone = back.of((lying != before).any(axis=2).astype(np.uint8)).astype(bool)
    assert gone.shape == (size[1], size[0])
    assert gone[CHIN_TO_TOP, 240 - 24 : 240 + 24].mean() > 0.97
    assert not gone[250:].any()


def test_a_face_outside_its_own_box_is_somebody_elses() -> None:
    pose = person(box_xyxy=np.array([10, 200, 110, 410], np.float32))
    gone = hidden(pose)
    assert gone[CHIN_TO_TOP, 230:250].mean() > 0.97
    assert gone[202:250, 20:100].mean() > 0.97  # the upper part of the person's own box too


def test_a_joint_far_off_does_not_hide_the_whole_picture() -> None:
    pose = person()
    pose.keypoints[3] = (470, 400)
    assert hidden(pose)[CHIN_TO_TOP, 220:260].mean() > 0.97
    wild = person()
    wild.keypoints[3] = (1e6, -1e6)
    radius = max(area.radius for area in face_areas(wild, COCO_17))
    assert radius <= 0.6 * HEIGHT * 1.1


def test_mpii_heads_are_hidden() -> None:
    points = np.full((16, 2), np.nan, np.float32)
    points[8], points[9] = (240, 80), (240, 12)
    pose = Pose(np.array([140, 5, 340, 415], np.float32), 0.9, points, np.full(16, 0.9, np.float32), 0.8)
    assert hidden(pose, MPII_16)[CHIN_TO_TOP, 216:264].mean() > 0.97


def test_what_is_left_of_a_face_is_a_handful_of_coarse_colours() -> None:
    image = noise()
    hide_faces(image, [person()], COCO_17)
    head = image[CHIN_TO_TOP, 216:264].reshape(-1, 3)
    colours = np.unique(head, axis=0)
    assert len(colours) <= CELLS**2
    assert set(np.unique(colours)) <= {16 + 32 * level for level in range(8)}


def test_two_faces_that_differ_in_detail_come_out_the_same() -> None:
    # The same coarse brightness, other detail: nothing of the detail may be left.
    rng = np.random.default_rng(2)
    one, other = (rng.integers(110, 113, (420, 480, 3), dtype=np.uint8) for _ in range(2))
    for image in (one, other):
        hide_faces(image, [person()], COCO_17)
    np.testing.assert_array_equal(one[CHIN_TO_TOP, 220:260], other[CHIN_TO_TOP, 220:260])


def test_a_small_face_is_hidden_too() -> None:
    image = noise(60, 60)
    before = image.copy()
    pose = pose_of(figure(30, 58, 50))
    hide_faces(image, [pose], COCO_17)
    gone = (image != before).any(axis=2)
    assert gone[8:14, 27:33].mean() > 0.9
    assert len(np.unique(image[8:14, 27:33].reshape(-1, 3), axis=0)) <= 9


def test_the_skeleton_is_drawn_upon_the_hidden_face() -> None:
    drawn = draw(noise(), [person()], COCO_17, Look(blur_faces=True, ids=False))
    nose = np.rint(person().keypoints[0]).astype(int)
    assert tuple(drawn[nose[1], nose[0]]) == (255, 153, 51)
    skipped = draw(noise(), [person()], COCO_17, Look(blur_faces=True, skeleton_only=True, ids=False))
    np.testing.assert_array_equal(
        skipped, draw(noise(), [person()], COCO_17, Look(skeleton_only=True, ids=False))
    )


def test_somebody_who_is_missed_for_a_moment_stays_hidden() -> None:
    memory = FaceMemory(hold_s=1.0)
    one, other = person(), person(track_id=2)
    assert memory.missing([one, other], 10.0) == []
    assert memory.missing([other], 10.5) == [one]
    assert memory.missing([], 10.9) == [one, other]
    assert memory.missing([], 11.2) == [other], "one was last seen more than a second ago"
    assert memory.missing([one], 11.4) == [other]
    assert memory.missing([], 3.0) == [], "a stream that began anew"
    assert memory.missing([person(track_id=None)], 3.0) == []
    assert memory.missing([], 3.1) == [], "without an id nobody is remembered"


def test_a_drawn_video_hides_who_is_missed() -> None:
    draw_result = drawer(COCO_17, Look(blur_faces=True))
    first = FrameResult(Frame(noise(), 0, 0.0), (person(),))
    second = FrameResult(Frame(noise(), 1, 0.1), ())
    draw_result(first)
    before = second.frame.image.copy()
    gone = (draw_result(second) != before).any(axis=2)
    assert gone[CHIN_TO_TOP, 216:264].mean() > 0.97
    photo = FrameResult(Frame(noise(), 2, 0.0, file="photo.jpg"), ())
    np.testing.assert_array_equal(draw_result(photo), noise())


@settings(max_examples=80, deadline=None)
@given(
    arrays(np.float32, (17, 2), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)),
    arrays(np.float32, 4, elements=st.floats(width=32, allow_nan=True, allow_infinity=True)),
    arrays(np.float32, 17, elements=st.floats(0, 1, width=32)),
)
def test_any_numbers_at_all(keypoints: np.ndarray, box: np.ndarray, scores: np.ndarray) -> None:
    image = noise(64, 48)
    hide_faces(image, [person(keypoints=keypoints, box_xyxy=box, scores=scores)], COCO_17)
    assert image.shape == (48, 64, 3)


@pytest.mark.parametrize("aspect", [2.0, 0.5])
def test_in_an_anamorphic_picture_what_is_hidden_looks_the_same(aspect: float) -> None:
    square = hidden(person())
    stored = poses_to_stored([person()], aspect)
    before = noise(round(480 / aspect))
    after = before.copy()
    hide_faces(after, stored, COCO_17, pixel_aspect=aspect)
    narrow = (before != after).any(axis=2)
    shown = cv2.resize(narrow.astype(np.uint8), (480, 420), interpolation=cv2.INTER_NEAREST).astype(bool)
    assert (shown & square).sum() > 0.95 * (shown | square).sum()
    assert shown[CHIN_TO_TOP, 240 - 24 : 240 + 24].mean() > 0.97
