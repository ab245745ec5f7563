"""`plot` as a user runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import pytest

from shufflecam.records.open import read_record
from tests.cli.test_render import make_record
from tests.helpers.clips import make_clip

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_picture_and_a_page_come_out(plain_clip: Path, tmp_path: Path, run_cli: Run) -> None:
    poses = make_record(plain_clip, tmp_path / "poses.json")
    out, html = tmp_path / "plot.png", tmp_path / "plot.html"
    done = run_cli(
        "plot", poses, "--joint", "left_wrist", "--angle", "left_knee", "--out", out, "--html", html
    )
    assert done.returncode == 0, done.stderr
    picture = cv2.imread(str(out))
    assert picture is not None
    assert picture.shape[0] > 500
    assert len(set(map(tuple, picture.reshape(-1, 3)[::7].tolist()))) > 50, "an empty plot"
    assert "data:video/mp4;base64," in html.read_text()
    again = run_cli("plot", poses, "--out", out)
    assert again.returncode == 1
    assert "--overwrite" in again.stderr


@pytest.mark.parametrize("ending", [".svg", ".pdf"])
def test_other_forms_and_nothing_named(ending: str, plain_clip: Path, tmp_path: Path, run_cli: Run) -> None:
    poses = make_record(plain_clip, tmp_path / "poses.jsonl")
    assert run_cli("plot", poses, "--out", tmp_path / f"plot{ending}", "--person", "2").returncode == 0
    assert (tmp_path / f"plot{ending}").stat().st_size > 2000


def test_a_video_that_is_gone_is_said(plain_clip: Path, tmp_path: Path, run_cli: Run) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(plain_clip.read_bytes())
    poses = make_record(copy, tmp_path / "poses.jsonl")
    copy.unlink()
    done = run_cli("plot", poses, "--html", tmp_path / "page.html")
    assert done.returncode == 0
    assert "is not there; the page has the plots alone" in done.stderr
    assert "<video" not in (tmp_path / "page.html").read_text()
    assert run_cli("plot", poses, "--html", tmp_path / "b.html", "--video", plain_clip).returncode == 0
    assert "<video" in (tmp_path / "b.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "Nothing is asked to be written"),
        (["--out", "a.gif"], 2, "a plot ends in .png"),
        (["--html", "a.png"], 2, "a page ends in .html"),
        (["--out", "a.png", "--joint", "left_hand"], 2, "no joint 'left_hand'"),
        (["--out", "a.png", "--angle", "ankle"], 2, "no angle 'ankle'"),
        (["--out", "a.png", "--person", "9"], 2, "has no person 9; it has 1, 2"),
        (["--html", "a.html", "--video", "no.mp4"], 2, "there is no such file"),
        (["--out", "no/a.png"], 1, "there is no folder"),
    ],
)
def test_bad_input(
    arguments: list[str],
    code: int,
    says: str,
    plain_clip: Path,
    tmp_path: Path,
    run_cli: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    poses = make_record(plain_clip, tmp_path / "poses.jsonl")
    monkeypatch.chdir(tmp_path)
    done = run_cli("plot", poses, *arguments)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert not list(tmp_path.glob("a.*"))


def begins_at(page: Path) -> tuple[float, float]:
    """The record's time at the video's 0:00, and that of the first frame."""
    data = json.loads(page.read_text().split('id="data">')[1].split("</script>")[0])
    return data["start"], data["times"][0]


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("a.avi", {"codec": "mpeg4", "sound": "libmp3lame"}, "of the kind avi"),
        ("a.mp4", {"pix_fmt": "yuv420p10le"}, "pixels of yuv420p10le"),
        ("a.mkv", {}, "of the kind matroska"),
        ("a.mp4", {"times": [9000 * 100 + 3000 * i for i in range(12)]}, "whose times begin at"),
        ("a.mp4", {"sound": "ac3"}, "whose sound is ac3"),
    ],
)
def test_what_not_every_browser_plays_is_encoded_anew(
    name: str, options: dict[str, Any], why: str, tmp_path: Path, run_cli: Run
) -> None:
    clip = make_clip(tmp_path / name, 12, **options)
    poses = make_record(clip, tmp_path / "poses.jsonl")
    html, anew = tmp_path / "page.html", tmp_path / "page-video.mp4"
    done = run_cli("plot", poses, "--html", html)
    assert done.returncode == 0, done.stderr
    assert why in " ".join(done.stderr.split())
    assert 'src="page-video.mp4"' in html.read_text()
    start_s, first_s = begins_at(html)
    assert start_s == pytest.approx(first_s, abs=1e-4)
    with av.open(str(anew)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert [one.codec_context.name for one in container.streams.audio] == ["aac"] * ("sound" in options)
        times = [float(frame.time) for frame in container.decode(stream)]
    recorded = [result.frame.timestamp_s - first_s for result in read_record(poses).results()]
    assert times == pytest.approx(recorded, abs=0.002)
    assert run_cli("plot", poses, "--html", html).returncode == 1
    again = run_cli("plot", poses, "--html", tmp_path / "other.html", "--video", clip)
    assert again.returncode == 0, again.stderr


def test_only_the_recorded_part_is_encoded_and_all_of_its_frames(tmp_path: Path, run_cli: Run) -> None:
    clip = make_clip(tmp_path / "a.avi", 30, codec="mpeg4")
    cut = {"cut": {"start": 0.5, "end": 0.9, "step": 2}}
    poses = make_record(clip, tmp_path / "poses.jsonl", 0.5, 0.9, step=2, **cut)
    done = run_cli("plot", poses, "--html", tmp_path / "page.html")
    assert done.returncode == 0, done.stderr
    start_s, first_s = begins_at(tmp_path / "page.html")
    assert start_s == first_s == pytest.approx(0.5, abs=0.04)
    with av.open(str(tmp_path / "page-video.mp4")) as container:
        assert 11 <= len(list(container.decode(video=0))) <= 12


@pytest.mark.parametrize(
    ("frames", "options", "says"),
    [
        (12, {"size": (128, 64)}, "its pictures are"),
        (30, {}, "another video"),
        (6, {}, "another video"),
        (12, {"rate": Fraction(25)}, "another video"),
        (12, {"times": [3000 * i + 1500 for i in range(12)]}, "another video"),
    ],
)
def test_a_clip_that_is_not_of_the_record_is_refused(
    frames: int, options: dict[str, Any], says: str, tmp_path: Path, run_cli: Run
) -> None:
    poses = make_record(make_clip(tmp_path / "a.mp4", 12), tmp_path / "poses.jsonl")
    other = make_clip(tmp_path / "b.mp4", frames, **options)
    done = run_cli("plot", poses, "--html", tmp_path / "page.html", "--video", other)
    assert done.returncode == 2, done.stderr
    assert says in " ".join(done.stderr.split())
    assert not list(tmp_path.glob("page*"))


def test_the_person_and_what_they_cover_are_said(plain_clip: Path, tmp_path: Path, run_cli: Run) -> None:
    poses = make_record(plain_clip, tmp_path / "poses.json")
    done = run_cli("plot", poses, "--out", tmp_path / "plot.png")
    assert "person 1 covers 100% of the record" in " ".join(done.stderr.split())
