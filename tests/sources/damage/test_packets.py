"""What is missing of a video is counted truly, and nothing is said to be missing that is not."""

from __future__ import annotations

import random
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import pytest

from shufflecam.core.errors import SourceBrokeOff
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.sources import open_video
from shufflecam.sources.damage.packets import PictureCount, said_of
from tests.helpers.clips import make_clip, packets_positions, read_number, video_last


@dataclass
class Seen:
    """What a video gave."""

    numbers: list[int]
    missing: Missing
    complaint: str | None


def seen(path: Path, start_s: float | None = None, end_s: float | None = None) -> Seen:
    """All of a video."""
    numbers: list[int] = []
    complaint = None
    with closing(open_video(path, start_s, end_s)) as source:
        try:
            numbers.extend(read_number(frame.image) for frame in source.frames())
        except SourceBrokeOff as error:
            complaint = str(error)
        return Seen(numbers, source.missing, complaint)


def with_noise(clip: Path, out: Path, packets: Iterable[int], *, zeros: bool = False) -> Path:
    """`clip` with noise (or nothing) in place of these packets' data, counted as they stand in the file."""
    whole, places, draw = bytearray(clip.read_bytes()), packets_positions(clip), random.Random(5)
    for number in packets:
        position, size = places[number]
        whole[position : position + size] = bytes(size) if zeros else draw.randbytes(size)
    out.write_bytes(whole)
    return out


def without_ts_packets(clip: Path, out: Path, dropped: range) -> Path:
    """A transport stream without some of its packets of 188 bytes."""
    whole = clip.read_bytes()
    packets = [whole[at : at + 188] for at in range(0, len(whole), 188)]
    out.write_bytes(b"".join(one for number, one in enumerate(packets) if number not in dropped))
    return out


CODECS = [
    ("libx264", "mp4", {"bf": "3"}),
    ("libx264", "mkv", {"bf": "3"}),
    ("libx264", "ts", {"bf": "3"}),
    ("libx264", "avi", {"bf": "0"}),
    ("libx264", "flv", {"bf": "2"}),
    ("libx264", "ts", {"x264-params": "open-gop=1:bframes=3"}),
    ("libx264", "ts", {"x264-params": "interlaced=1:bframes=2"}),
    ("libx264", "mkv", {"x264-params": "intra-refresh=1"}),
    ("libx265", "mp4", {"x265-params": "log-level=none:bframes=3"}),
    ("libx265", "ts", {"x265-params": "log-level=none:open-gop=1:bframes=3"}),
    ("libvpx", "webm", {"auto-alt-ref": "1", "lag-in-frames": "16", "b": "200k"}),
    ("libvpx-vp9", "webm", {"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8"}),
    ("libsvtav1", "mkv", {"preset": "12"}),
    ("mpeg4", "avi", {"bf": "2"}),
    ("mpeg4", "mov", {}),
    ("mpeg2video", "ts", {"bf": "2", "flags": "+ilme+ildct"}),
    ("mpeg2video", "mpg", {"bf": "2"}),
    ("mjpeg", "avi", {}),
    ("prores_ks", "mov", {}),
    ("ffv1", "mkv", {}),
]


def coded(path: Path, codec: str, options: dict[str, str], frames: int = 40) -> Path:
    formats = {"mjpeg": "yuvj420p", "prores_ks": "yuv422p10le"}
    options = {**options, "preset": "ultrafast"} if codec in ("libx264", "libx265") else options
    return make_clip(path, frames, codec=codec, pix_fmt=formats.get(codec, "yuv420p"), codec_options=options)


