"""`plot` as a user runs it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from tests.cli.test_render import make_record

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
