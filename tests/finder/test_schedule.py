"""When the detector runs: planned times, scene cuts, movement that belongs to nobody known."""

from __future__ import annotations

import numpy as np
import pytest

from shufflecam.finder.scene import SceneWatch, thumbnail
from shufflecam.finder.schedule import DetectionSchedule
from tests.helpers.people import figure, pose_of
from tests.helpers.scenes import SIZE, picture, wall


def test_fixed_cadence_stays_whatever_things_take() -> None:
    cadence = DetectionSchedule(4, rate=30, live=True)
    for _ in range(50):
        cadence.observe(0.2, 0.1)
    assert cadence.every == 4
    assert not cadence.automatic


def test_automatic_in_a_file_depends_on_its_rate_alone() -> None:
    cadence = DetectionSchedule(None, rate=30)
    assert cadence.every == 10
    for _ in range(50):
        cadence.observe(0.2, 0.1)
    assert cadence.every == 10
    assert DetectionSchedule(None, rate=2).every == 1
    assert DetectionSchedule(None, rate=None).every == 10


@pytest.mark.parametrize(
    ("detect_ms", "rest_ms", "every"),
    [
        (2, 2, 1),  # a fast machine looks at every frame
        (30, 18, 3),  # 85 % of 33.3 ms is 28.3: 10.3 to spare, 30 / 10.3 -> 3
        (30, 27.5, 30),  # 0.8 ms to spare: no less than once a second
        (30, 60, 30),  # too slow for the rate anyway
    ],
)
def test_automatic_on_a_camera_follows_what_is_measured(detect_ms: float, rest_ms: float, every: int) -> None:
    cadence = DetectionSchedule(None, rate=30, live=True)
    cadence.observe(None, rest_ms / 1000)
    for _ in range(200):
        cadence.observe(detect_ms / 1000, rest_ms / 1000)
    assert cadence.every == every


def test_thumbnail_holds_block_means() -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    image[:360] = 100
    cells, side = thumbnail(image)
    assert cells.shape == (36, 64)
    assert side == 20
    assert cells[0, 0] == 100
    assert cells[-1, -1] == 0
    assert thumbnail(np.zeros((2, 3, 3), np.uint8))[0].shape == (1, 1)


def watched(pictures: list[np.ndarray]) -> list[bool]:
    watch = SceneWatch()
    return [watch.look(image).cut for image in pictures]


def test_another_scene_is_a_cut_once() -> None:
    assert watched([wall(1), wall(1), wall(2), wall(2), wall(2)]) == [False, False, True, False, False]


def test_a_flash_and_a_person_close_to_the_camera_are_no_cut() -> None:
    room = wall(3)
    flash = np.clip(room.astype(int) + 60, 0, 255).astype(np.uint8)
    someone = picture([figure(200, 350, 330)], seed=3)
    assert not any(watched([room, flash, room, someone, room]))


def test_a_shaken_camera_is_no_cut() -> None:
    shaken = [np.roll(wall(4), 60 * (i % 2), axis=1) for i in range(12)]
    assert sum(watched(shaken)) <= 2, "the first jerks may be one, shaking on is not"


def test_another_size_is_a_cut() -> None:
    assert watched([wall(1), wall(1, (320, 180))]) == [False, True]


def test_movement_is_seen_where_nobody_is_known() -> None:
    watch = SceneWatch()
    known = figure(150, 340, 250)
    boxes = pose_of(known).box_xyxy[None]
    watch.look(picture([known]))
    watch.mark(boxes)
    moved = figure(160, 340, 250)
    watch.look(picture([moved]))
    assert not watch.moved_elsewhere(pose_of(moved).box_xyxy[None]), "the known person's own movement"
    watch.look(picture([moved, figure(500, 340, 120)]))
    assert watch.moved_elsewhere(pose_of(moved).box_xyxy[None])


def test_noise_and_a_moving_camera_are_nobodys_movement() -> None:
    rng = np.random.default_rng(0)
    watch = SceneWatch()
    nobody = np.zeros((0, 4), np.float32)
    watch.look(wall(5))
    watch.mark(nobody)
    noisy = wall(5) + rng.normal(0, 8, (SIZE[1], SIZE[0], 3))
    watch.look(np.clip(noisy, 0, 255).astype(np.uint8))
    assert not watch.moved_elsewhere(nobody)
    watch.look(np.roll(wall(5), 200, axis=1))
    assert not watch.moved_elsewhere(nobody)


def returns(pictures: list[np.ndarray], fps: float = 30.0) -> tuple[list[int], list[int]]:
    """The numbers of the pictures that are cuts to something else, and cuts back."""
    watch = SceneWatch()
    changes = [watch.look(image, number / fps) for number, image in enumerate(pictures)]
    cuts = [number for number, change in enumerate(changes) if change.cut and not change.back]
    return cuts, [number for number, change in enumerate(changes) if change.back]


def lit(image: np.ndarray, share: float, grey: int = 255) -> np.ndarray:
    """The picture with so much of a grey level over it."""
    return np.rint(image * (1.0 - share) + grey * share).astype(np.uint8)


def test_a_flash_that_fades_out_ends_where_the_scene_shows_through_it() -> None:
    shares = [0, 0, 0, 1, 1, 0.9, 0.7, 0.5, 0.3, 0.1, 0, 0]
    assert returns([lit(wall(1), share) for share in shares]) == ([3], [5])


def test_every_flash_of_a_strobe_ends_although_none_is_unusual_any_more() -> None:
    cuts, back = returns([lit(wall(1), float(number % 4 == 3)) for number in range(60)])
    assert cuts
    assert back == [number + 1 for number in cuts]


def test_a_flash_on_most_of_the_picture_ends() -> None:
    flash = wall(1)
    flash[:, : 4 * SIZE[0] // 5] = 255
    assert returns([wall(1)] * 5 + [flash] * 4 + [wall(1)] * 5) == ([5], [9])


def test_a_scene_that_fades_to_black_and_in_again_was_not_left() -> None:
    out = [min(1.0, number / 8) for number in range(10)]
    cuts, back = returns([wall(1)] * 5 + [lit(wall(1), share, 0) for share in out + out[::-1]])
    assert cuts == []
    assert len(back) <= 1
    cuts, back = returns([lit(wall(1), share, 0) for share in out] + [wall(2)] * 5)
    assert (cuts, back) == ([10], [])
