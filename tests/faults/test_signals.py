"""SIGINT, SIGTERM, SIGHUP and `kill -9` at drawn moments: what was written stays, whole."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.faults.harness import FPS, SEED, Victim, moments, readable_frames, whole_lines, write_video

STOPPERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

KILL_LOSS_S = 1.0
"""What the promise allows `kill -9` to cost, in seconds of the video."""

Shots = list[tuple[signal.Signals, float]]


def shots(name: str, each: int) -> Shots:
    """(signal, moment) for every signal, `each` times."""
    every = (*STOPPERS, signal.SIGKILL)
    return [(number, moment) for number in every for moment in moments(f"{name} {number}", each)]


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes: longer than any shot takes."""
    return write_video(tmp_path_factory.mktemp("long") / "long.mp4", 120 * FPS)


def fire(
    arguments: list[object], record: Path, home: Path, shot: tuple[signal.Signals, float]
) -> tuple[str, bool]:
    """Start, wait for the work to be under way, and shoot; what it said, and whether it could close."""
    number, moment = shot
    victim = Victim(arguments, home)
    victim.wait_for(record, 3)
    time.sleep(moment)  # the drawn moment is the test's input, not a wait for something
    ended = victim.send(number)
    killed = number == signal.SIGKILL
    assert ended.code == (-signal.SIGKILL if killed else 130), f"seed {SEED}: {ended.errors}"
    assert "Traceback" not in ended.errors, f"seed {SEED}: {ended.errors}"
    return ended.errors, not killed


def check_record(record: Path, closed: bool) -> int:
    """The number of frames in a record that ended at a signal."""
    entries, rest = whole_lines(record)
    frames = [entry for entry in entries if entry["type"] == "frame"]
    assert [entry["frame"] for entry in frames] == sorted(entry["frame"] for entry in frames)
    if closed:
        assert rest == 0
        assert entries[-1]["type"] == "footer"
        assert entries[-1]["complete"] is False
        assert entries[-1]["frames"] == len(frames)
    return len(frames)


def check_video(video: Path, frames: int, closed: bool) -> None:
    """Playable by two readers; whole after a signal, and short of at most a second after `kill -9`."""
    if not closed and frames < KILL_LOSS_S * FPS:
        return  # all of it was younger than what the promise covers
    by_av, by_cv = readable_frames(video)
    assert by_av == by_cv, f"seed {SEED}"
    if closed:
        assert by_av == frames, f"seed {SEED}"
    else:
        assert by_av >= frames - KILL_LOSS_S * FPS, f"seed {SEED}: {by_av} of {frames} frames"


@pytest.mark.parametrize("each", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_video(each: int, long_clip: Path, solo: list[str], tmp_path: Path) -> None:
    for place, shot in enumerate(shots("video", each)):
        out, record = tmp_path / f"{place}.mp4", tmp_path / f"{place}.jsonl"
        arguments = ["video", long_clip, "--out", out, "--json", record, *solo]
        _, closed = fire(arguments, record, tmp_path, shot)
        check_video(out, check_record(record, closed), closed)


@pytest.mark.parametrize("each", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_webcam(each: int, long_clip: Path, solo: list[str], tmp_path: Path) -> None:
    for place, shot in enumerate(shots("webcam", each)):
        out, record = tmp_path / f"{place}.mp4", tmp_path / f"{place}.jsonl"
        arguments = ["webcam", "--replay", long_clip, "--headless", "--record", out, "--json", record, *solo]
        _, closed = fire(arguments, record, tmp_path, shot)
        # A live recording holds the frames that were processed, at their own times.
        check_video(out, check_record(record, closed), closed)


@pytest.mark.parametrize("each", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_images(each: int, solo: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(2000):
        cv2.imwrite(str(folder / f"{number:04d}.jpg"), np.full((48, 48, 3), number % 256, np.uint8))
    for place, shot in enumerate(shots("images", each)):
        out, record = tmp_path / f"out{place}", tmp_path / f"{place}.jsonl"
        _, closed = fire(["images", folder, "--out", out, "--json", record, *solo], record, tmp_path, shot)
        frames = check_record(record, closed)
        drawn = sorted(out.rglob("*.jpg"))
        # Each picture is written whole under its name, or not at all.
        assert all(cv2.imread(str(path)) is not None for path in drawn), f"seed {SEED}"
        assert frames - 1 <= len(drawn) <= frames + 1, f"seed {SEED}"


@pytest.mark.parametrize("each", [pytest.param(3, marks=pytest.mark.slow)])
def test_train(each: int, tmp_path: Path) -> None:
    from tests.helpers.annotated import annotation, person_keypoints, write_set

    people = [annotation(number, number, person_keypoints()) for number in range(1, 9)]
    file = write_set(tmp_path / "set", people, 8)
    common: list[object] = [
        "train", "pose", "--data", f"{file}:{tmp_path / 'set'}", "--batch", 2, "--size", "64x64",
        "--head-width", "16,16,16", "--epochs", 500, "--device", "cpu",
    ]  # fmt: skip
    for place, (number, moment) in enumerate(shots("train", each)):
        run = tmp_path / f"run{place}"
        victim = Victim([*common, "--out", run], tmp_path)
        victim.wait_for(run / "history.jsonl", 1)
        time.sleep(moment)
        ended = victim.send(number)
        closed = number != signal.SIGKILL
        assert ended.code == (130 if closed else -signal.SIGKILL), f"seed {SEED}: {ended.errors}"
        if closed:
            assert "the same command goes on" in ended.errors
            assert (run / "last.pt").exists()
        entries, _ = whole_lines(run / "history.jsonl")
        assert entries[0]["step"] == 50
        # And it goes on, from the checkpoint or from the beginning, without repeating a line.
        again = Victim([*common, "--out", run], tmp_path)
        again.wait_for(run / "history.jsonl", len(entries) + 1)
        assert again.send(signal.SIGINT).code == 130
        steps = [entry["step"] for entry in whole_lines(run / "history.jsonl")[0]]
        assert steps == sorted(set(steps)), f"seed {SEED}"


@pytest.mark.parametrize("command", ["video", "webcam"])
def test_a_second_signal_ends_at_once(command: str, long_clip: Path, solo: list[str], tmp_path: Path) -> None:
    record = tmp_path / "out.jsonl"
    source: list[object] = (
        ["video", long_clip] if command == "video" else ["webcam", "--replay", long_clip, "--headless"]
    )
    victim = Victim([*source, "--json", record, *solo], tmp_path)
    victim.wait_for(record, 3)
    victim.process.send_signal(signal.SIGINT)
    ended = victim.send(signal.SIGINT, timeout=5)
    assert ended.code in (130, -signal.SIGINT)
    entries, _ = whole_lines(record)
    assert entries[0]["type"] == "header"
