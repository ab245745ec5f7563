from __future__ import annotations

import numpy as np
import pytest

from shufflecam.core.geometry import box_overlap, oks, person_size
from shufflecam.core.skeleton import COCO_17

SIGMAS = COCO_17.sigmas


def test_overlap_is_of_the_smaller_box() -> None:
    whole, half = [0, 0, 10, 20], [0, 0, 10, 10]
    apart, beside, empty = [50, 50, 60, 60], [5, 0, 15, 20], [3, 3, 3, 9]
    boxes = np.array([whole, half, apart, beside, empty], np.float32)
    table = box_overlap(boxes, boxes)
    np.testing.assert_allclose(table, table.T)
    np.testing.assert_allclose(table[0], [1, 1, 0, 0.5, 0])
    assert box_overlap(boxes, boxes[:0]).shape == (5, 0)


def test_a_person_s_size_is_a_length_whatever_the_box() -> None:
    assert person_size(np.array([10, 10, 110, 410], np.float32)) == pytest.approx(200)
    for box in ([5, 5, 5, 5], [9, 9, 1, 20], [0, 0, np.nan, 5], [0, 0, np.inf, 5]):
        assert person_size(np.array(box, np.float32)) == 1.0


def test_weights_say_how_much_a_joint_counts() -> None:
    here = np.zeros((17, 2), np.float32)
    there = here.copy()
    there[0] = 1e4
    weights = np.ones(17, np.float32)
    assert oks(here, there[None], 1e4, SIGMAS)[0] == pytest.approx(16 / 17)
    assert oks(here, there[None], 1e4, SIGMAS, None, weights)[0] == pytest.approx(16 / 17)
    weights[0] = 16
    assert oks(here, there[None], 1e4, SIGMAS, None, weights)[0] == pytest.approx(0.5)
    weights[:] = 0
    assert oks(here, there[None], 1e4, SIGMAS, None, weights)[0] == 0.0
