from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from shufflecam.cli.main import cli
from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import Frame, FrameResult, Pose, SourceInfo
from shufflecam.records import schema
from shufflecam.records.open import read_record
from shufflecam.records.quality import measure
from tests.helpers.people import figure, pose_of

FRAMES = 60
ELBOW, WRIST = COCO_17.keypoints.index("left_elbow"), COCO_17.keypoints.index("left_wrist")
Scene = Callable[[int], list[Pose]]


def recorded(folder: Path, scene: Scene, *, fps: float = 30.0, file: str | None = None) -> Path:
    """A record of `FRAMES` frames in which people are as `scene` has them."""
    info = SourceInfo("x.mp4", "video", (640, 480))
    lines = [schema.header(info, model={}, detector={}, skeleton=COCO_17, version="0")]
    for index in range(FRAMES):
        frame = Frame(np.zeros((480, 640, 3), np.uint8), index, index / fps, file=file and f"{index}.jpg")
        lines.append(schema.frame(FrameResult(frame, tuple(scene(index)))))
    lines.append(schema.footer(FRAMES, 0, True))
    path = folder / "poses.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def figures(path: Path) -> dict:
    return measure(read_record(path)).figures()


def walker(index: int, track_id: int = 1, x: float = 150) -> Pose:
    return pose_of(figure(x + 3 * index, 450, 300, index / 4), track_id=track_id)


def test_somebody_who_walks_is_one_skeleton_without_a_fault(tmp_path: Path) -> None:
    found = figures(recorded(tmp_path, lambda index: [walker(index)]))
    assert found["doubled"] == found["leaps"] == found["blinks"] == 0.0
    assert (found["ids"], found["brief_ids"], found["most_people"]) == (1, 0, 1)
    assert found["tremble"] < 0.5


def test_two_people_side_by_side_are_not_doubled_but_a_shadow_is(tmp_path: Path) -> None:
    def scene(index: int) -> list[Pose]:
        shadow = replace(walker(index, 3), keypoints=walker(index).keypoints + 2)
        return [walker(index), walker(index, 2, 260), *([shadow] if index % 10 == 0 else [])]

    found = figures(recorded(tmp_path, scene))
    assert found["doubled"] == pytest.approx(10.0)
    assert found["most_people"] == 3


def test_a_forearm_that_leaps_is_counted_out_and_back(tmp_path: Path) -> None:
    def scene(index: int) -> list[Pose]:
        pose = walker(index)
        if index == 20:
            pose.keypoints[WRIST] += 2 * (pose.keypoints[WRIST] - pose.keypoints[ELBOW])
        return [pose]

    found = measure(read_record(recorded(tmp_path, scene)))
    assert found.leaps == 2
    assert found.limbs == 8 * (FRAMES - 1)


def test_a_joint_that_blinks_is_counted_and_one_that_goes_is_not(tmp_path: Path) -> None:
    def scene(index: int) -> list[Pose]:
        pose = walker(index)
        pose.scores[0] = 0.1 if index == 10 else 0.9  # away for a frame
        pose.scores[1] = 0.9 if index == 30 else 0.1  # there for a frame
        pose.scores[2] = 0.9 if index < 40 else 0.1
        return [pose]

    found = measure(read_record(recorded(tmp_path, scene)))
    assert found.blinks == 2
    assert found.joints == 17 * (FRAMES - 2)


def test_what_is_drawn_is_measured(tmp_path: Path) -> None:
    def scene(index: int) -> list[Pose]:
        pose = walker(index)
        sure = np.full(17, 0.9, np.float32)
        steady = replace(pose, keypoints_smoothed=pose.keypoints, scores_smoothed=sure)
        steady.scores[3] = 0.1 if index % 2 else 0.9
        return [steady]

    assert figures(recorded(tmp_path, scene))["blinks"] == 0.0


def test_frames_far_apart_and_pictures_are_not_compared(tmp_path: Path) -> None:
    jumpy = lambda index: [walker(7 * index)]  # noqa: E731
    assert figures(recorded(tmp_path, jumpy, fps=2.0))["leaps"] is None
    assert figures(recorded(tmp_path, jumpy, file="yes"))["blinks"] is None
    assert figures(recorded(tmp_path, lambda index: []))["doubled"] == 0.0


def test_boxes_that_say_no_size_neither_count_nor_warn(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    def boxed(box: list[float]) -> dict[str, float | int | None]:
        array = np.array(box, np.float32)
        two = lambda index: [replace(walker(index, one), box_xyxy=array) for one in (1, 2)]  # noqa: E731
        return figures(recorded(tmp_path, two))

    assert boxed([np.nan] * 4)["tremble"] is None
    assert boxed([-1e20, -1e20, 1e20, 1e20])["tremble"] == 0.0
    assert [str(warning.message) for warning in recwarn] == []


def test_ids_that_last_less_than_a_second_are_brief(tmp_path: Path) -> None:
    found = figures(recorded(tmp_path, lambda index: [walker(index, 1 if index < 50 else 2)]))
    assert (found["ids"], found["brief_ids"]) == (2, 1)


def test_inspect_says_it_in_a_table_and_as_json(tmp_path: Path) -> None:
    path = recorded(tmp_path, lambda index: [walker(index)])
    plain = CliRunner().invoke(cli, ["inspect", str(path)])
    table = CliRunner().invoke(cli, ["inspect", str(path), "--quality"])
    as_json = CliRunner().invoke(cli, ["inspect", str(path), "--quality", "--json"])
    assert plain.exit_code == table.exit_code == as_json.exit_code == 0
    assert "people drawn twice" in table.output
    assert "twice" not in plain.output
    assert json.loads(as_json.output)["quality"] == figures(path)
