"""`shufflecam cameras` and `webcam --camera`, on made-up cameras: there is none where tests run."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from shufflecam.cli.commands import cameras as command_module
from shufflecam.cli.commands.cameras import mode_lines
from shufflecam.core.errors import SourceError, UsageError
from shufflecam.sources.live import camera as webcam_module
from shufflecam.sources.live import cameras as cameras_module
from shufflecam.sources.live.cameras import Camera, find_camera
from shufflecam.sources.live.probe import Report, measured
from shufflecam.sources.live.v4l2 import Mode
from tests.sources.fakes import FakeDevice

CAMERAS = [
    Camera(0, "/dev/video0", "Logi C920"),
    Camera(2, "/dev/video2", "Logi Brio"),
    Camera(4, "/dev/video4", "Lid"),
]
MODES = (
    Mode("MJPG", (1280, 720), None, (Fraction(30), Fraction(30000, 1001))),
    Mode("MJPG", (640, 480)),
    Mode("YUYV", (1920, 1080), (32, 16), (Fraction(60), Fraction(1))),
)


@pytest.mark.parametrize(
    ("name", "index"), [("c920", 0), ("Logi Brio", 2), ("LID", 4), (" brio ", 2), ("/dev/video4", 4)]
)
def test_a_name_or_a_part_of_it(name: str, index: int) -> None:
    assert find_camera(name, CAMERAS).index == index


def test_a_whole_name_wins_over_a_part() -> None:
    assert find_camera("lid", [*CAMERAS, Camera(6, "/dev/video6", "Lid Wide")]).index == 4


def test_a_name_that_matches_two_names_both() -> None:
    with pytest.raises(UsageError) as caught:
        find_camera("logi", CAMERAS)
    assert '"Logi C920" (/dev/video0) and "Logi Brio" (/dev/video2)' in str(caught.value)
    with pytest.raises(UsageError, match="could be"):
        find_camera("lid", [CAMERAS[2], Camera(6, "/dev/video6", "Lid")])


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(SourceError, match='"Logi C920", "Logi Brio", "Lid"'):
        find_camera("nikon", CAMERAS)
    with pytest.raises(SourceError, match="none at all"):
        find_camera("nikon", [])
    with pytest.raises(SourceError, match="There is no camera"):
        find_camera("", CAMERAS)


def test_modes_in_words() -> None:
    assert mode_lines(MODES) == [
        "MJPG  1280x720 at 30, 29.97;  640x480",
        "YUYV  32x16 to 1920x1080 at 60, 1",
    ]
    assert mode_lines(()) == []


def test_no_camera(run_cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras_module, "list_cameras", lambda: [])
    done = run_cli("cameras")
    assert (done.returncode, done.stdout) == (0, "")
    assert "--replay" in done.stderr
    done = run_cli("cameras", "--json")
    assert json.loads(done.stdout) == []


def test_the_list(run_cli, monkeypatch: pytest.MonkeyPatch) -> None:
    shut = Camera(1, "/dev/video1", "[red]Odd", readable=False, problem="join the group video")
    monkeypatch.setattr(cameras_module, "list_cameras", lambda: [CAMERAS[0], shut])
    monkeypatch.setattr("shufflecam.sources.live.v4l2.list_modes", lambda path: list(MODES))
    done = run_cli("cameras", "--no-measure")
    assert done.returncode == 0
    for part in (
        "Logi C920",
        "/dev/video0",
        "[red]Odd",
        "group video",
        "MJPG",
        "1280x720",
        "not tried",
    ):
        assert part in done.stdout
    first, second = json.loads(run_cli("cameras", "--no-measure", "--json").stdout)
    assert first["modes"][0] == {
        "pixel_format": "MJPG", "size": [1280, 720], "smallest": None, "rates": [30.0, 29.97]
    }  # fmt: skip
    assert (first["opened"], second["opened"]) == (None, False)


def test_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    device = FakeDevice({"YUYV": {(64, 48): 30}})
    monkeypatch.setattr(webcam_module.CameraCapture.__init__, "__defaults__", (None, None, device))
    report = measured(Report(CAMERAS[0], ()), seconds=0.05)
    assert report.opened is True
    assert report.size == (64, 48)
    assert report.fps is not None
    assert report.fps > 0
    assert device.released


def test_measuring_one_that_does_not_open() -> None:
    report = measured(Report(Camera(987, "/dev/video987", "gone"), ()))
    assert report.opened is False
    assert "/dev/video987" in report.problem
    assert report.as_dict()["problem"] == report.problem


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--camera", "logi"], 2, "/dev/video0"),
        (["--camera", "nikon"], 3, "Lid"),
        (["--camera", "lid", "1"], 2, "exclude"),
        (["--camera", "lid", "--replay", "x.mp4"], 2, "exclude"),
        (["--camera", "lid"], 3, "/dev/video4"),
    ],
)
def test_webcam_by_name(
    arguments: list[str], code: int, says: str, run_cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cameras_module, "list_cameras", lambda: CAMERAS)
    done = run_cli("webcam", "--headless", *arguments)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_on_other_systems_the_list_says_that_it_is_untested(run_cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_module.sys, "platform", "win32")
    monkeypatch.setattr(cameras_module, "list_cameras", lambda: [])
    assert "untested on this system" in run_cli("cameras").stderr
