"""Much in one frame, and little memory: peaks that stay where docs/reliability.md says, under a real limit.

Figures: `python -m pytest tests/faults/test_memory.py -m "slow or not slow" -s` prints the peak of each run
(VmHWM, the most that was resident at once, shared libraries included).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.cli.conftest import cli_environment
from tests.faults.harness import readable_frames, whole_lines, write_video

MIB = 2**20
LIMIT = 1_500_000_000
"""Bytes that shufflecam has to do with, whatever is asked of it but what it says needs more."""

PEOPLE = 200


@dataclass
class Ran:
    code: int
    errors: str
    peak_mib: float


def measured(arguments: list[object], home: Path, cache: Path, group: Path | None = None) -> Ran:
    """Run `shufflecam ...`, in a control group where one is given, and read the peak of its memory."""
    with (home / "errors.txt").open("w+b") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "shufflecam", *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
            env=cli_environment(home, SHUFFLECAM_CACHE=str(cache)),
            preexec_fn=None if group is None else lambda: join(group),
        )  # fmt: skip
        # Not the ru_maxrss of wait4: a child's begins with what its parent held when it was forked.
        peak_kib = 0
        while process.poll() is None:
            peak_kib = max(peak_kib, high_water_kib(process.pid))
            time.sleep(0.01)
        errors.seek(0)
        said = errors.read().decode()
    peak_mib = peak_kib / 1024
    print(f"{' '.join(map(str, arguments[:1]))}: peak {peak_mib:.0f} MiB, exit {process.returncode}")
    assert "Traceback" not in said
    return Ran(process.returncode, said, peak_mib)


def high_water_kib(pid: int) -> int:
    """The most that a process has held so far; 0 where it is just ending."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def join(group: Path) -> None:
    (group / "cgroup.procs").write_text(str(os.getpid()))


@contextlib.contextmanager
def control_group(limit: int) -> Iterator[Path]:
    """A group below our own whose processes get no more than `limit` bytes; skips where none can be made."""
    group = None
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, own = line.split(":", 2)
        if controllers == "":
            mount, setting = Path("/sys/fs/cgroup"), "memory.max"
        elif "memory" in controllers.split(","):
            mount, setting = Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"
        else:
            continue
        candidate = mount / own.lstrip("/") / f"shufflecam-test-{os.getpid()}"
        try:
            candidate.mkdir()
        except OSError:
            continue
        try:
            (candidate / setting).write_text(str(limit))
        except OSError:
            candidate.rmdir()
            continue
        group = candidate
        break
    if group is None:
        pytest.skip("no control group with a memory limit can be made here (needs root and the controller)")
    try:
        yield group
    finally:
        group.rmdir()


def crowd(width: int, height: int) -> list[list[int]]:
    """200 boxes, twenty in a row."""
    w, h = width / 20, height / 10
    return [
        [round(c * w), round(r * h), round(c * w + 0.9 * w), round(r * h + 0.9 * h)]
        for r in range(10)
        for c in range(20)
    ]


def noise(width: int, height: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return cv2.resize(rng.integers(0, 255, (90, 160, 3), np.uint8), (width, height))


def test_two_hundred_people_in_one_picture(solo: list[str], warm: Path, tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "crowd.jpg"), noise(1280, 720))
    (tmp_path / "boxes.json").write_text(json.dumps({"crowd.jpg": crowd(1280, 720)}))
    record = tmp_path / "out.jsonl"
    arguments = ["images", tmp_path / "crowd.jpg", "--out", tmp_path / "drawn", "--json", record]
    ran = measured([*arguments, "--boxes", tmp_path / "boxes.json", *solo[:2]], tmp_path, warm)
    assert ran.code == 0, ran.errors
    (_, frame, footer), rest = whole_lines(record)
    assert (rest, footer["complete"]) == (0, True)
    assert len(frame["people"]) == PEOPLE
    assert all(len(person["keypoints"]) == 17 for person in frame["people"])
    assert ran.peak_mib * MIB < LIMIT


