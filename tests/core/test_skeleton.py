from __future__ import annotations

import pytest

from shufflecam.core.skeleton import COCO_17, MPII_16, SKELETONS, Skeleton

BOTH = pytest.mark.parametrize("skeleton", [COCO_17, MPII_16], ids=lambda skeleton: skeleton.name)


@BOTH
def test_the_parts_fit_together(skeleton: Skeleton) -> None:
    count = len(skeleton.keypoints)
    assert len(set(skeleton.keypoints)) == count
    assert len(skeleton.sigmas) == count
    assert all(0 < sigma < 0.2 for sigma in skeleton.sigmas)
    assert all(0 <= joint < count for joint in skeleton.upper_body)
    assert all(0 <= a < count and 0 <= b < count and a != b for a, b in skeleton.edges)
    assert len({frozenset(edge) for edge in skeleton.edges}) == len(skeleton.edges)
    assert {joint for edge in skeleton.edges for joint in edge} == set(range(count))
    assert SKELETONS[skeleton.name] is skeleton


@BOTH
def test_left_and_right_are_alike(skeleton: Skeleton) -> None:
    mirror = skeleton.flip_order
    assert [mirror[joint] for joint in mirror] == list(range(len(mirror)))  # twice is not at all
    for left, right in skeleton.flip_pairs:
        assert skeleton.keypoints[left].replace("left", "right") == skeleton.keypoints[right]
        assert skeleton.sigmas[left] == skeleton.sigmas[right]
        assert (left in skeleton.upper_body) == (right in skeleton.upper_body)
    edges = {frozenset(edge) for edge in skeleton.edges}
    assert {frozenset(mirror[joint] for joint in edge) for edge in edges} == edges


def test_coco_is_in_cocos_order() -> None:
    assert len(COCO_17.keypoints) == 17
    assert len(COCO_17.edges) == 19
    assert COCO_17.keypoints[0] == "nose"
    assert COCO_17.keypoints[5:11] == (
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    )  # fmt: skip
    assert COCO_17.flip_pairs == tuple((i, i + 1) for i in range(1, 17, 2))
    assert COCO_17.flip_order == (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)


def test_mpii_is_in_mpiis_order() -> None:
    assert len(MPII_16.keypoints) == 16
    assert MPII_16.keypoints[0] == "right_ankle"
    assert MPII_16.keypoints[6:10] == ("pelvis", "thorax", "upper_neck", "head_top")
    assert MPII_16.flip_order == (5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 15, 14, 13, 12, 11, 10)


def test_sides() -> None:
    assert COCO_17.side(5) == "left"
    assert COCO_17.side(5, 7, 9) == "left"
    assert COCO_17.side(6) == "right"
    assert COCO_17.side(0) == "middle"
    assert COCO_17.side(5, 6) == "middle"
    assert COCO_17.side(0, 1) == "middle"
    assert MPII_16.side(6) == "middle"
