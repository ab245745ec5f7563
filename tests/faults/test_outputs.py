"""The disk is full, the folder goes away or becomes read-only, the reader of a pipe leaves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.cli.conftest import cli_environment
from tests.faults.harness import FPS, SEED, Victim, readable_frames, whole_lines, write_video


@pytest.fixture(scope="module")
def noisy_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes of frames that fill a small disk soon."""
    return write_video(tmp_path_factory.mktemp("long") / "long.mp4", 120 * FPS, (160, 120))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)], capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("a file system can only be mounted by root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def check_closed(record: Path) -> int:
    """Frames of a record that ended early; every line of it is whole."""
    entries, _ = whole_lines(record)
    assert entries[0]["type"] == "header"
    return sum(entry["type"] == "frame" for entry in entries)


@pytest.mark.parametrize("what", ["video", "record"])
def test_a_full_disk(what: str, noisy_clip: Path, small_disk: Path, solo: list[str], tmp_path: Path) -> None:
    out = (small_disk if what == "video" else tmp_path) / "out.mp4"
    record = (small_disk if what == "record" else tmp_path) / "out.jsonl"
    # Filled but for a little, so that the disk is full within the first seconds.
    (small_disk / "others").write_bytes(bytes(270_000))
    ended = Victim(["video", noisy_clip, "--out", out, "--json", record, *solo], tmp_path).end(120)
    assert ended.code == 1, f"seed {SEED}: {ended.errors}"
    assert "disk is full" in ended.errors or "No space left on device" in ended.errors
    assert "Traceback" not in ended.errors
    frames = check_closed(record)
    assert frames > 10
    by_av, by_cv = readable_frames(out)
    assert by_av == by_cv
    assert by_av >= frames - FPS
    if what == "record":
        # The video lies elsewhere: nothing of it is lost.
        assert by_av >= frames


@pytest.mark.parametrize("what", ["video", "record"])
def test_an_output_that_is_removed_is_missed_at_once(
    what: str, noisy_clip: Path, solo: list[str], tmp_path: Path
) -> None:
    """The system lets a program write on into a file without a name: all of it would be lost in silence."""
    folder = tmp_path / "results"
    folder.mkdir()
    out = (folder if what == "video" else tmp_path) / "out.mp4"
    record = (folder if what == "record" else tmp_path) / "out.jsonl"
    victim = Victim(["video", noisy_clip, "--out", out, "--json", record, *solo], tmp_path)
    victim.wait_for(record, 10)
    shutil.rmtree(folder)
    ended = victim.end(60)
    assert ended.code == 1, f"seed {SEED}: {ended.errors}"
    assert "was removed while it was written" in ended.errors
    assert "Traceback" not in ended.errors
    if what == "video":
        assert check_closed(record) >= 9
    else:
        by_av, by_cv = readable_frames(out)
        assert by_av == by_cv > 0


def test_a_folder_that_becomes_read_only(small_disk: Path, solo: list[str], tmp_path: Path) -> None:
    folder, record = tmp_path / "many", tmp_path / "out.jsonl"
    folder.mkdir()
    for number in range(600):
        cv2.imwrite(str(folder / f"{number:03d}.jpg"), np.full((16, 16, 3), number % 256, np.uint8))
    out = small_disk / "drawn"
    victim = Victim(["images", folder, "--out", out, "--json", record, *solo], tmp_path)
    victim.wait_for(record, 10)
    deadline = time.monotonic() + 20
    # Refused while a picture is being written; between two of them it works.
    while subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], capture_output=True).returncode:
        assert time.monotonic() < deadline
        assert victim.process.poll() is None, victim.errors()
    ended = victim.end(60)
    assert ended.code == 1, f"seed {SEED}: {ended.errors}"
    assert "Read-only file system" in ended.errors
    assert "Traceback" not in ended.errors
    assert check_closed(record) >= 9
    assert all(cv2.imread(str(path)) is not None for path in out.glob("*.jpg"))


def test_an_unwritable_cache_costs_only_time(clip: Path, solo: list[str], tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_bytes(b"a file where the cache's folder should be")
    record = tmp_path / "out.jsonl"
    victim = Victim(["video", clip, "--json", record, *solo], tmp_path, SHUFFLECAM_CACHE=str(blocked))
    ended = victim.end(120)
    assert ended.code == 0, ended.errors
    assert whole_lines(record)[0][-1]["complete"] is True


@pytest.mark.parametrize("command", ["video", "webcam", "images"])
def test_the_reader_of_a_pipe_leaves(
    command: str, clip: Path, pictures: Path, solo: list[str], tmp_path: Path
) -> None:
    source = {
        "video": ["video", str(clip)],
        "webcam": ["webcam", "--replay", str(clip), "--headless", "--loop"],
        "images": ["images", str(pictures), "--recursive"],
    }[command]
    process = subprocess.Popen(
        [sys.executable, "-m", "shufflecam", *source, "--json", "-", *solo],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=cli_environment(tmp_path),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert b"header" in process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read().decode()
    process.stderr.close()
    code = process.wait(60)
    # Quietly: whoever asked for one line has got it.
    assert "Traceback" not in errors
    assert "rror" not in errors, errors
    assert code in (0, 1, 141, -13), errors


def test_nothing_measures_time_by_the_clock_on_the_wall() -> None:
    """Which jumps when it is set: all times are monotonic ones, so that no jump can reach them.

    It only gives recordings and snapshots their names.
    """
    package = Path(__file__).parents[2] / "shufflecam"
    users = [
        path.relative_to(package)
        for path in package.rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in ("time.time(", "datetime.now", "utcnow"))
    ]
    assert users == [Path("live/saving.py")]


def test_a_name_that_is_not_utf8(solo: list[str], tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 \"x'\n.mp4")
    clip = write_video(tmp_path / "plain.mp4", 12).rename(tmp_path / name)
    out, record = tmp_path / ("out " + name), tmp_path / "out.json"
    ended = Victim(["video", clip, "--out", out, "--json", record, *solo], tmp_path).end(60)
    assert ended.code == 0, ended.errors
    # Under a plain name: OpenCV's reader crashes on names that are not UTF-8.
    assert readable_frames(out.rename(tmp_path / "out.mp4")) == (12, 12)