@pytest.mark.parametrize(("codec", "suffix", "options"), CODECS)
def test_nothing_is_missing_of_a_whole_video(
    tmp_path: Path, codec: str, suffix: str, options: dict[str, str]
) -> None:
    path = coded(tmp_path / f"clip.{suffix}", codec, options)
    whole = seen(path)
    assert (len(whole.numbers), whole.missing, whole.complaint) == (40, NOTHING_MISSING, None)
    if suffix != "avi":
        part = seen(path, 0.5, 0.9)
        assert len(part.numbers) == 12
        assert (part.missing, part.complaint) == (NOTHING_MISSING, None)


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"bf": "3"}),
        ("libx264", {"x264-params": "open-gop=1:bframes=3"}),
        ("libx265", {"x265-params": "log-level=none:open-gop=1:bframes=3"}),
        ("mpeg2video", {"bf": "2"}),
    ],
)
def test_what_comes_before_the_first_key_frame_is_nobodys_fault(
    tmp_path: Path, codec: str, options: dict[str, str]
) -> None:
    path = coded(tmp_path / "clip.ts", codec, options)
    cut = without_ts_packets(path, tmp_path / "cut.ts", range(12))
    found = seen(cut)
    assert 0 < len(found.numbers) < 40
    assert (found.missing, found.complaint) == (NOTHING_MISSING, None)


@pytest.mark.parametrize("zeros", [True, False])
@pytest.mark.parametrize("first", [3, 17, 36])
def test_what_cannot_be_decoded_is_counted(tmp_path: Path, plain_clip: Path, first: int, zeros: bool) -> None:
    path = with_noise(plain_clip, tmp_path / "noise.mp4", range(first, first + 3), zeros=zeros)
    found = seen(path)
    lost = 40 - len(found.numbers)
    assert lost > 0
    assert found.missing.undecodable == lost
    assert found.missing.lost == 0
    assert found.complaint is not None
    assert f"{lost} of its pictures could not be decoded" in found.complaint


def test_behind_the_sound_too(tmp_path: Path, plain_clip: Path) -> None:
    clip = video_last(tmp_path / "sound.mp4", plain_clip)
    found = seen(with_noise(clip, tmp_path / "noise.mp4", range(34, 36), zeros=True))
    assert found.missing.undecodable == 40 - len(found.numbers) == 2


def test_damage_outside_of_the_part_that_is_asked_for_is_not_its_own(
    tmp_path: Path, plain_clip: Path
) -> None:
    path = with_noise(plain_clip, tmp_path / "noise.mp4", [30], zeros=True)
    assert seen(path, None, 0.5).complaint is None
    found = seen(path, 0.5, 1.2)
    assert found.missing.undecodable == 21 - len(found.numbers) == 1
    assert found.complaint is not None


@pytest.mark.parametrize("share", [0.6, 0.8])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "flv"])
def test_a_cut_tail_is_counted(tmp_path: Path, suffix: str, share: float) -> None:
    faststart = {"movflags": "+faststart"} if suffix == "mp4" else {}
    clip = make_clip(tmp_path / f"whole.{suffix}", options=faststart, noise=4)
    (tmp_path / f"cut.{suffix}").write_bytes(clip.read_bytes()[: round(clip.stat().st_size * share)])
    found = seen(tmp_path / f"cut.{suffix}")
    assert 0 < len(found.numbers) < 40
    assert found.missing.lost == 40 - len(found.numbers)
    assert found.complaint is not None
    assert "cut short" in found.complaint
    assert f"{found.missing.lost} of its pictures are lost;" in found.complaint


