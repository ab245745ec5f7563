"""Video whose pixels are not square, through every command that it passes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shufflecam
from shufflecam.core.angles import ANGLES, joint_angles
from shufflecam.core.skeleton import COCO_17
from shufflecam.sources import open_video
from tests.helpers.clips import make_clip

Run = Callable[..., subprocess.CompletedProcess[str]]

CASE = Path(__file__).parents[3] / "shared" / "cases" / "03-sar"
SHAPE = Fraction(64, 45)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4", 12, sample_aspect=SHAPE)


@pytest.fixture
def solo(pose_weights: Path) -> list[str]:
    return ["--weights", str(pose_weights), "--detector", "none"]


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def shape_of(path: Path) -> tuple[Fraction | None, tuple[int, int] | None]:
    source = open_video(path)
    return source.encoding_hints()["sample_aspect"], source.info.size


def told_angles(entry: dict[str, Any], aspect: float) -> None:
    """That a frame's angles are those of its keypoints, x stretched."""
    for person in entry["people"]:
        triples = person.get("keypoints_smoothed") or person["keypoints"]
        points = np.array([(np.nan, np.nan) if t is None else t[:2] for t in triples], np.float32)
        expected = joint_angles(points * np.array([aspect, 1], np.float32), COCO_17.keypoints)
        for name, degrees in person["angles"].items():
            if degrees is not None:
                assert degrees == pytest.approx(expected[name], abs=0.02)


def test_video_and_render_keep_the_shape_and_the_record_says_it(
    clip: Path, solo: list[str], tmp_path: Path, run_cli: Run
) -> None:
    out, record, again = (tmp_path / name for name in ("out.mp4", "out.jsonl", "again.mkv"))
    done = run_cli("video", clip, "--out", out, "--json", record, "--angles", *solo)
    assert done.returncode == 0, done.stderr
    header, *frames, _ = entries(record)
    assert header["source"]["pixel_aspect"] == float(SHAPE)
    assert (header["source"]["width"], header["source"]["height"]) == (96, 64)
    assert all("pixel_aspect" not in frame for frame in frames)
    for frame in frames:
        told_angles(frame, float(SHAPE))
    assert frames[0]["people"][0]["box"] == [0, 0, 96, 64], "stored pixels"
    assert run_cli("render", clip, record, "--out", again).returncode == 0
    assert shape_of(out) == shape_of(again) == (SHAPE, (96, 64))
    told = run_cli("inspect", record)
    assert "96x64 shown as 137x64" in told.stdout


def test_a_turned_video_looked_at_turned(solo: list[str], tmp_path: Path, run_cli: Run) -> None:
    clip = make_clip(tmp_path / "clip.mp4", 6, sample_aspect=SHAPE, rotation=90)
    record = tmp_path / "out.jsonl"
    more = ["--rotate", "90", "--crop", "4,4,56,80", "--smooth", "offline", "--angles"]
    done = run_cli("video", clip, "--json", record, *more, *solo)
    assert done.returncode == 0, done.stderr
    header, *frames, _ = entries(record)
    assert header["source"]["pixel_aspect"] == float(1 / SHAPE)
    for frame in frames:
        told_angles(frame, float(1 / SHAPE))
        np.testing.assert_allclose(frame["people"][0]["box"], [4, 4, 60, 84], atol=2e-3)


def test_a_replay_is_recorded_as_it_looks(clip: Path, solo: list[str], tmp_path: Path, run_cli: Run) -> None:
    for size, shape, pixels in (([], SHAPE, (96, 64)), (["--size", "64x64"], Fraction(32, 15), (64, 64))):
        recording, record = tmp_path / "rec.mp4", tmp_path / "rec.jsonl"
        more = ["--headless", "--record", recording, "--json", record, "--max-frames", "3", "--overwrite"]
        done = run_cli("webcam", "--replay", clip, "--loop", *more, *size, *solo)
        assert done.returncode == 0, done.stderr
        assert entries(record)[0]["source"]["pixel_aspect"] == pytest.approx(float(shape))
        assert shape_of(recording) == (shape, pixels)


def test_the_page_has_the_picture_as_shown(clip: Path, solo: list[str], tmp_path: Path, run_cli: Run) -> None:
    record, page = tmp_path / "out.jsonl", tmp_path / "page.html"
    assert run_cli("video", clip, "--json", record, *solo).returncode == 0
    done = run_cli("plot", record, "--joint", "nose", "--html", page, "--kpt-thr", "0")
    assert done.returncode == 0, done.stderr
    found = re.search(r'<script[^>]*id="data"[^>]*>(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert data["size"] == pytest.approx([96 * float(SHAPE), 64])
    triples = entries(record)[1]["people"][0]["keypoints_smoothed"]
    for joint, triple in enumerate(triples):
        if triple is not None and triple[2] > 0:
            assert data["poses"][0][2 * joint] == pytest.approx(triple[0] * float(SHAPE), abs=0.51)


def test_what_cannot_be_is_said_once(solo: list[str], tmp_path: Path, run_cli: Run) -> None:
    clip = make_clip(tmp_path / "clip.mp4", 3, sample_aspect=Fraction(50))
    done = run_cli("video", clip, "--out", tmp_path / "out.mp4", "--json", tmp_path / "a.jsonl", *solo)
    assert done.returncode == 0
    assert done.stderr.count("50 times as wide as high") == 1
    assert "pixel_aspect" not in entries(tmp_path / "a.jsonl")[0]["source"]
    assert shape_of(tmp_path / "out.mp4")[0] is None


@pytest.mark.skipif(not CASE.is_dir(), reason="needs ../shared/cases")
def test_the_networks_see_people_as_they_are() -> None:
    """The same squats stored with 64:45 and with square pixels: ten frames of each."""
    find = shufflecam.load()
    found = []
    for name in ("squat_sar64_45.mp4", "squat_square_pixels.mp4"):
        frames = [frame for frame in open_video(CASE / name).frames() if frame.index % 3 == 0]
        results = [find.find(frame) for frame in frames]
        assert all(len(result.poses) == 1 for result in results)
        names = find.skeleton.keypoints
        angles = [joint_angles(r.poses[0].keypoints, names, r.frame.pixel_aspect) for r in results]
        found.append(np.array([[one[name] for name in ANGLES] for one in angles]))
    assert np.nanmedian(np.abs(found[0] - found[1])) < 3
