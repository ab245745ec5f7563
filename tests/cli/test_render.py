"""`render`: a saved record drawn into its video, with the video's own sound and timing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from shufflecam.core.skeleton import COCO_17
from shufflecam.drawing.drawer import chosen_drawer
from shufflecam.drawing.look import Look
from shufflecam.records import schema as record
from shufflecam.records.open import RecordTarget
from shufflecam.records.sink import WriterOptions
from shufflecam.sources.video.source import open_video
from tests.helpers.clips import video_times
from tests.helpers.people import figure, pose_of, result_of

Run = Callable[..., subprocess.CompletedProcess[str]]


def make_record(clip: Path, path: Path, *cut: float | None, step: int = 1, **extra: Any) -> Path:
    """The record that `video` would write of a clip in which two people stand."""
    source = open_video(clip, *cut, step=step)
    sink = RecordTarget(str(path)).open(WriterOptions(overwrite=True))
    sink.begin(record.header(source.info, model={}, detector={}, skeleton=COCO_17, version="0", **extra))
    width, height = source.info.size or (0, 0)
    people = [
        pose_of(figure(width * share, height * 0.9, height * 0.7), track_id=n)
        for n, share in ((1, 0.3), (2, 0.7))
    ]
    for frame in source.frames():
        sink.write(result_of(people, frame.index, frame.timestamp_s))
    sink.close(complete=True)
    return path


def pictures(path: Path) -> np.ndarray:
    """(N, H, W, 3) RGB of a whole video."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def drawn(path: Path, left: bool) -> int:
    """How many pixels of one half are neither black nor nearly so, in a video on black."""
    picture = pictures(path)[5]
    half = picture.shape[1] // 2
    return int((picture[:, :half] if left else picture[:, half:]).max(axis=-1).__gt__(60).sum())


@pytest.mark.parametrize("name", ["plain.mp4", "vfr.mp4", "rotated.mp4", "plain.mkv"])
def test_every_frame_has_its_time_and_its_skeletons(
    name: str, small_clips: Path, tmp_path: Path, run_cli: Run
) -> None:
    poses = make_record(small_clips / name, tmp_path / "poses.jsonl")
    out = tmp_path / f"out{Path(name).suffix}"
    done = run_cli("render", small_clips / name, poses, "--out", out, "--skeleton-only", "--no-ids")
    assert done.returncode == 0, done.stderr
    assert video_times(out) == pytest.approx(video_times(small_clips / name), abs=0.001)
    assert drawn(out, left=True) > 50
    assert drawn(out, left=False) > 50


def test_the_sound_is_kept_unless_it_is_not_wanted(sound_clip: Path, tmp_path: Path, run_cli: Run) -> None:
    poses = make_record(sound_clip, tmp_path / "poses.json")
    for flags, kept in (([], True), (["--no-audio"], False)):
        out = tmp_path / f"{kept}.mp4"
        assert run_cli("render", sound_clip, poses, "--out", out, *flags).returncode == 0
        with av.open(str(out)) as container:
            assert bool(container.streams.audio) is kept
            if kept:
                assert float(container.duration / av.time_base) == pytest.approx(3, abs=0.1)


def test_the_looks_of_video_are_there(plain_clip: Path, tmp_path: Path, run_cli: Run) -> None:
    poses = make_record(plain_clip, tmp_path / "poses.jsonl")
    seen = {}
    for name, flags in {
        "plain": [],
        "openpose": ["--style", "openpose"],
        "black": ["--skeleton-only"],
        "boxes": ["--boxes"],
        "none": ["--kpt-thr", "1", "--no-ids"],
    }.items():
        out = tmp_path / f"{name}.mp4"
        assert run_cli("render", plain_clip, poses, "--out", out, *flags).returncode == 0
        seen[name] = pictures(out)[5].astype(int)
    for name in ("openpose", "black", "boxes", "none"):
        assert np.abs(seen[name] - seen["plain"]).max() > 60, name
    original = pictures(plain_clip)[5].astype(int)
    assert np.abs(seen["none"] - original).mean() < 4


def test_one_person_may_be_drawn_alone(plain_clip: Path, tmp_path: Path, run_cli: Run) -> None:
    poses = make_record(plain_clip, tmp_path / "poses.jsonl")
    out = tmp_path / "one.mp4"
    run_cli("render", plain_clip, poses, "--out", out, "--skeleton-only", "--person", "2")
    assert drawn(out, left=False) > 50
    assert drawn(out, left=True) == 0


def test_a_person_who_is_not_there_cannot_be_drawn(plain_clip: Path, tmp_path: Path, run_cli: Run) -> None:
    poses = make_record(plain_clip, tmp_path / "poses.jsonl")
    out = tmp_path / "none.mp4"
    done = run_cli("render", plain_clip, poses, "--out", out, "--person", "2", "--person", "7")
    assert done.returncode == 2
    assert "has no person 7; it has 1, 2." in done.stderr
    assert not out.exists()


@pytest.mark.parametrize("blur", [True, False])
def test_faces_of_people_who_are_not_drawn_are_hidden_too(blur: bool) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    people = [pose_of(figure(x, 190, 170), track_id=n) for n, x in ((1, 80), (2, 220))]
    result = result_of(people)
    result = replace(result, frame=replace(result.frame, image=noise.copy()))
    drawn = chosen_drawer(COCO_17, Look(blur_faces=blur), frozenset({2}))(result)
    nose, hip = people[0].keypoints[0].astype(int), people[0].keypoints[11].astype(int)
    face = np.s_[nose[1] - 3 : nose[1] + 4, nose[0] - 3 : nose[0] + 4]
    assert (drawn[face] != noise[face]).any() == blur
    trunk = np.s_[hip[1] - 3 : hip[1] + 4, hip[0] - 3 : hip[0] + 4]
    assert (drawn[trunk] == noise[trunk]).all(), "person 1 is drawn"
    other = people[1].keypoints[11].astype(int)
    assert (drawn[other[1], other[0]] != noise[other[1], other[0]]).any(), "person 2 is not drawn"