def test_a_picture_of_sixty_million_pixels(solo: list[str], warm: Path, tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "large.jpg"), noise(9000, 6667))
    record, out = tmp_path / "out.jsonl", tmp_path / "drawn"
    arguments = ["images", tmp_path / "large.jpg", "--out", out, "--json", record, *solo]
    ran = measured(arguments, tmp_path, warm)
    assert ran.code == 0, ran.errors
    assert whole_lines(record)[0][1]["size"] == [9000, 6667]
    assert cv2.imread(str(out / "large.jpg")).shape == (6667, 9000, 3)
    assert ran.peak_mib * MIB < LIMIT


@pytest.mark.slow
def test_a_dozen_such_pictures_need_little_more(solo: list[str], warm: Path, tmp_path: Path) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    assert cv2.imwrite(str(folder / "0.jpg"), noise(9000, 6667))
    for number in range(1, 12):
        (folder / f"{number}.jpg").hardlink_to(folder / "0.jpg")
    record = tmp_path / "out.jsonl"
    ran = measured(["images", folder, "--json", record, *solo], tmp_path, warm)
    assert ran.code == 0, ran.errors
    assert len(whole_lines(record)[0]) == 2 + 12
    assert ran.peak_mib * MIB < LIMIT


def huge_video(path: Path, width: int, height: int, frames: int) -> Path:
    picture = noise(width, height)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "35"}
        for number in range(frames):
            shifted = np.roll(picture, 16 * number, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shifted, "bgr24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("size", "most"), [((3840, 2160), LIMIT), ((7680, 4320), 1_900_000_000)])
def test_a_huge_video(size: tuple[int, int], most: int, solo: list[str], warm: Path, tmp_path: Path) -> None:
    clip = huge_video(tmp_path / "huge.mp4", *size, frames=8)
    out, record = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    ran = measured(["video", clip, "--out", out, "--json", record, *solo], tmp_path, warm)
    assert ran.code == 0, ran.errors
    assert readable_frames(out) == (8, 8)
    assert whole_lines(record)[0][-1] == {"type": "footer", "frames": 8, "dropped": 0, "complete": True}
    assert ran.peak_mib * MIB < most


@pytest.mark.parametrize("command", ["video", pytest.param("webcam", marks=pytest.mark.slow),
                                     pytest.param("images", marks=pytest.mark.slow)])  # fmt: skip
def test_in_a_group_of_1500_megabytes(command: str, solo: list[str], tmp_path: Path) -> None:
    """From an empty cache, so with torch and the preparation of the network inside the limit."""
    record, out = tmp_path / "out.jsonl", tmp_path / "out.mp4"
    if command == "images":
        source: list[object] = ["images", tmp_path / "pictures", "--out", tmp_path / "drawn"]
        (tmp_path / "pictures").mkdir()
        for number in range(10):
            assert cv2.imwrite(str(tmp_path / "pictures" / f"{number}.jpg"), noise(4000, 3000))
    else:
        clip = write_video(tmp_path / "clip.mp4", 30, (1920, 1080))
        source = ["video", clip, "--out", out]
        if command == "webcam":
            source = ["webcam", "--replay", clip, "--headless", "--record", out]
    with control_group(LIMIT) as group:
        ran = measured([*source, "--json", record, *solo], tmp_path, tmp_path / "cache", group)
    assert ran.code == 0, ran.errors
    assert whole_lines(record)[0][-1]["complete"] is True


@pytest.mark.slow
def test_an_8k_video_in_it_says_what_it_needs(solo: list[str], warm: Path, tmp_path: Path) -> None:
    """The system may end it then; what is written stays, as after `kill -9`."""
    clip = huge_video(tmp_path / "huge.mp4", 7680, 4320, frames=8)
    out, record = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    with control_group(LIMIT) as group:
        ran = measured(["video", clip, "--out", out, "--json", record, *solo], tmp_path, warm, group)
    assert "pictures of 7680x4320 need about 1.7 GB of memory" in ran.errors
    assert ran.code in (0, -9)
    assert whole_lines(record)[0][0]["type"] == "header"
