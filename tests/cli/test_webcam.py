"""`shufflecam webcam` on replayed files: exact counts, every way to end, and the real window."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from shufflecam.cli.live import mirrored
from tests.cli.conftest import CLIP_FRAMES, cli_environment
from tests.people import pose_of


@pytest.fixture
def live(pose_weights: Path, clip: Path) -> list[str]:
    return ["webcam", "--replay", str(clip), "--weights", str(pose_weights), "--detector", "none"]


def entries_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_records_and_drops_are_all_the_frames(live: list[str], tmp_path: Path, run_cli) -> None:
    recording = tmp_path / "live.mp4"
    done = run_cli(*live, "--headless", "--json", "--record", recording)
    assert done.returncode == 0, done.stderr
    header, *records, footer = entries_of(done.stdout)
    assert header["source"]["kind"] == "replay"
    assert footer["complete"] is True
    assert len(records) == footer["frames"] > 0
    assert footer["frames"] + footer["dropped"] == CLIP_FRAMES
    assert all(entry["latency"] > 0 for entry in records)
    numbers = [entry["frame"] for entry in records]
    assert numbers == sorted(set(numbers))
    with av.open(str(recording)) as container:
        times = [float(f.pts * f.time_base) for f in container.decode(video=0)]
    # True speed: the recording's times are those at which the camera gave the frames.
    np.testing.assert_allclose(times, [entry["time"] for entry in records], atol=1e-3)


def test_max_frames_and_size(live: list[str], run_cli) -> None:
    done = run_cli(*live, "--headless", "--loop", "--max-frames", "3", "--size", "64x48", "--json", "-")
    assert done.returncode == 0, done.stderr
    header, *records, footer = entries_of(done.stdout)
    assert (header["source"]["width"], header["source"]["height"]) == (64, 48)
    assert len(records) == 3
    assert footer["complete"] is True


def test_duration(live: list[str], run_cli) -> None:
    done = run_cli(*live, "--headless", "--loop", "--duration", "0.5", "--json", "-")
    assert done.returncode == 0, done.stderr
    times = [entry["time"] for entry in entries_of(done.stdout)[1:-1]]
    assert 0 < times[-1] < 0.5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_everything(number: signal.Signals, live: list[str], tmp_path: Path) -> None:
    recording = tmp_path / "live.mp4"
    process = subprocess.Popen(
        [sys.executable, "-m", "shufflecam", *live, "--headless", "--loop", "--json", "-",
         "--record", str(recording)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=cli_environment(tmp_path),
    )  # fmt: skip
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(4)]
    process.send_signal(number)
    rest, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    entries = entries_of("".join(lines) + rest)
    assert entries[-1]["complete"] is False
    with av.open(str(recording)) as container:
        assert sum(1 for _ in container.decode(video=0)) == entries[-1]["frames"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--loop"], 2, "--replay"),
        (["--size", "large"], 2, "1280x720"),
        (["--record", "x.avi", "--replay", "CLIP"], 2, ".mp4"),
        (["--replay", "missing.mp4", "--headless"], 3, "missing.mp4"),
        (["/dev/video987", "--headless"], 3, "/dev/video987"),
        (["http://127.0.0.1:9/none", "--headless"], 3, "127.0.0.1"),
    ],
)
def test_bad_input(arguments: list[str], code: int, says: str, clip: Path, run_cli) -> None:
    done = run_cli("webcam", *(str(clip) if a == "CLIP" else a for a in arguments))
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_the_mirror_image_keeps_left_left() -> None:
    image = np.zeros((20, 40, 3), np.uint8)
    image[5, 3] = 255
    keypoints = np.full((17, 2), np.nan, np.float32)
    keypoints[0] = (3, 5)
    turned, (pose,) = mirrored(image, (pose_of(keypoints),))
    x, y = pose.keypoints[0].astype(int)
    assert turned[y, x].tolist() == [255, 255, 255]
    assert np.isnan(pose.keypoints[1:]).all()
    assert image[5, 3].tolist() == [255, 255, 255]


@pytest.fixture
def display(tmp_path: Path) -> Iterator[str]:
    """A virtual screen."""
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        pytest.skip("needs Xvfb and xdotool for a real window")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as numbers:
        yield f":{numbers.readline().strip()}"
    server.terminate()
    server.wait(10)


@pytest.mark.parametrize("way", ["q", "Escape"])
def test_a_key_in_the_window_ends_it(way: str, display: str, live: list[str], tmp_path: Path) -> None:
    environment = cli_environment(tmp_path, DISPLAY=display)
    process = subprocess.Popen(
        [sys.executable, "-m", "shufflecam", *live, "--loop", "--json", str(tmp_path / "poses.jsonl")],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        found = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", "shufflecam"],
            capture_output=True,
            text=True,
            env=environment,
        ).stdout.split()
        if found:
            press = ["windowfocus", "--sync", found[0], "key", "--window", "0", way]
            subprocess.run(["xdotool", *press], env=environment, timeout=10)
    errors = process.communicate(timeout=10)[1]
    assert process.returncode == 0, errors
    assert json.loads((tmp_path / "poses.jsonl").read_text().splitlines()[-1])["complete"] is True
