from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import Pose
from shufflecam.pose.nms import SAME_PERSON, completeness, duplicates, similarity
from tests.helpers.people import figure, pose_of

SIGMAS = COCO_17.sigmas
HEIGHT = 300.0
LEGS = [i for i, name in enumerate(COCO_17.keypoints) if name.split("_")[-1] in ("knee", "ankle")]


def seen(x: float, *, seed: int, noise: float = 3.0, score: float = 0.8) -> Pose:
    """Somebody standing at `x`, as one of two boxes gives them."""
    return pose_of(figure(x, 400, HEIGHT), rng=np.random.default_rng(seed), noise=noise, score=score)


def without(pose: Pose, joints: list[int], score: float = 0.05) -> Pose:
    """The same person of whom the network is not sure of these joints."""
    scores = pose.scores.copy()
    scores[joints] = score
    return replace(pose, scores=scores)


def test_two_boxes_of_one_person_are_one_and_the_fuller_pose_stays() -> None:
    whole, half = seen(300, seed=1), without(seen(300, seed=2), LEGS)
    x1, y1, x2, y2 = half.box_xyxy
    half = replace(half, box_xyxy=np.array([x1, y1, x2, (y1 + y2) / 2], np.float32), box_score=0.85)
    assert duplicates([half, whole], SIGMAS) == [0]
    assert duplicates([whole, half], SIGMAS) == [1]


@pytest.mark.parametrize("apart", [0.18, 0.25, 0.4])
def test_two_people_who_stand_close_together_both_stay(apart: float) -> None:
    # Shoulders of one person are .22 of the height apart: here two stand in each other's boxes.
    pair = [seen(300, seed=1), seen(300 + apart * HEIGHT, seed=2)]
    assert duplicates(pair, SIGMAS) == []


def test_cheek_to_cheek_with_one_body_hidden_are_two() -> None:
    front = seen(300, seed=1)
    body = [
        i for i, name in enumerate(COCO_17.keypoints) if name.split("_")[-1] not in ("eye", "ear", "nose")
    ]
    behind = without(seen(300 + 0.05 * HEIGHT, seed=2), body[2:])
    behind.keypoints[body[:2]] += (0.3 * HEIGHT, 0)
    assert duplicates([front, behind], SIGMAS) == []


def test_three_boxes_of_one_person_leave_one_and_others_are_untouched() -> None:
    poses = [seen(300, seed=1, score=0.6), seen(700, seed=2), seen(300, seed=3, score=0.9), seen(300, seed=4)]
    assert duplicates(poses, SIGMAS) == [0, 3]


def test_who_stays_can_be_said() -> None:
    poses = [seen(300, seed=1, score=0.9), seen(300, seed=2, score=0.5)]
    assert duplicates(poses, SIGMAS) == [1]
    assert duplicates(poses, SIGMAS, rank=[0.0, 1.0]) == [0]


def test_poses_of_few_joints_say_nothing() -> None:
    poses = [without(seen(300, seed=n), list(range(3, 17))) for n in range(2)]
    assert duplicates(poses, SIGMAS) == []
    nothing = replace(
        poses[0], keypoints=np.full((17, 2), np.nan, np.float32), scores=np.zeros(17, np.float32)
    )
    assert duplicates([nothing, nothing], SIGMAS) == []
    assert completeness(nothing) == 0.0
    assert duplicates([], SIGMAS) == duplicates([poses[0]], SIGMAS) == []


def test_similarity_does_not_depend_on_the_order_nor_on_the_picture_s_size() -> None:
    a, b = seen(300, seed=1), seen(320, seed=2)

    def larger(pose: Pose) -> Pose:
        return replace(pose, box_xyxy=pose.box_xyxy * 4, keypoints=pose.keypoints * 4)

    assert similarity(a, b, SIGMAS) == pytest.approx(similarity(b, a, SIGMAS))
    assert similarity(a, b, SIGMAS) == pytest.approx(similarity(larger(a), larger(b), SIGMAS), rel=1e-4)
    assert similarity(a, a, SIGMAS) == pytest.approx(1.0)


def test_whoever_stays_is_nobody_s_double() -> None:
    rng = np.random.default_rng(0)
    poses = [seen(float(x), seed=n) for n, x in enumerate(rng.uniform(100, 500, 12))]
    gone = duplicates(poses, SIGMAS)
    stay = [pose for i, pose in enumerate(poses) if i not in gone]
    assert all(similarity(a, b, SIGMAS) < SAME_PERSON for a, b in itertools.combinations(stay, 2))
    assert all(any(similarity(poses[i], pose, SIGMAS) >= SAME_PERSON for pose in stay) for i in gone)


def test_boxes_that_hardly_overlap_are_two_people_whatever_the_network_saw() -> None:
    """Of somebody cut by the picture's edge it may find the neighbour's joints."""
    neighbour = seen(300, seed=1)
    edge = replace(seen(300, seed=2), box_xyxy=np.array([150, 100, 270, 400], np.float32))
    assert duplicates([neighbour, edge], SIGMAS) == []
