"""Who of a detector's findings counts."""

import numpy as np
import pytest

from shufflecam.core.types import Detections, FloatArray
from shufflecam.finder.hysteresis import KNOWN_SHARE, MEMORY_S, Hysteresis, known_score

NOBODY = np.zeros((0, 4), np.float32)
LEFT, RIGHT = [0, 0, 100, 200], [300, 0, 400, 200]


def found(*people: tuple[list[int], float]) -> Detections:
    boxes = np.array([box for box, _ in people], np.float32).reshape(-1, 4)
    return Detections(boxes, np.array([score for _, score in people], np.float32))


def admitted(
    admission: Hysteresis, now: float, *people: tuple[list[int], float], known: FloatArray = NOBODY
) -> list[list[float]]:
    return admission.admit(found(*people), known, now).boxes_xyxy.tolist()


def test_a_new_person_must_be_sure() -> None:
    assert admitted(Hysteresis(0.4), 0.0, (LEFT, 0.5), (RIGHT, 0.3)) == [LEFT]


def test_who_was_there_a_moment_ago_may_be_less_sure() -> None:
    admission = Hysteresis(0.4)
    admitted(admission, 0.0, (LEFT, 0.5))
    assert admitted(admission, 0.1, (LEFT, 0.3), (RIGHT, 0.3)) == [LEFT]


def test_each_sighting_holds_the_door_for_the_next() -> None:
    admission = Hysteresis(0.4)
    admitted(admission, 0.0, (LEFT, 0.5))
    for step in range(1, 20):
        assert admitted(admission, step * 0.4, (LEFT, 0.3)) == [LEFT]


@pytest.mark.parametrize("later", [MEMORY_S + 0.1, -0.1])
def test_after_a_while_or_when_time_jumps_back_one_is_new_again(later: float) -> None:
    admission = Hysteresis(0.4)
    admitted(admission, 10.0, (LEFT, 0.5))
    assert admitted(admission, 10.0 + later, (LEFT, 0.3)) == []


def test_who_is_followed_by_keypoints_is_known() -> None:
    admission = Hysteresis(0.4)
    assert admitted(admission, 5.0, (LEFT, 0.3), known=np.array([LEFT], np.float32)) == [LEFT]


def test_after_a_cut_everybody_is_new() -> None:
    admission = Hysteresis(0.4)
    admitted(admission, 0.0, (LEFT, 0.5))
    admission.set_aside()
    assert admitted(admission, 0.1, (LEFT, 0.3)) == []


def test_after_a_flash_everybody_is_known_again() -> None:
    admission = Hysteresis(0.4)
    admitted(admission, 0.0, (LEFT, 0.5))
    admission.set_aside()
    assert admitted(admission, 0.1, (RIGHT, 0.3)) == []
    admission.set_aside()  # the flash fades in two steps
    admission.bring_back()
    assert admitted(admission, 0.2, (LEFT, 0.3), (RIGHT, 0.3)) == [LEFT]


def test_scores_stay_with_their_boxes() -> None:
    kept = Hysteresis(0.4).admit(found((LEFT, 0.3), (RIGHT, 0.6)), NOBODY, 0.0)
    assert kept.boxes_xyxy.tolist() == [RIGHT]
    np.testing.assert_allclose(kept.scores, [0.6])


def test_the_detector_is_asked_for_less() -> None:
    assert known_score(0.4) == pytest.approx(0.4 * KNOWN_SHARE)


def test_memory_does_not_grow() -> None:
    admission = Hysteresis(0.4)
    for step in range(1000):
        admitted(admission, step / 30, (LEFT, 0.9))
    assert len(admission._recent) <= 30 * MEMORY_S + 1


def test_only_one_box_is_the_known_person() -> None:
    admission = Hysteresis(0.4)
    admitted(admission, 0.0, (LEFT, 0.9))
    beside = [40, 0, 140, 200]
    assert admitted(admission, 0.1, (LEFT, 0.9), (beside, 0.35)) == [LEFT]


@pytest.mark.parametrize(("score", "comes_in"), [(0.5, False), (0.65, True)])
@pytest.mark.parametrize("beside", [[50, 0, 150, 200], [20, 20, 60, 100], [-100, -100, 300, 300]])
def test_a_new_person_on_top_of_another_must_be_surer(
    beside: list[int], score: float, comes_in: bool
) -> None:
    boxes = admitted(Hysteresis(0.4), 0.0, (LEFT, 0.9), (beside, score))
    assert boxes == ([LEFT, beside] if comes_in else [LEFT])


def test_who_came_in_free_stays_when_somebody_steps_before() -> None:
    admission = Hysteresis(0.4)
    admitted(admission, 0.0, (LEFT, 0.5), (RIGHT, 0.9))
    near = [30, 0, 130, 200]
    assert admitted(admission, 0.1, (near, 0.9), (LEFT, 0.3)) == [near, LEFT]
