"""Local cameras: the faster mode, believable rates, and a sentence that says why one does not open."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from shufflecam.core.errors import SourceBrokeOff, SourceError
from shufflecam.sources import list_cameras
from shufflecam.sources.live.camera import CameraCapture, believable_fps, choose_mode
from shufflecam.sources.live.cameras import captures_video, why_not_open
from tests.sources.fakes import FakeDevice

VGA, HD = (640, 480), (1280, 720)


def _format(device: FakeDevice) -> str:
    return struct.pack("<I", int(device.format)).decode()


@pytest.mark.parametrize(
    ("modes", "size", "fps", "expected"),
    [
        ({"YUYV": {VGA: 30, HD: 10}, "MJPG": {VGA: 30, HD: 30}}, HD, None, ("MJPG", HD)),
        ({"YUYV": {VGA: 30, HD: 10}, "MJPG": {VGA: 30, HD: 30}}, VGA, None, ("YUYV", VGA)),
        ({"YUYV": {VGA: 30}, "MJPG": {VGA: 30, HD: 30}}, HD, None, ("MJPG", HD)),
        ({"YUYV": {VGA: 30, HD: 10}}, HD, None, ("YUYV", HD)),
        ({"MJPG": {VGA: 30, HD: 30}}, HD, None, ("MJPG", HD)),
        ({"YUYV": {VGA: 30}, "MJPG": {VGA: 60}}, None, 60, ("MJPG", VGA)),
        ({"YUYV": {VGA: 15}, "MJPG": {VGA: 30}}, None, None, ("MJPG", VGA)),
    ],
)
def test_mjpg_where_the_default_is_slower(
    modes: dict[str, dict[tuple[int, int], float]],
    size: tuple[int, int] | None,
    fps: float | None,
    expected: tuple[str, tuple[int, int]],
) -> None:
    device = FakeDevice(modes)
    choose_mode(device, size, fps)
    assert (_format(device), device.size) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (30.0, Fraction(30)),
        (29.97, Fraction(30000, 1001)),
        (30000 / 1001, Fraction(30000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (7.5, Fraction(15, 2)),
        (0, None),
        (float("nan"), None),
        (90000, None),
        (-1, None),
    ],
)
def test_rates_that_cameras_tell(told: float, expected: Fraction | None) -> None:
    assert believable_fps(told) == expected


def test_camera_reads_and_goes_away() -> None:
    picture = np.full((480, 640, 3), 90, np.uint8)
    device = FakeDevice({"YUYV": {VGA: 30}}, [None, picture, picture, picture[..., 0]])
    camera = CameraCapture("0", open_device=device)
    camera.open()
    assert camera.size == VGA
    assert camera.fps == 30
    for _ in range(2):
        grabbed = camera.grab()
        assert grabbed is not None
        assert grabbed.to_image().shape == (480, 640, 3)
    with pytest.raises(SourceBrokeOff, match="stopped giving pictures"):
        camera.grab()
    camera.close()
    assert device.released


def test_no_such_camera_names_those_that_exist() -> None:
    with pytest.raises(SourceError, match=r"There is no camera /dev/video97") as caught:
        CameraCapture("97").open()
    assert caught.value.exit_code == 3


def test_a_camera_without_pictures() -> None:
    device = FakeDevice({"YUYV": {VGA: 30}}, [])
    with pytest.raises(SourceError):
        CameraCapture("97", open_device=device).open()


@pytest.fixture
def system(tmp_path: Path) -> tuple[Path, Path]:
    """A made-up /dev and /sys/class/video4linux with two devices, the second one for metadata."""
    dev, sysfs = tmp_path / "dev", tmp_path / "sys"
    for number, (name, index) in enumerate([("Logi C920", "0"), ("Logi C920", "1"), ("Lid", "0")]):
        dev.mkdir(exist_ok=True)
        (dev / f"video{number * 5}").touch()
        (sysfs / f"video{number * 5}").mkdir(parents=True)
        (sysfs / f"video{number * 5}" / "name").write_text(name + "\n")
        (sysfs / f"video{number * 5}" / "index").write_text(index)
    return dev, sysfs


def test_list_of_cameras(system: tuple[Path, Path]) -> None:
    dev, sysfs = system
    # Plain files answer no ioctl: all three count, in order of their numbers.
    listed = list_cameras(str(dev), str(sysfs))
    assert [(camera.index, camera.name, camera.readable) for camera in listed] == [
        (0, "Logi C920", True),
        (5, "Logi C920", True),
        (10, "Lid", True),
    ]
    assert list_cameras(str(dev / "none"), str(sysfs)) == []


def test_list_of_cameras_where_nothing_may_be_opened(
    system: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    dev, sysfs = system

    def refused(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refused)
    monkeypatch.setattr(os, "access", lambda *_: False)
    listed = list_cameras(str(dev), str(sysfs))
    assert [camera.index for camera in listed] == [0, 10]
    assert not listed[0].readable
    assert "usermod -aG" in listed[0].problem


def test_capability_bits() -> None:
    def answer(capabilities: int, device: int) -> bytes:
        return bytes(84) + struct.pack("=II", capabilities, device) + bytes(12)

    assert captures_video(answer(0x84A00001, 0x04200001))
    assert not captures_video(answer(0x84A00001, 0x04A00000))  # its node for metadata
    assert captures_video(answer(0x04000001, 0))
    assert captures_video(answer(0x84201000, 0x04201000))


def test_why_not_open(system: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dev, _ = system
    proc = tmp_path / "proc"
    holder = proc / "4242"
    (holder / "fd").mkdir(parents=True)
    (holder / "comm").write_text("zoom\n")
    assert "video0, " in why_not_open("3", str(dev), str(proc))
    assert "no " in why_not_open("3", str(tmp_path / "none"), str(proc))
    assert "gives no pictures" in why_not_open("0", str(dev), str(proc))
    (holder / "fd" / "7").symlink_to(dev / "video0")
    assert "in use by zoom (process 4242)" in why_not_open("0", str(dev), str(proc))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "usermod -aG" in why_not_open(str(dev / "video0"), str(dev), str(proc))


@pytest.mark.camera
def test_a_real_camera() -> None:
    from shufflecam.sources import open_camera

    cameras = list_cameras()
    if not cameras:
        pytest.skip("no camera is plugged in")
    source = open_camera(cameras[0].index)
    frames = source.frames()
    assert next(frames).size == source.info.size
    source.close()
    assert cv2.VideoCapture(cameras[0].index).isOpened()