@pytest.mark.parametrize("suffix", ["mkv", "flv"])
def test_a_tail_cut_among_b_frames_is_counted(tmp_path: Path, suffix: str) -> None:
    options = {"preset": "medium", "bf": "3", "g": "12"}
    clip = make_clip(
        tmp_path / f"whole.{suffix}", 24, rate=12, codec="libx264", codec_options=options, noise=4
    )
    data = clip.read_bytes()
    for share in range(40, 95, 5):
        (tmp_path / f"cut.{suffix}").write_bytes(data[: len(data) * share // 100])
        found = seen(tmp_path / f"cut.{suffix}")
        assert found.missing.lost + found.missing.undecodable == 24 - len(found.numbers), share


def tall_ts(path: Path, codec: str = "libx264") -> Path:
    """A transport stream whose pictures are a few packets each: one key frame in two seconds."""
    options = {"bf": "0"} if codec == "libx264" else {}
    return make_clip(path, 60, size=(320, 192), codec=codec, gop=60, codec_options=options, noise=8)


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
@pytest.mark.parametrize(("first", "count"), [(120, 25), (100, 3), (60, 57)])
def test_packets_of_a_transport_stream_that_are_lost_are_noticed(
    tmp_path: Path, codec: str, first: int, count: int
) -> None:
    clip = tall_ts(tmp_path / "clip.ts", codec)
    found = seen(without_ts_packets(clip, tmp_path / "lost.ts", range(first, first + count)))
    assert found.missing
    assert len(found.numbers) + found.missing.lost + found.missing.undecodable == 60
    assert found.complaint is not None
    assert "is damaged" in found.complaint


def test_recordings_put_together_are_whole(tmp_path: Path) -> None:
    clip = tall_ts(tmp_path / "clip.ts")
    (tmp_path / "twice.ts").write_bytes(clip.read_bytes() * 2)
    found = seen(tmp_path / "twice.ts")
    assert (len(found.numbers), found.missing, found.complaint) == (120, NOTHING_MISSING, None)


def test_pauses_are_no_losses(tmp_path: Path) -> None:
    times = [512 * number + (20_000 if number > 20 else 0) for number in range(40)]
    for suffix in ("ts", "mkv", "mp4"):
        found = seen(make_clip(tmp_path / f"pause.{suffix}", times=times))
        assert (len(found.numbers), found.missing, found.complaint) == (40, NOTHING_MISSING, None)


@pytest.mark.parametrize("threads", [1, 4, 16])
def test_threads_lose_nothing_at_a_damaged_end(tmp_path: Path, plain_clip: Path, threads: int) -> None:
    from shufflecam.sources.video.reader import VideoReader

    path = with_noise(plain_clip, tmp_path / "noise.mp4", [33, 36], zeros=True)
    reader = VideoReader(path.open("rb", buffering=0), "noise")
    reader.stream.codec_context.thread_count = threads
    count = sum(1 for _ in reader.pictures())
    assert (count, reader.missing) == (38, Missing(undecodable=2))
    reader.close()


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (Missing(undecodable=2), "2 of its pictures could not be decoded (the first at 0.50 s)"),
        (Missing(lost=1), "1 of its pictures is lost (the first at 0.50 s)"),
        (Missing(lost=8, damaged=1), "8 of its pictures are lost and 1 is damaged (the first at 0.50 s)"),
        (
            Missing(undecodable=1, lost=2, damaged=3),
            "1 of its pictures could not be decoded, 2 are lost and 3 are damaged (the first at 0.50 s)",
        ),
    ],
)
def test_what_is_missing_in_words(missing: Missing, words: str) -> None:
    assert said_of(missing, 0.5) == words
    assert said_of(missing) == words.split(" (")[0]
    assert said_of(NOTHING_MISSING) == ""


@pytest.mark.parametrize("complaints", [0, 2])
def test_fields_in_packets_of_their_own_are_no_missing_pictures(complaints: int) -> None:
    """No encoder here makes them: two packets a picture, of which the first or the second shows nothing."""
    codec = SimpleNamespace(canonical_name="h264", extradata=None)
    context = SimpleNamespace(codec=codec, extradata=None)
    stream = SimpleNamespace(
        codec_context=context, time_base=Fraction(1, 50), guessed_rate=None, average_rate=None
    )
    count = PictureCount(stream, counts_gaps=False)
    for number in range(20):
        data = b"\0\0\1\x65" if not number else b"\0\0\1\x41"
        packet = av.Packet(data + bytes(40))
        packet.pts, packet.is_keyframe = number, number == 0
        count.sent(packet)
        if number % 2:
            count.given(SimpleNamespace(pts=number - 1, interlaced_frame=True, is_corrupt=False))  # type: ignore[arg-type]
    for _ in range(complaints):
        count.failed()
    count.ended()
    assert count.missing.undecodable == complaints
