from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shufflecam.core.protocols import Tracker
from shufflecam.core.skeleton import COCO_17, MPII_16
from shufflecam.core.types import Pose
from shufflecam.tracking.appearance import BINS
from shufflecam.tracking.assignment import assign
from shufflecam.tracking.tracker import REMEMBER_S, PoseTracker
from tests.helpers.people import figure, pose_of

FPS = 30.0

# Where everybody is at a time: name -> joints, or None for somebody who is not seen.
Scene = Callable[[float], dict[str, "np.ndarray | None"]]


def ids_of(
    scene: Scene, seconds: float, *, fps: float = FPS, noise: float = 2.0, seed: int = 0
) -> list[dict]:
    """Run a scene, everybody in a new random order each frame: what id each person had in each frame."""
    rng = np.random.default_rng(seed)
    tracker = PoseTracker(COCO_17)
    history = []
    for index in range(round(seconds * fps)):
        time_s = index / fps
        people = [(name, joints) for name, joints in scene(time_s).items() if joints is not None]
        rng.shuffle(people)
        poses = [pose_of(joints, rng=rng, noise=noise) for _, joints in people]
        tracked = tracker.update(poses, time_s)
        history.append({name: pose.track_id for (name, _), pose in zip(people, tracked, strict=True)})
    return history


def ids_by_name(history: list[dict]) -> dict[str, set[int]]:
    names = sorted({name for frame in history for name in frame})
    return {name: {frame[name] for frame in history if name in frame} for name in names}


def test_is_a_tracker() -> None:
    assert isinstance(PoseTracker(COCO_17), Tracker)


def test_ids_count_from_one_best_first_and_the_order_of_the_poses_is_kept() -> None:
    poor = replace(pose_of(figure(100, 400, 300)), score=0.3)
    good = replace(pose_of(figure(500, 400, 300)), score=0.8)
    tracked = PoseTracker(COCO_17).update([poor, good], 0.0)
    assert [pose.track_id for pose in tracked] == [2, 1]
    assert tracked[0].keypoints is poor.keypoints


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("fps", [10.0, 30.0, 60.0])
def test_two_people_who_cross_keep_their_ids(seed: int, fps: float) -> None:
    def scene(t: float) -> dict:
        return {
            "right": figure(100 + 200 * t, 450, 300, 6 * t),
            "left": figure(700 - 180 * t, 460, 310, 6 * t + 2),
        }

    ids = ids_by_name(ids_of(scene, 3.3, fps=fps, seed=seed))
    assert ids["right"] in ({1}, {2})
    assert ids["left"] in ({1}, {2})
    assert ids["left"] != ids["right"]


@pytest.mark.parametrize("seed", range(5))
def test_who_is_hidden_while_crossing_has_the_same_id_afterwards(seed: int) -> None:
    def scene(t: float) -> dict:
        front, behind = 100 + 200 * t, 700 - 180 * t
        hidden = abs(front - behind) < 60  # a third of a second
        return {
            "front": figure(front, 450, 300, 6 * t),
            "behind": None if hidden else figure(behind, 445, 290, 6 * t),
        }

    history = ids_of(scene, 3.3, seed=seed)
    assert any("behind" not in frame for frame in history)
    ids = ids_by_name(history)
    assert len(ids["front"]) == 1
    assert len(ids["behind"]) == 1
    assert ids["front"] != ids["behind"]


@pytest.mark.parametrize("speed", [0.0, 150.0, 400.0])
@pytest.mark.parametrize("missed", [1, 10, 30])
def test_missed_detections_cost_nobody_the_id(missed: int, speed: float) -> None:
    def scene(t: float) -> dict:
        seen = not (1.0 <= t < 1.0 + missed / FPS - 1e-6)
        return {"walker": figure(50 + speed * t, 450, 300, 6 * t) if seen else None}

    history = ids_of(scene, 3.0)
    assert sum("walker" not in frame for frame in history) == missed
    assert ids_by_name(history) == {"walker": {1}}


