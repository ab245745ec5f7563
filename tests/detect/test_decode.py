"""Letterbox, the outputs of both kinds of heads, and suppression: by hand and against ultralytics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shufflecam.detect.decode import GREY, NMS_IOU, decode, letterbox, non_max_suppression, soften


def picture(width: int, height: int) -> np.ndarray:
    return np.random.RandomState(0).randint(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [
        ((640, 480), 416, (416, 320)),
        ((480, 640), 416, (320, 416)),
        ((1920, 1080), 416, (416, 256)),
        ((100, 100), 416, (416, 416)),
        ((1, 1), 416, (416, 416)),
        ((3000, 1), 416, (416, 32)),
        ((640, 480), 100, (128, 96)),
        ((32, 32), 32, (32, 32)),
    ],
)
def test_the_inputs_size(size: tuple[int, int], longest: int, expected: tuple[int, int]) -> None:
    box = letterbox(picture(*size), longest)
    assert box.inputs.shape == (1, 3, expected[1], expected[0])
    assert box.inputs.dtype == np.float32
    assert 0 <= box.inputs.min() <= box.inputs.max() <= 1


def test_colours_and_padding() -> None:
    image = np.zeros((64, 40, 3), np.uint8)
    image[:] = (10, 20, 30)  # blue, green, red
    box = letterbox(image, 64)
    assert box.inputs.shape == (1, 3, 64, 64)
    assert box.offset == (12, 0)
    np.testing.assert_allclose(box.inputs[0, :, 30, 30] * 255, [30, 20, 10], atol=1e-4)
    np.testing.assert_allclose(box.inputs[0, :, 30, 5] * 255, GREY, atol=1e-4)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 700),
    st.integers(1, 700),
    st.integers(32, 640),
    st.tuples(st.floats(0, 0.4), st.floats(0, 0.4), st.floats(0.5, 1), st.floats(0.5, 1)),
)
def test_boxes_find_back(width: int, height: int, longest: int, shares: tuple[float, ...]) -> None:
    box = letterbox(np.zeros((height, width, 3), np.uint8), longest)
    expected = np.array([shares], np.float32) * np.array([width, height, width, height], np.float32)
    zoom, offset = np.array([*box.zoom] * 2), np.array([*box.offset] * 2)
    back = box.to_image((expected * zoom + offset).astype(np.float32))
    np.testing.assert_allclose(back, expected, atol=0.01)


def per_anchor(boxes_xyxy: list[list[float]], classes: list[list[float]]) -> np.ndarray:
    corners = np.array(boxes_xyxy, np.float32)
    centers, sizes = (corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]
    return np.concatenate([centers, sizes, np.array(classes, np.float32)], axis=1).T[None]


def test_a_head_that_needs_suppression() -> None:
    box = letterbox(picture(64, 64), 64)
    output = per_anchor(
        [
            [10, 10, 30, 50],
            [11, 10, 31, 50],  # the same person
            [40, 10, 60, 50],
            [10, 10, 30, 50],  # a dog at the first one's place
            [0, 0, 5, 5],  # too unsure
            [40, 10, 60, 50],  # likelier a dog than a person
            [-20, -20, 20, 20],  # reaches past the picture
            [70, 70, 90, 90],  # outside
            [np.nan, 0, 5, 5],
        ],
        [[0.8, 0], [0.7, 0], [0.9, 0.1], [0.1, 0.9], [0.4, 0], [0.6, 0.7], [0.5, 0], [0.9, 0], [0.9, 0]],
    )
    found = decode(output, box, person=0, min_score=0.4, max_people=20)
    np.testing.assert_allclose(
        found.boxes_xyxy, [[40, 10, 60, 50], [10, 10, 30, 50], [0, 0, 20, 20]], atol=1e-4
    )
    np.testing.assert_allclose(found.scores, [0.9, 0.8, 0.5])
    assert (found.boxes_xyxy.dtype, found.scores.dtype) == (np.float32, np.float32)


def test_an_end_to_end_head() -> None:
    box = letterbox(picture(128, 128), 64)  # halved
    output = np.array(
        [
            [
                [1, 2, 11, 22, 0.5, 0],
                [1, 2, 12, 22, 0.9, 0],  # overlapping: the network means two
                [1, 2, 11, 22, 0.9, 16],  # a dog
                [1, 2, 11, 22, 0.1, 0],
            ]
        ],
        np.float32,
    )
    found = decode(output, box, person=0, min_score=0.4, max_people=20)
    np.testing.assert_allclose(found.boxes_xyxy, [[2, 4, 24, 44], [2, 4, 22, 44]], atol=1e-4)
    np.testing.assert_allclose(found.scores, [0.9, 0.5])


def test_only_so_many_people_the_best() -> None:
    box = letterbox(picture(64, 64), 64)
    corners = [[i * 6, 0, i * 6 + 5, 50] for i in range(10)]
    output = per_anchor(corners, [[0.5 + i / 100] for i in range(10)])
    found = decode(output, box, person=0, min_score=0.4, max_people=3)
    np.testing.assert_allclose(found.scores, [0.59, 0.58, 0.57])


def test_nobody() -> None:
    box = letterbox(picture(64, 64), 64)
    found = decode(per_anchor([[0, 0, 5, 5]], [[0.1]]), box, person=0, min_score=0.4, max_people=3)
    assert found.boxes_xyxy.shape == (0, 4)
    assert found.scores.shape == (0,)


def test_another_class_may_be_the_person() -> None:
    box = letterbox(picture(64, 64), 64)
    output = per_anchor([[0, 0, 20, 20], [30, 30, 50, 50]], [[0.9, 0.1], [0.1, 0.8]])
    found = decode(output, box, person=1, min_score=0.4, max_people=3)
    np.testing.assert_allclose(found.scores, [0.8])


def test_suppression_by_hand() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 7], [0, 0, 10, 7.1], [20, 0, 30, 10]], np.float32)
    assert non_max_suppression(boxes, 0.7) == [0, 1, 3]  # exactly .7 stays, as in ultralytics
    assert non_max_suppression(boxes[:0], 0.7) == []


@pytest.mark.parametrize("seed", range(5))
def test_the_same_as_ultralytics(seed: int) -> None:
    import torch

    from shufflecam.models.yolo import quiet_ultralytics

    with quiet_ultralytics():
        from ultralytics.utils.nms import non_max_suppression as theirs

    draw = np.random.RandomState(seed)
    low = draw.uniform(0, 200, (400, 2))
    corners = np.concatenate([low, low + draw.uniform(20, 150, (400, 2))], axis=1)
    output = per_anchor(corners.tolist(), draw.uniform(0, 1, (400, 3)).tolist())
    box = letterbox(picture(384, 384), 384)
    ours = decode(output, box, person=0, min_score=0.4, max_people=300)
    expected = theirs(torch.from_numpy(output.copy()), 0.4, NMS_IOU, classes=[0], max_det=300)[0].numpy()
    np.testing.assert_allclose(ours.boxes_xyxy, expected[:, :4], atol=1e-3)
    np.testing.assert_allclose(ours.scores, expected[:, 4], atol=1e-6)


def test_a_second_box_half_beside_the_first_loses_score() -> None:
    boxes = np.array([[0, 0, 100, 100], [50, 0, 150, 100], [500, 0, 600, 100]], np.float32)
    softened = soften(boxes, np.array([0.9, 0.5, 0.5], np.float32), sigma=0.3)
    # The two share a third of their union.
    np.testing.assert_allclose(softened, [0.9, 0.5 * np.exp(-((1 / 3) ** 2) / 0.3), 0.5], rtol=1e-5)


def test_a_box_that_lost_its_score_takes_little_from_the_next() -> None:
    """Three in a row: the middle one is the best, and the two beside it do not see each other."""
    boxes = np.array([[0, 0, 100, 100], [60, 0, 160, 100], [120, 0, 220, 100]], np.float32)
    softened = soften(boxes, np.array([0.6, 0.9, 0.5], np.float32), sigma=0.3)
    left = np.exp(-((40 / 160) ** 2) / 0.3)
    np.testing.assert_allclose(softened, [0.6 * left, 0.9, 0.5 * left], rtol=1e-5)


def test_softened_boxes_are_measured_by_the_threshold_and_come_best_first() -> None:
    boxes = [[0.0, 0, 100, 100], [50.0, 0, 150, 100], [300.0, 0, 400, 100]]
    output = per_anchor(boxes, [[0.9], [0.5], [0.45]])
    box = letterbox(np.zeros((416, 416, 3), np.uint8), 416)
    found = decode(output, box, person=0, min_score=0.4, max_people=20, overlap_sigma=0.3)
    np.testing.assert_allclose(found.scores, [0.9, 0.45], atol=1e-6)


def test_an_anamorphic_picture_is_seen_as_it_is_shown() -> None:
    box = letterbox(picture(180, 640), 320, pixel_aspect=2.0)  # shown as 360x640
    square = letterbox(picture(360, 640), 320)
    assert box.inputs.shape == square.inputs.shape
    whole = square.to_image(np.array([[40, 60, 120, 200]], np.float32))
    stored = box.to_image(np.array([[40, 60, 120, 200]], np.float32))
    np.testing.assert_allclose(stored * np.array([2, 1, 2, 1]), whole, rtol=1e-5)
    assert box.size == (180, 640)
