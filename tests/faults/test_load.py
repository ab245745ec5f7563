"""Much work in one run: memory that stays where it was, everything written exactly once.

Boxes from a file stand for the detector, and only some pictures have a person: what is at stake is the
reading, the threads, the writing and the resuming, twenty thousand times. Figures with -s.
"""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.faults.harness import SEED, Victim, whole_lines, write_video

SOME = 200
"""Every so-many-th picture has a person."""

GROWTH_MIB = 25
"""How much the peak may grow from a tenth of the work to its end."""


def peak_mib(victim: Victim) -> float | None:
    """VmHWM of the process; None where it is gone."""
    try:
        status = Path(f"/proc/{victim.process.pid}/status").read_text()
    except OSError:
        return None
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) / 1024 if found else None


def watch(victim: Victim, record: Path, tenth: int) -> tuple[float, float]:
    """The peak when a tenth is done, and the last one seen before the end."""
    victim.wait_for(record, tenth, timeout=1200)
    first = last = peak_mib(victim)
    while victim.process.poll() is None:
        last = peak_mib(victim) or last
        time.sleep(0.02)
    assert first is not None
    assert last is not None
    return first, last


def boxes_for(path: Path, names: list[str], box: list[int]) -> Path:
    path.write_text(json.dumps({name: [box] for name in names[::SOME]}))
    return path


@pytest.mark.parametrize(
    "count", [600, pytest.param(20_000, marks=[pytest.mark.slow, pytest.mark.timeout(3000)])]
)
def test_many_pictures_stopped_and_gone_on_with(count: int, solo: list[str], tmp_path: Path) -> None:
    folder, out, record = tmp_path / "many", tmp_path / "out", tmp_path / "out.jsonl"
    folder.mkdir()
    names = [f"{number:05d}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((48, 64, 3), number % 251, np.uint8))
    boxes = boxes_for(tmp_path / "boxes.json", names, [8, 4, 40, 44])
    command = ["images", folder, "--out", out, "--json", record, "--boxes", boxes, *solo[:2]]
    began = time.monotonic()
    victim = Victim(command, tmp_path)
    victim.wait_for(record, count // 4, timeout=1200)
    ended = victim.send(signal.SIGINT)
    assert ended.code == 130, f"seed {SEED}: {ended.errors}"
    before = len(whole_lines(record)[0])
    assert count // 4 <= before < count

    again = Victim([*command, "--skip-existing"], tmp_path)
    # The record begins with what was there: only beyond that does it say how far this run is.
    first, last = watch(again, record, min(before + count // 10, count - 1))
    assert again.process.returncode == 0, again.errors()
    entries, rest = whole_lines(record)
    frames = [entry for entry in entries if entry["type"] == "frame"]
    assert rest == 0
    assert sorted(entry["file"] for entry in frames) == names
    assert [entry["frame"] for entry in frames] == list(range(count))
    assert sum(len(entry["people"]) for entry in frames) == len(names[::SOME])
    assert [entry["type"] for entry in entries if entry["type"] != "frame"] == ["header", "footer"]
    assert entries[-1]["frames"] == count
    assert entries[-1]["complete"] is True
    assert sorted(path.name for path in out.iterdir()) == names
    print(
        f"images: {count} pictures, stopped at {before}; {time.monotonic() - began:.0f} s; "
        f"peak {first:.1f} MiB after a tenth, {last:.1f} MiB in the end"
    )
    assert last - first < GROWTH_MIB


@pytest.mark.parametrize(
    "count", [600, pytest.param(21_600, marks=[pytest.mark.slow, pytest.mark.timeout(3000)])]
)
def test_a_long_video(count: int, solo: list[str], tmp_path: Path) -> None:
    """21,600 pictures at two a second are three hours."""
    clip = write_video(tmp_path / "long.mp4", count, (64, 48), fps=2)
    out, record = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    boxes = boxes_for(tmp_path / "boxes.json", [str(number) for number in range(count)], [8, 4, 40, 44])
    began = time.monotonic()
    victim = Victim(["video", clip, "--out", out, "--json", record, "--boxes", boxes, *solo[:2]], tmp_path)
    first, last = watch(victim, record, count // 10)
    seconds = time.monotonic() - began
    assert victim.process.returncode == 0, victim.errors()
    entries, rest = whole_lines(record)
    frames = entries[1:-1]
    assert rest == 0
    assert [entry["frame"] for entry in frames] == list(range(count))
    assert entries[-1] == {"type": "footer", "frames": count, "dropped": 0, "complete": True}
    assert sum(len(entry["people"]) for entry in frames) == -(-count // SOME)
    times, told = times_of(out)
    assert times == times_of(clip)[0]
    assert times == [entry["time"] for entry in frames]
    assert told == pytest.approx(count / 2, abs=0.01)
    print(
        f"video: {count} frames, {told:.2f} s; {seconds:.0f} s; "
        f"peak {first:.1f} MiB after a tenth, {last:.1f} MiB in the end"
    )
    assert last - first < GROWTH_MIB


def times_of(path: Path) -> tuple[list[float], float]:
    """The time of every picture, and the video's length, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        length = float(stream.duration * stream.time_base)
        return [round(float(frame.pts * frame.time_base), 6) for frame in container.decode(stream)], length