def test_a_new_person_elsewhere_is_not_the_one_who_left() -> None:
    def scene(t: float) -> dict:
        return {
            "leaves": figure(500 + 150 * t, 450, 300, 6 * t) if t < 1.0 else None,
            "enters": figure(-20 + 150 * (t - 1.3), 450, 300, 6 * t) if t > 1.3 else None,
        }

    ids = ids_by_name(ids_of(scene, 3.0))
    assert ids == {"leaves": {1}, "enters": {2}}


def test_whoever_is_away_too_long_comes_back_as_somebody_new() -> None:
    def scene(t: float) -> dict:
        return {"guest": figure(300, 450, 300) if t < 1.0 or t > 1.5 + REMEMBER_S else None}

    assert ids_by_name(ids_of(scene, 4.5)) == {"guest": {1, 2}}


def test_frames_may_come_at_any_rate() -> None:
    times = [0.0, 0.01, 0.25, 0.26, 0.7, 0.73, 1.4, 1.41, 2.0]
    tracker = PoseTracker(COCO_17)
    ids = [tracker.update([pose_of(figure(100 + 120 * t, 450, 300))], t)[0].track_id for t in times]
    assert set(ids) == {1}


@pytest.mark.parametrize("times", [[0.0, 0.0, 0.0], [5.0, 4.0, 4.1], [0.0, math.nan, 0.1]])
def test_time_that_stands_or_runs_back_is_no_harm(times: list[float]) -> None:
    tracker = PoseTracker(COCO_17)
    ids = [tracker.update([pose_of(figure(300, 450, 300))], t)[0].track_id for t in times]
    assert ids == [1, 1, 1]


def test_reset_forgets_people_but_not_numbers() -> None:
    tracker = PoseTracker(COCO_17)
    pose = pose_of(figure(300, 450, 300))
    assert tracker.update([pose], 0.0)[0].track_id == 1
    tracker.reset()
    assert tracker.update([pose], 0.1)[0].track_id == 2


def test_the_order_of_the_detections_changes_nothing() -> None:
    def run(order: tuple[int, ...]) -> list[list[int | None]]:
        rng = np.random.default_rng(3)
        tracker = PoseTracker(COCO_17)
        frames = []
        for index in range(40):
            t = index / FPS
            poses = [
                pose_of(figure(100 + 150 * t, 450, 300, t), rng=rng, noise=4),
                pose_of(figure(300 - 150 * t, 450, 300, t), rng=rng, noise=4),
                pose_of(figure(250, 430, 260, t), rng=rng, noise=4),
            ]
            tracked = tracker.update([poses[i] for i in order], t)
            by_person: list[int | None] = [None] * 3
            for place, pose in zip(order, tracked, strict=True):
                by_person[place] = pose.track_id
            frames.append(by_person)
        return frames

    runs = [run(order) for order in itertools.permutations(range(3))]
    assert all(other == runs[0] for other in runs)


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 900), st.integers(100, 400)), max_size=4), max_size=15))
def test_ids_are_never_shared_within_a_frame_nor_used_for_a_second_person(frames: list) -> None:
    tracker = PoseTracker(COCO_17, remember_s=0.1)
    highest, previous = 0, set()
    for index, people in enumerate(frames):
        poses = tracker.update([pose_of(figure(x, 450, height)) for x, height in people], index / FPS)
        ids = [pose.track_id for pose in poses]
        assert None not in ids
        assert len(set(ids)) == len(ids)
        new = {i for i in ids if i > highest}
        assert new == set(range(highest + 1, highest + 1 + len(new)))  # counted on without a gap
        highest += len(new)
        previous |= set(ids)
    assert previous == set(range(1, highest + 1))


def test_missing_keypoints_neither_break_nor_warn(recwarn: pytest.WarningsRecorder) -> None:
    tracker = PoseTracker(COCO_17)
    joints = figure(300, 450, 300)
    nothing = pose_of(joints)
    nothing = replace(
        nothing, keypoints=np.full((17, 2), np.nan, np.float32), scores=np.zeros(17, np.float32)
    )
    partly = pose_of(joints)
    partly.keypoints[5:] = np.nan
    ids = [
        tracker.update([pose], i / FPS)[0].track_id
        for i, pose in enumerate([pose_of(joints), nothing, partly, nothing, nothing, pose_of(joints)])
    ]
    assert ids == [1] * 6
    assert not recwarn.list


