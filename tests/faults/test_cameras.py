"""Cameras that change their size, are slow, too fast, black, or close in the middle of a run of `webcam`.

A fake stands for the device behind OpenCV; reading, reconnecting, networks, recording and record are real.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from shufflecam.sources.live.camera import CameraCapture
from shufflecam.sources.live.latest import LatestFrames
from shufflecam.sources.live.watch import PictureWatch
from tests.faults.harness import SEED, Victim, readable_frames, whole_lines
from tests.helpers.clips import number_picture
from tests.sources.fakes import FakeDevice
from tests.sources.mjpeg_server import serve

SIZE = (96, 64)


class PacedDevice(FakeDevice):
    """Gives `count` pictures at `rate` a second, then fails, as a camera does whose cable is pulled."""

    def __init__(self, count: int, rate: float, picture: Callable[[int], np.ndarray]) -> None:
        super().__init__({"MJPG": {SIZE: 30.0}})
        self._left, self._step_s, self._picture = count, 1 / rate, picture
        self._began_s: float | None = None
        self.read_count = 0

    def read(self) -> tuple[bool, np.ndarray | None]:
        if self.read_count >= self._left:
            return False, None
        if self.read_count == 1:  # the one before was for opening; the networks came between
            self._began_s = time.monotonic()
        if self._began_s is not None:
            due_s = self._began_s + (self.read_count - 1) * self._step_s
            time.sleep(max(0.0, due_s - time.monotonic()))  # the fake's rate, not a wait for something
        self.read_count += 1
        return True, self._picture(self.read_count)


@dataclass
class Ran:
    """What a run of `webcam` left."""

    code: int
    said: str
    header: dict
    frames: list[dict]
    footer: dict
    recording: Path
    given: int
    """Pictures that the device gave after the first one, which opening it takes."""


@pytest.fixture
def webcam(
    run_cli, solo: list[str], warm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[PacedDevice], Ran]:
    """Runs `webcam` on a device, with a recording and a record, until the device ends or `options` say so."""

    def run(device: PacedDevice, *options: object) -> Ran:
        def open_live(*_: object, on_notice: Callable[[str], None], **__: object) -> LatestFrames:
            capture = CameraCapture("0", open_device=device)
            # Not read before the run begins, so that every picture counts.
            return LatestFrames(capture, "0", "camera", eager=False, on_notice=on_notice)

        monkeypatch.setattr("shufflecam.sources.open_live", open_live)
        monkeypatch.setenv("SHUFFLECAM_CACHE", str(warm))
        record, recording = tmp_path / "out.jsonl", tmp_path / "out.mp4"
        outputs = ["--json", record, "--record", recording]
        done = run_cli("webcam", "--headless", *outputs, "--reconnect", 0, *solo, *options)
        (header, *frames, footer), rest = whole_lines(record)
        assert rest == 0
        assert "Traceback" not in done.stderr
        # Whatever happened: all that came in went out or was counted, and the recording holds the record.
        assert footer["frames"] == len(frames) > 0
        assert readable_frames(recording) == (len(frames), len(frames))
        return Ran(done.returncode, done.stderr, header, frames, footer, recording, device.read_count - 1)

    return run


def check_counts(ran: Ran) -> None:
    assert ran.footer["frames"] + ran.footer["dropped"] == ran.given
    numbers = [frame["frame"] for frame in ran.frames]
    assert numbers == sorted(set(numbers))


def check_closed(ran: Ran) -> None:
    """It ended because the camera did: one sentence, exit code 5, and the last picture is there."""
    assert ran.code == 5
    assert "stopped giving pictures" in ran.said
    assert ran.footer["complete"] is False
    assert ran.frames[-1]["frame"] == ran.given - 1


def test_a_camera_that_closes_in_the_middle(webcam) -> None:
    ran = webcam(PacedDevice(41, 60, number_picture))
    check_closed(ran)
    check_counts(ran)


def test_one_picture_a_second(webcam) -> None:
    ran = webcam(PacedDevice(4, 1, number_picture))
    check_closed(ran)
    check_counts(ran)
    assert len(ran.frames) == 3
    assert np.diff([frame["time"] for frame in ran.frames]) == pytest.approx(1, abs=0.3)
    assert all(frame["latency"] < 1 for frame in ran.frames)
    assert "gap" not in ran.recording.with_suffix(".jsonl").read_text()


@pytest.mark.parametrize("count", [1000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_a_thousand_pictures_a_second(count: int, webcam) -> None:
    ran = webcam(PacedDevice(count + 1, 1000, number_picture))
    check_closed(ran)
    check_counts(ran)
    assert ran.given == count
    assert ran.footer["dropped"] > 0


def test_an_end_by_ourselves_counts_too(webcam) -> None:
    ran = webcam(PacedDevice(10**6, 500, number_picture), "--max-frames", 20)
    assert ran.code == 0
    assert len(ran.frames) == 20
    assert ran.footer["complete"] is True
    # Up to one picture more was read while the run was ending, and is nobody's.
    assert 0 <= ran.given - ran.footer["frames"] - ran.footer["dropped"] <= 1


def test_a_black_picture_is_said_and_goes_on(webcam, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "shufflecam.sources.live.latest.PictureWatch", lambda: PictureWatch(after_s=0.3)
    )  # its five seconds are tested with a clock of the test's own
    ran = webcam(PacedDevice(41, 40, lambda _: np.zeros((64, 96, 3), np.uint8)))
    check_closed(ran)
    check_counts(ran)
    assert ran.said.count("has been black") == 1


def test_pictures_of_changing_size(webcam) -> None:
    sizes = [(96, 64), (64, 96), (320, 240), (96, 64), (1, 1), (33, 17)]
    ran = webcam(PacedDevice(61, 60, lambda number: number_picture(number, sizes[number // 10 % 6])))
    check_closed(ran)
    check_counts(ran)
    assert (ran.header["source"]["width"], ran.header["source"]["height"]) == SIZE
    assert "fitted into 96x64" in ran.said
    # One size for record and recording: joints lie where the recording shows them.
    assert not any("size" in frame for frame in ran.frames)
    assert ran.frames[-1]["people"][0]["box"] == [0, 0, 96, 64]


def test_a_stream_that_changes_its_size(solo: list[str], warm: Path, tmp_path: Path) -> None:
    """The same over HTTP, in a process of its own; the server hangs up in the end."""
    out, record = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    with serve(good=5, then="pace") as camera:
        victim = Victim(
            ["webcam", camera.url, "--headless", "--reconnect", 0, "--record", out, "--json", record, *solo],
            tmp_path,
            SHUFFLECAM_CACHE=str(warm),
        )
        for lines, size in ((5, (64, 96)), (15, (320, 240)), (25, (96, 64)), (35, (640, 480))):
            victim.wait_for(record, lines)
            camera.size = size
        victim.wait_for(record, 45)
        camera.hang_up.set()
        ended = victim.end()
    assert ended.code == 5, f"seed {SEED}: {ended.errors}"
    assert "the other side closed the connection" in ended.errors
    assert "Traceback" not in ended.errors
    assert "64x96 now" in ended.errors
    assert "640x480 now" in ended.errors
    (header, *frames, footer), rest = whole_lines(record)
    assert rest == 0
    assert footer["frames"] == len(frames) >= 44
    # The newest picture is never dropped, so the last number says how many came.
    assert footer["frames"] + footer["dropped"] == frames[-1]["frame"] + 1
    assert readable_frames(out) == (len(frames), len(frames))
    assert json.dumps(frames).count('"size"') == 0
    assert (header["source"]["width"], header["source"]["height"]) == SIZE
