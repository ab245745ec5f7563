from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shufflecam.core.skeleton import COCO_17, MPII_16
from shufflecam.core.types import Pose
from shufflecam.drawing.draw import draw
from shufflecam.drawing.labels import Labels, anchor
from shufflecam.drawing.look import Look
from tests.helpers.people import figure, pose_of

IDS_ALONE = Look(joints=False, edges=False)
SIZE = (640, 480)


def standing(x: float = 320, track_id: int = 1, foot_y: float = 460, height: float = 300) -> Pose:
    return pose_of(figure(x, foot_y, height), track_id=track_id)


def patches(poses: list[Pose], labels: Labels | None = None, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H, W) booleans: where labels are, drawn on white."""
    white = np.full((size[1], size[0], 3), 255, np.uint8)
    return (draw(white, poses, COCO_17, IDS_ALONE, labels=labels) != 255).any(axis=2)


def bounds(touched: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(touched)
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_a_label_is_above_the_head() -> None:
    pose = standing()
    left, _, right, bottom = bounds(patches([pose]))
    nose = pose.keypoints[0]
    assert left < nose[0] < right
    assert bottom < nose[1]
    assert nose[1] - bottom < 60


def test_an_arm_that_is_raised_does_not_take_the_label_along() -> None:
    pose = standing()
    raised = replace(pose, keypoints=pose.keypoints.copy())
    raised.keypoints[[7, 9]] = pose.keypoints[0] + ((60, -40), (80, -120))
    assert anchor(raised, COCO_17, 0.3) == pytest.approx(anchor(pose, COCO_17, 0.3))


def test_without_a_head_it_is_above_the_highest_joint() -> None:
    pose = standing()
    scores = np.where(np.arange(17) < 5, 0.0, 0.9).astype(np.float32)
    place = anchor(replace(pose, scores=scores), COCO_17, 0.3)
    assert place is not None
    assert pose.keypoints[0, 1] < place[1] < pose.keypoints[5, 1]
    assert anchor(replace(pose, scores=np.zeros(17, np.float32)), COCO_17, 0.3) is None


def test_a_head_that_trembles_moves_the_label_by_less() -> None:
    labels, places = Labels(), []
    rng = np.random.default_rng(0)
    for number in range(40):
        shaken = pose_of(figure(320, 460, 300), rng=rng, noise=4.0, track_id=1)
        labels.advance(number / 30)
        places.append(bounds(patches([shaken], labels))[:2])
    moved = np.abs(np.diff(np.array(places, float)[5:], axis=0))
    alone = []
    for _ in range(40):
        shaken = pose_of(figure(320, 460, 300), rng=rng, noise=4.0, track_id=1)
        alone.append(bounds(patches([shaken]))[:2])
    assert moved.mean() < 0.5 * np.abs(np.diff(np.array(alone, float), axis=0)).mean()


def test_a_label_goes_with_its_person_and_jumps_where_they_do() -> None:
    labels = Labels()
    for step in range(12):
        labels.advance(step / 30)
        left, _, right, _ = bounds(patches([standing(100 + 8 * step)], labels))
    assert (left + right) / 2 == pytest.approx(188, abs=24)
    left, _, right, _ = bounds(patches([standing(520)], labels))
    assert (left + right) / 2 == pytest.approx(520, abs=6)


def test_labels_of_people_close_together_are_not_over_each_other() -> None:
    people = [standing(318 + 3 * number, number + 1, foot_y=440 + number) for number in range(5)]
    alone = [int(patches([pose]).sum()) for pose in people]
    assert int(patches(people).sum()) == pytest.approx(sum(alone), rel=0.1)


@pytest.mark.parametrize("foot_y", [120, 470, 900])
@pytest.mark.parametrize("x", [-5, 3, 320, 639])
def test_every_label_is_wholly_within_the_picture(x: int, foot_y: int) -> None:
    pose = standing(x, 1234, foot_y)
    if (anchor(pose, COCO_17, 0.3) or (0, -99))[1] > -40 and foot_y < 800:
        assert patches([pose]).any()
    patches([pose], size=(4, 3))  # smaller than a label


def test_a_person_without_an_id_has_none_and_every_skeleton_has_a_head() -> None:
    assert not patches([replace(standing(), track_id=None)]).any()
    joints = np.stack([np.linspace(100, 200, 16), np.linspace(300, 100, 16)], axis=1).astype(np.float32)
    place = anchor(pose_of(joints, track_id=1), MPII_16, 0.3)
    head = [name in ("upper_neck", "head_top") for name in MPII_16.keypoints]
    assert place is not None
    assert place[0] == pytest.approx(joints[head][:, 0].mean(), abs=1)


def test_at_five_pictures_a_second_a_label_is_not_behind() -> None:
    labels = Labels()
    for step in range(4):
        labels.advance(step / 5)
        left, _, right, _ = bounds(patches([standing(200 + 40 * step)], labels))
        assert (left + right) / 2 == pytest.approx(200 + 40 * step, abs=6)