def test_a_part_of_a_video_comes_out_as_it_did(
    clip: Path, pose_weights: Path, tmp_path: Path, run_cli: Run
) -> None:
    networks = ["--weights", pose_weights, "--detector", "none"]
    part = ["--start", "0.4", "--end", "1.5", "--step", "2"]
    first, again, poses = tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path / "poses.jsonl"
    assert run_cli("video", clip, *part, *networks, "--out", first, "--json", poses).returncode == 0
    done = run_cli("render", clip, poses, "--out", again)
    assert done.returncode == 0, done.stderr
    assert video_times(again) == video_times(first)
    assert (pictures(again) == pictures(first)).all()


def test_a_record_that_breaks_off_ends_the_output(plain_clip: Path, tmp_path: Path, run_cli: Run) -> None:
    poses = make_record(plain_clip, tmp_path / "poses.jsonl")
    lines = poses.read_bytes().splitlines(keepends=True)
    poses.write_bytes(b"".join(lines[:12]) + lines[12][:40])
    out = tmp_path / "out.mp4"
    done = run_cli("render", plain_clip, poses, "--out", out)
    assert done.returncode == 5
    assert "breaks off in line 13; its 11 whole frames were read" in done.stderr
    assert len(video_times(out)) == 11


def test_a_video_that_ends_before_its_record(plain_clip: Path, tmp_path: Path, run_cli: Run) -> None:
    poses = make_record(plain_clip, tmp_path / "poses.jsonl")
    lines = poses.read_text().splitlines()
    last = json.loads(lines[-2])
    lines.insert(-1, json.dumps({**last, "frame": last["frame"] + 1, "time": last["time"] + 1 / 30}))
    poses.write_text("\n".join(lines) + "\n")
    done = run_cli("render", plain_clip, poses, "--out", tmp_path / "out.mp4")
    assert done.returncode == 5
    assert "ends after 40 frames" in done.stderr


def other_size(lines: list[dict[str, Any]]) -> None:
    lines[0]["source"]["width"] = 640


def other_length(lines: list[dict[str, Any]]) -> None:
    lines[0]["source"]["frames"] = 900


def other_times(lines: list[dict[str, Any]]) -> None:
    for line in lines[1:-1]:
        line["time"] += 0.02


def a_camera(lines: list[dict[str, Any]]) -> None:
    lines[0]["source"]["kind"] = "camera"


def test_a_header_of_nonsense_about_the_view_is_no_matter(
    plain_clip: Path, tmp_path: Path, run_cli: Run
) -> None:
    for number, view in enumerate(("x", {"rotate": "north"}, {"rotate": 90})):
        poses = make_record(plain_clip, tmp_path / "poses.jsonl", view=view)
        done = run_cli("render", plain_clip, poses, "--blur-faces", "--out", tmp_path / f"{number}.mp4")
        assert done.returncode == 0, done.stderr


def a_part_that_cannot_be(lines: list[dict[str, Any]]) -> None:
    lines[0]["cut"] = {"start": "soon"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (other_size, "its pictures are 640x64, those of"),
        (other_length, "that one has 900 frames"),
        (other_times, "its frame 0 is at 0.020 s"),
        (a_camera, "is a record of camera"),
        (a_part_that_cannot_be, "which cannot be"),
    ],
)
def test_the_record_of_something_else_is_refused(
    change: Callable[[list[dict[str, Any]]], None],
    says: str,
    plain_clip: Path,
    tmp_path: Path,
    run_cli: Run,
) -> None:
    poses = make_record(plain_clip, tmp_path / "poses.jsonl")
    lines = [json.loads(line) for line in poses.read_text().splitlines()]
    change(lines)
    poses.write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = tmp_path / "out.mp4"
    done = run_cli("render", plain_clip, poses, "--out", out)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert not out.exists()


def test_outputs_are_checked(plain_clip: Path, tmp_path: Path, run_cli: Run) -> None:
    poses = make_record(plain_clip, tmp_path / "poses.jsonl")
    assert run_cli("render", plain_clip, poses, "--out", plain_clip, "--overwrite").returncode == 2
    assert run_cli("render", plain_clip, poses, "--out", tmp_path / "x.gif").returncode == 2
    there = tmp_path / "there.mp4"
    there.write_bytes(b"kept")
    assert run_cli("render", plain_clip, poses, "--out", there).returncode == 1
    assert there.read_bytes() == b"kept"
    assert run_cli("render", tmp_path / "no.mp4", poses, "--out", tmp_path / "x.mp4").returncode == 3


def test_no_network_is_loaded(plain_clip: Path, tmp_path: Path) -> None:
    poses = make_record(plain_clip, tmp_path / "poses.jsonl")
    code = (
        "import sys\n"
        "from shufflecam.cli.main import run\n"
        "try:\n"
        f"    run(['render', {str(plain_clip)!r}, {str(poses)!r}, '--out', {str(tmp_path / 'o.mp4')!r}])\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "print('HEAVY', sorted({'torch', 'openvino', 'ultralytics', 'onnxruntime'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1:] == ["HEAVY []"], done.stderr