def test_boxes_that_are_not_numbers_get_an_id_and_are_forgotten() -> None:
    broken = pose_of(figure(300, 450, 300))
    broken = replace(
        broken,
        box_xyxy=np.full(4, np.nan, np.float32),
        keypoints=np.full((17, 2), np.nan, np.float32),
        score=math.nan,
    )
    tracker = PoseTracker(COCO_17)
    whole = pose_of(figure(300, 450, 300))
    first = [pose.track_id for pose in tracker.update([broken, whole], 0.0)]
    second = [pose.track_id for pose in tracker.update([broken, whole], 0.1)]
    assert sorted(first) == [1, 2]
    assert second[1] == first[1]


def test_memory_is_bounded_however_many_false_people_a_detector_finds() -> None:
    tracker = PoseTracker(COCO_17)
    for index in range(60):  # two seconds, ten new places in each frame
        poses = [pose_of(figure(index * 10000 + i * 1000, 450, 100)) for i in range(10)]
        tracker.update(poses, index / FPS)
    assert len(tracker._tracks) <= 256 + 10
    tracker.update([], 100.0)
    assert tracker._tracks == []


def test_a_crowd_keeps_its_ids() -> None:
    def scene(t: float) -> dict:
        return {str(i): figure(100 * (i % 10) + 20 * t, 200 + 150 * (i // 10), 140, t + i) for i in range(40)}

    ids = ids_by_name(ids_of(scene, 0.5))
    assert all(len(own) == 1 for own in ids.values())
    assert len(set.union(*ids.values())) == 40


def test_mpii_poses_are_tracked_too() -> None:
    tracker = PoseTracker(MPII_16)
    joints = figure(300, 450, 300)[:16]

    def pose(shift: float) -> Pose:
        return pose_of(joints + np.float32(shift))

    assert [tracker.update([pose(i)], i / FPS)[0].track_id for i in range(3)] == [1, 1, 1]


@settings(deadline=None)
@given(arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(0, 8)))
def test_the_assignment_is_the_best_of_all(similarity: np.ndarray) -> None:
    pairs = assign(similarity)
    rows, columns = similarity.shape
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert all(similarity[pair] > 0 for pair in pairs)
    padded = np.zeros((max(rows, columns),) * 2)
    padded[:rows, :columns] = similarity
    best = max(
        sum(padded[row, column] for row, column in enumerate(order))
        for order in itertools.permutations(range(len(padded)))
    )
    assert sum(similarity[pair] for pair in pairs) == best


def test_the_best_sum_is_not_the_greedy_one() -> None:
    # Greedy takes 9 first and is left with 1; together 8 + 7 is more.
    assert assign(np.array([[9, 8], [7, 1]], np.float32)) == [(0, 1), (1, 0)]
    assert assign(np.zeros((3, 0), np.float32)) == []


RED = np.tile(np.eye(BINS, dtype=np.float32)[2], (2, 3, 1))
BLUE = np.tile(np.eye(BINS, dtype=np.float32)[5], (2, 3, 1))
UNSEEN = np.full((2, 3, BINS), np.nan, np.float32)


def test_an_id_does_not_jump_to_somebody_in_other_clothes_who_stands_behind() -> None:
    """The man on the treadmill bends and is not found; the woman behind him is."""

    def run(looks: dict[str, np.ndarray] | None) -> tuple[list[dict], int]:
        tracker, history = PoseTracker(COCO_17), []
        for frame in range(40):
            scene = {"man": figure(300, 420, 300), "woman": figure(330, 400, 280)}
            if frame < 10:
                del scene["woman"]
            elif frame < 25:
                del scene["man"]
            given = None if looks is None else [looks[name] for name in scene]
            tracked = tracker.update([pose_of(joints) for joints in scene.values()], frame / 30, given)
            history.append({name: p.track_id for name, p in zip(scene, tracked, strict=False)})
        return history, tracker._next_id - 1

    history, people = run({"man": RED, "woman": BLUE})
    assert ids_by_name(history) == {"man": {1}, "woman": {2}}
    assert people == 2
    # Where nothing is seen of their clothes, places have to do.
    assert run({"man": UNSEEN, "woman": UNSEEN}) == run(None)


def test_in_a_flash_of_light_who_stays_in_place_keeps_the_id() -> None:
    tracker = PoseTracker(COCO_17)
    for frame, looks in enumerate([RED, RED, BLUE, RED]):
        tracked = tracker.update([pose_of(figure(300, 420, 300))], frame / 30, [looks])
        assert [pose.track_id for pose in tracked] == [1]


def test_a_second_box_around_somebody_known_is_nobody_before_it_has_stayed() -> None:
    tracker, ids = PoseTracker(COCO_17), []
    for frame in range(12):
        poses = [pose_of(figure(300, 420, 300))]
        if frame in (3, 4) or frame >= 6:
            poses.append(pose_of(figure(340, 420, 280)))
        ids.append([pose.track_id for pose in tracker.update(poses, frame / 30)])
    assert ids[:9] == [[1]] * 9  # three frames, a tenth of a second
    assert ids[9:] == [[1, 2]] * 3


def test_somebody_new_who_stands_free_or_comes_with_the_others_counts_at_once() -> None:
    tracker = PoseTracker(COCO_17)
    together = [pose_of(figure(300, 420, 300)), pose_of(figure(350, 420, 300))]
    assert sorted(pose.track_id or 0 for pose in tracker.update(together, 0.0)) == [1, 2]
    free = [*together, pose_of(figure(700, 420, 300))]
    assert sorted(pose.track_id or 0 for pose in tracker.update(free, 1 / 30)) == [1, 2, 3]


def test_who_was_there_before_a_flash_is_there_after_it() -> None:
    tracker = PoseTracker(COCO_17)
    before = [pose_of(figure(300, 420, 300)), pose_of(figure(600, 420, 300))]
    ids = [pose.track_id for pose in tracker.update(before, 0.0)]
    tracker.set_aside()
    assert tracker.update([], 0.1) == []
    tracker.set_aside()  # it fades in two steps
    assert tracker.update([], 0.2) == []
    tracker.bring_back()
    assert [pose.track_id for pose in tracker.update(before, 0.3)] == ids


def test_after_a_cut_that_stays_everybody_is_new() -> None:
    tracker, person = PoseTracker(COCO_17), [pose_of(figure(300, 420, 300))]
    tracker.update(person, 0.0)
    tracker.set_aside()
    assert [pose.track_id for pose in tracker.update(person, 0.1)] == [2]
    assert [pose.track_id for pose in tracker.update(person, 1.0)] == [2]
    tracker.bring_back()  # too late
    assert [pose.track_id for pose in tracker.update(person, 1.1)] == [2]


def test_who_is_found_again_in_the_last_light_of_a_flash_keeps_the_id() -> None:
    tracker, person = PoseTracker(COCO_17), [pose_of(figure(300, 420, 300))]
    tracker.update(person, 0.0, [RED])
    tracker.set_aside()
    tracker.update([], 0.1, [])
    tracker.bring_back()
    for frame in range(4):
        tracker.update([], 0.2 + frame / 30, [])
    assert [pose.track_id for pose in tracker.update(person, 0.4, [BLUE])] == [1]


def test_nobody_of_an_insert_is_left_when_the_empty_scene_is_back() -> None:
    tracker, person = PoseTracker(COCO_17), [pose_of(figure(300, 420, 300))]
    tracker.update([], 0.0)
    tracker.set_aside()
    assert [pose.track_id for pose in tracker.update(person, 0.1)] == [1]
    tracker.bring_back()
    assert [pose.track_id for pose in tracker.update(person, 0.2)] == [2]


def test_where_all_poses_are_people_nobody_has_to_stay_first() -> None:
    tracker = PoseTracker(COCO_17, confirm_s=0.0)
    first, second = pose_of(figure(300, 420, 300)), pose_of(figure(340, 420, 280))
    assert [pose.track_id for pose in tracker.update([first], 0.0)] == [1]
    assert [pose.track_id for pose in tracker.update([first, second], 1 / 30)] == [1, 2]
