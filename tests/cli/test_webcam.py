"""`shufflecam webcam` on replayed files: exact counts, every way to end, and the real window."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import av
import numpy as np
import pytest

from tests.cli.conftest import CLIP_FRAMES, cli_environment
from tests.sources.mjpeg_server import serve


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


def test_angles_are_in_the_record_where_asked(live: list[str], run_cli) -> None:
    done = run_cli(*live, "--headless", "--loop", "--max-frames", "2", "--angles", "--json", "-")
    assert done.returncode == 0, done.stderr
    header, *records, _ = entries_of(done.stdout)
    assert "left_knee" in header["angles"]
    assert [list(record["people"][0]["angles"]) for record in records] == [header["angles"]] * 2
    done = run_cli(*live, "--headless", "--max-frames", "2", "--angles")
    assert done.returncode == 2
    assert "--angles adds to what --json writes" in done.stderr


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
        (["--host", "0.0.0.0"], 2, "--serve"),
        (["--serve", "80000"], 2, "65535"),
        (["--replay", "CLIP", "--headless", "--serve", "0", "--host", "203.0.113.77"], 2, "of this machine"),
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


class Window:
    """A run in a real window, whose keys are pressed until what they should do is seen."""

    def __init__(self, arguments: list[str], display: str, home: Path) -> None:
        self.environment = cli_environment(home, DISPLAY=display)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "shufflecam", *arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=self.environment,
        )  # fmt: skip
        self.deadline = time.monotonic() + 100

    def press(self, key: str) -> bool:
        """Whether there was a window to press it in."""
        found = self._xdotool("search", "--onlyvisible", "--name", "shufflecam").split()
        if found:
            self._xdotool("windowfocus", "--sync", found[0], "key", "--window", "0", key)
        return bool(found)

    def press_until(self, key: str, done: Callable[[], object]) -> None:
        while not done():
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < self.deadline, f"{key} did nothing"
            self.press(key)

    def end(self) -> str:
        """What was said; the run has to end by itself, and well."""
        try:
            errors = self.process.communicate(timeout=20)[1]
        finally:
            self.process.kill()
        assert self.process.returncode == 0, errors
        return errors

    def _xdotool(self, *arguments: str) -> str:
        done = subprocess.run(
            ["xdotool", *arguments], capture_output=True, text=True, env=self.environment, timeout=20
        )
        return done.stdout


def test_keys_in_a_real_window(display: str, live: list[str], tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    saved.mkdir()
    window = Window(
        [*live, "--loop", "--json", str(tmp_path / "poses.jsonl"), "--save-to", str(saved)], display, tmp_path
    )
    window.press_until("s", lambda: list(saved.glob("*.json")))
    window.press_until("r", lambda: list(saved.glob("*.mp4")))
    window.press("space")  # freezes the picture, not the run
    window.press_until("q", lambda: window.process.poll() is not None)
    said = window.end()
    assert "saved" in said
    assert json.loads((tmp_path / "poses.jsonl").read_text().splitlines()[-1])["complete"] is True
    for path in saved.glob("*.mp4"):
        assert str(path) in said
        with av.open(str(path)) as container:
            assert sum(1 for _ in container.decode(video=0)) > 0


def test_escape_ends_it(display: str, live: list[str], tmp_path: Path) -> None:
    window = Window([*live, "--loop", "--json", str(tmp_path / "poses.jsonl")], display, tmp_path)
    window.press_until("Escape", lambda: window.process.poll() is not None)
    window.end()
    assert json.loads((tmp_path / "poses.jsonl").read_text().splitlines()[-1])["complete"] is True


def test_a_stream_that_goes_away_and_returns(pose_weights: Path, tmp_path: Path) -> None:
    recording = tmp_path / "live.mp4"
    with serve(0, "pace") as camera:
        process = subprocess.Popen(
            [sys.executable, "-m", "shufflecam", "webcam", camera.url, "--headless", "--reconnect", "5",
             "--weights", str(pose_weights), "--detector", "none", "--json", "-", "--record", str(recording)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=cli_environment(tmp_path),
        )  # fmt: skip
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
    with serve(0, "pace", port=int(camera.url.split(":")[2].split("/")[0])):
        while not lines[-1].startswith('{"type":"gap"'):
            lines.append(process.stdout.readline())
            assert lines[-1]
        lines += [process.stdout.readline() for _ in range(3)]
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 5, errors
    assert "trying again" in errors
    assert "back after" in errors
    assert "did not come back within 5 s" in errors
    entries = entries_of("".join(lines) + rest)
    records = [entry for entry in entries if entry["type"] == "frame"]
    assert entries[-1] == {
        "type": "footer", "frames": len(records), "dropped": entries[-1]["dropped"], "complete": False
    }  # fmt: skip
    (gap,) = [entry for entry in entries if entry["type"] == "gap"]
    before, after = entries[entries.index(gap) - 1], entries[entries.index(gap) + 1]
    assert before["time"] <= gap["from"] < gap["to"] <= after["time"]
    assert before["frame"] < after["frame"]
    with av.open(str(recording)) as container:
        times = [float(f.pts * f.time_base) for f in container.decode(video=0)]
    np.testing.assert_allclose(times, [entry["time"] for entry in records], atol=1e-3)


def test_the_live_page_headless_until_ctrl_c(live: list[str], tmp_path: Path) -> None:
    pytest.importorskip("uvicorn", reason="needs shufflecam[serve]")
    process = subprocess.Popen(
        [sys.executable, "-m", "shufflecam", *live, "--headless", "--loop", "--serve", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=cli_environment(tmp_path),
    )  # fmt: skip
    assert process.stderr is not None
    line = process.stderr.readline()
    while "live page: " not in line:
        assert line
        line = process.stderr.readline()
    url = line.split("live page: ")[1].strip()
    assert url.startswith("http://127.0.0.1:")
    with urlopen(f"{url}poses", timeout=60) as poses, urlopen(f"{url}stream.mjpg", timeout=60) as pictures:
        assert pictures.read(9) == b"--frame\r\n"
        entries = []
        while len(entries) < 4:
            line = poses.readline().decode()
            if line.startswith("data: "):
                entries.append(json.loads(line[6:]))
        assert b"image/jpeg" in pictures.readline()
        process.send_signal(signal.SIGINT)
        entries += [
            json.loads(line[6:]) for line in poses.read().decode().splitlines() if line[:5] == "data:"
        ]
        pictures.read()
    assert process.wait(30) == 130
    assert [entry["type"] for entry in entries] == ["header", *["frame"] * (len(entries) - 2), "footer"]
    assert entries[-1]["complete"] is False


def test_a_port_in_use(live: list[str], run_cli) -> None:
    pytest.importorskip("uvicorn", reason="needs shufflecam[serve]")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_cli(*live, "--headless", "--serve", port)
    assert done.returncode == 1
    assert f"Port {port} is in use" in done.stderr
    assert done.stderr.count("\n") == 1
