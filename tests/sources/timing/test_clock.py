"""Files whose times are broken: records and videos made of them rise, and their sound stays with them."""

from __future__ import annotations

import itertools
import subprocess
import sys
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import pytest

from shufflecam.core.errors import SourceBrokeOff
from shufflecam.media.video import VideoWriter
from shufflecam.sources import open_video
from shufflecam.sources.live.replay import ReplayCapture
from shufflecam.sources.video.source import VideoSource
from tests.helpers.clips import (
    RATE,
    TIME_BASE,
    make_clip,
    number_picture,
    read_number,
    tone_frames,
    video_times,
)

D = 1 / RATE
COUNT = 20


def transcode(source: VideoSource, out: Path) -> list[float]:
    """What `video` does, without the networks; the times of the record."""
    times = []
    writer = VideoWriter(out, **source.encoding_hints(), sound=source.open_sound())
    for frame in source.frames():
        times.append(frame.timestamp_s)
        writer.write_image(frame.image, frame.timestamp_s)
    writer.close()
    return times


def sound_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(p.pts * p.time_base) for p in container.demux(audio=0) if p.pts is not None]


def joined(out: Path, *parts: Path) -> Path:
    out.write_bytes(b"".join(part.read_bytes() for part in parts))
    return out


def begins_at(path: Path, start_s: float, *, sound: str | None = "aac") -> Path:
    """A clip of `COUNT` pictures, and sound, from this time on."""
    first = round(start_s / TIME_BASE)
    return make_clip(path, times=[first + i * 512 for i in range(COUNT)], sound=sound)


def rises(times: list[float]) -> bool:
    return all(a < b for a, b in itertools.pairwise(times))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    for name, start_s in (("near", 0.0), ("ten", 10.0), ("hours", 7200.0), ("before_wrap", 95443.2)):
        begins_at(folder / f"{name}.ts", start_s)
    begins_at(folder / "near.mkv", 0.0, sound="libopus")
    begins_at(folder / "silent.ts", 0.0, sound=None)
    return folder


JOINED = [
    ("near.ts", "near.ts"),
    ("ten.ts", "near.ts", "near.ts"),
    ("near.ts", "hours.ts", "ten.ts"),
    ("hours.ts", "before_wrap.ts"),
    ("near.mkv", "near.mkv"),
    ("silent.ts", "silent.ts"),
]


@pytest.mark.parametrize("names", JOINED, ids="+".join)
def test_joined_recordings_play_as_one(parts: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    clip = joined(tmp_path / f"all{Path(names[0]).suffix}", *(parts / name for name in names))
    source = open_video(clip)
    times = transcode(source, tmp_path / "out.mp4")
    count = COUNT * len(names)
    assert len(times) == count
    assert [b - a for a, b in itertools.pairwise(times)] == pytest.approx([D] * (count - 1), abs=2e-3)
    written = video_times(tmp_path / "out.mp4")
    zero = times[0] - source.origin_s
    assert written == pytest.approx([zero + i * D for i in range(count)], abs=5e-3)
    note = source.mended
    assert note is not None
    assert note.startswith(f"{clip}: its clock ")
    if "silent" not in names[0]:
        sounds = sound_times(tmp_path / "out.mp4")
        assert len(sounds) == sum(len(sound_times(parts / name)) for name in names)
        assert rises(sounds)
        assert sounds[-1] == pytest.approx(written[-1], abs=0.1)
        # Each recording's first sound is as far from its first picture as it was.
        for k in range(1, len(names)):
            sooner = [s for s in sounds if s < written[k * COUNT] + 0.05]
            assert written[k * COUNT] - sooner[-1] == pytest.approx(0, abs=0.05)


def test_the_second_reading_has_the_same_times_and_so_has_a_cut(parts: Path, tmp_path: Path) -> None:
    clip = joined(tmp_path / "all.ts", parts / "ten.ts", parts / "near.ts", parts / "near.ts")
    frames = [(f.timestamp_s, read_number(f.image)) for f in open_video(clip).frames()]
    assert [(f.timestamp_s, read_number(f.image)) for f in open_video(clip).frames()] == frames
    cut = open_video(clip, 0.9, 1.5)
    zero = cut.origin_s - 0.9
    wanted = [item for item in frames if 0.9 - 1e-6 <= item[0] - zero < 1.5 - 1e-6]
    assert [(f.timestamp_s, read_number(f.image)) for f in cut.frames()] == wanted
    assert wanted
    assert cut.info.frames is None, "the header cannot know how many there are"
    cut = open_video(clip, 0.9, 1.5)
    transcode(cut, tmp_path / "cut.mkv")
    assert len(video_times(tmp_path / "cut.mkv")) == len(wanted)
    assert sound_times(tmp_path / "cut.mkv")[-1] == pytest.approx(0.6, abs=0.05)


def test_a_replay_of_joined_recordings_goes_on_at_its_pace(parts: Path, tmp_path: Path) -> None:
    clip = joined(tmp_path / "all.ts", parts / "near.ts", parts / "near.ts")
    capture = ReplayCapture(str(clip))
    capture.open()
    moments: list[float] = []
    capture._pace.wait = moments.append  # type: ignore[method-assign]
    while capture.grab() is not None:
        pass
    assert "falls back" in (capture.mended or "")
    capture.close()
    assert [b - a for a, b in itertools.pairwise(moments)] == pytest.approx([D] * (2 * COUNT - 1))


def test_sound_of_joined_recordings_that_is_encoded_anew(parts: Path, tmp_path: Path) -> None:
    clip = joined(tmp_path / "all.mkv", parts / "near.mkv", parts / "near.mkv")
    times = transcode(open_video(clip), tmp_path / "out.mov")  # holds no Opus
    sounds = sound_times(tmp_path / "out.mov")
    assert rises(sounds)
    assert sounds[-1] == pytest.approx(times[-1], abs=0.1)


def test_joined_recordings_out_of_a_pipe(parts: Path, tmp_path: Path) -> None:
    clip = joined(tmp_path / "all.ts", parts / "near.ts", parts / "near.ts")
    code = (
        "import sys; from pathlib import Path; from shufflecam.sources import open_video;"
        "from tests.sources.timing.test_clock import transcode;"
        "source = open_video('-'); print(transcode(source, Path(sys.argv[1])), source.mended)"
    )
    out = tmp_path / "out.mp4"
    with subprocess.Popen(["cat", str(clip)], stdout=subprocess.PIPE) as pipe:
        done = subprocess.run(
            [sys.executable, "-c", code, str(out)], stdin=pipe.stdout, capture_output=True, text=True
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("sound with them.")
    written = video_times(out)
    assert len(written) == 2 * COUNT
    assert [b - a for a, b in itertools.pairwise(written)] == pytest.approx([D] * (2 * COUNT - 1), abs=1e-3)
    assert len(sound_times(out)) == 2 * len(sound_times(parts / "near.ts"))


def test_the_clock_of_a_transport_stream_wraps(tmp_path: Path) -> None:
    wraps_at = 2**33 / 90_000
    clip = begins_at(tmp_path / "wrap.ts", wraps_at - 1.9)  # the muxer adds 1.4 s
    source = open_video(clip)
    times = transcode(source, tmp_path / "out.mp4")
    assert [b - a for a, b in itertools.pairwise(times)] == pytest.approx([D] * (COUNT - 1))
    assert source.mended is None
    assert len(sound_times(tmp_path / "out.mp4")) == len(sound_times(clip))


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30000, 1001), Fraction(50)])
@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4"])
def test_raw_streams_have_the_rate_of_their_own_headers(tmp_path: Path, codec: str, rate: Fraction) -> None:
    form = {"libx264": "h264", "libx265": "hevc", "mpeg4": "m4v"}[codec]
    clip = tmp_path / f"raw.{form}"
    with av.open(str(clip), "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.max_b_frames = 2
        if codec == "libx265":
            stream.options = {"x265-params": "log-level=error"}
        for i in range(COUNT):
            frame = av.VideoFrame.from_ndarray(number_picture(i), format="bgr24")
            frame.pts, frame.time_base = i, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    source = open_video(clip)
    assert source.info.fps == rate
    times = transcode(source, tmp_path / "out.mp4")
    assert times == pytest.approx([float(i / rate) for i in range(COUNT)], abs=1e-9)
    assert video_times(tmp_path / "out.mp4") == pytest.approx(times, abs=1e-6)
    assert source.mended is not None
    assert source.mended.endswith("pictures a second, as its own headers say.")
    cut = open_video(clip, float(10 / rate))
    assert [read_number(frame.image) for frame in cut.frames()] == list(range(10, COUNT))


def test_raw_pictures_that_tell_no_rate_say_so(tmp_path: Path) -> None:
    clip = tmp_path / "raw.mjpeg"
    with av.open(str(clip), "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=50)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        for i in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(number_picture(i), format="bgr24")))
        container.mux(stream.encode(None))
    source = open_video(clip)
    assert [frame.timestamp_s for frame in source.frames()] == pytest.approx([i / 25 for i in range(5)])
    assert source.mended is not None
    assert source.mended.endswith("it has no times; counted at 25 pictures a second, for it does not say.")


def test_b_frames_in_avi_are_shown_evenly(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "b.avi", sound="libmp3lame")
    source = open_video(clip)
    times = transcode(source, tmp_path / "out.mp4")
    assert times == pytest.approx([i * D for i in range(40)])
    assert video_times(tmp_path / "out.mp4") == pytest.approx(times, abs=1e-4)
    cut = open_video(clip, 0.5)
    frames = list(cut.frames())
    assert [read_number(frame.image) for frame in frames] == list(range(15, 40))
    assert [frame.timestamp_s for frame in frames] == pytest.approx(times[15:])


@pytest.mark.parametrize(("before", "sound"), [(12, "aac"), (36, "aac"), (36, None)])
def test_a_beginning_before_zero_is_kept(tmp_path: Path, before: int, sound: str | None) -> None:
    clip = make_clip(
        tmp_path / "before.mkv",
        times=[(i - before) * 512 for i in range(40)],
        sound=sound,
        options={"avoid_negative_ts": "disabled"},
    )
    source = open_video(clip)
    times = transcode(source, tmp_path / "out.mp4")
    assert times == pytest.approx([(i - before) * D for i in range(40)], abs=2e-3)
    assert video_times(tmp_path / "out.mp4") == pytest.approx([t - source.origin_s for t in times], abs=2e-3)
    if before == 12:
        cut = open_video(clip, 0.2)
        numbers = [read_number(frame.image) for frame in cut.frames()]
        assert numbers == list(range(numbers[0], 40))
        assert numbers[0] < 12


@pytest.mark.parametrize("extension", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("time_base", "gap_s"),
    [
        (None, 50_000.0),
        (Fraction(1, 1_200_000), 3000.0),
        (Fraction(1, 10**7), 9999.0),
        (Fraction(1, 25), 9.5),
    ],
)
def test_pauses_of_hours_can_be_written(
    tmp_path: Path, extension: str, time_base: Fraction | None, gap_s: float
) -> None:
    out = tmp_path / f"out{extension}"
    writer = VideoWriter(out, size=(96, 64), rate=Fraction(25), time_base=time_base)
    told = [i / 25 for i in range(5)] + [gap_s + i / 25 for i in range(5)] + [gap_s + 0.17, gap_s + 0.18]
    told += [told[-1] + k * gap_s for k in (1, 2, 3)]
    for i, time in enumerate(told):
        writer.write_image(number_picture(i), time)
    writer.close()
    got = video_times(out)
    assert rises(got)
    assert got[:5] == pytest.approx(told[:5], abs=1e-3)
    shown = {round(time, 2) for time in got}
    assert {round(time, 2) for time in told} <= shown
    assert len(got) <= len(told) + (20 if gap_s < 10_000 else 4 * 30), "a picture is shown again now and then"


CASES = {
    "01-ts-restart/joined.ts": (120, 176, 119 * D),
    "01-ts-restart/jumpback.ts": (120, 176, 119 * D),
    "15-avi-bframes/h264bf.avi": (60, 79, 59 * D),
    "15-avi-bframes/raw.h264": (60, 0, 59 * D),
    "10-negative-start/neg.mkv": (60, 88, 59 * D),
}


@pytest.mark.parametrize("name", CASES)
def test_given_cases(shared_dir: Path, tmp_path: Path, name: str) -> None:
    clip = shared_dir / "cases" / name
    if not clip.exists():
        pytest.skip("needs ../shared/cases, which is not here")
    count, sounds, length = CASES[name]
    source = open_video(clip)
    times = transcode(source, tmp_path / "out.mp4")
    assert len(times) == count
    assert [b - a for a, b in itertools.pairwise(times)] == pytest.approx([D] * (count - 1), abs=2e-3)
    written = video_times(tmp_path / "out.mp4")
    assert len(written) == count
    assert written[-1] - written[0] == pytest.approx(length, abs=2e-3)
    if sounds:
        assert len(sound_times(tmp_path / "out.mp4")) == sounds


@pytest.mark.parametrize("name", ["lost_packets.ts", "noise.mp4"])
def test_no_time_falls_back_behind_damage(shared_dir: Path, name: str) -> None:
    clip = shared_dir / "cases" / "12-corrupt-middle" / name
    if not clip.exists():
        pytest.skip("needs ../shared/cases, which is not here")
    times: list[float] = []
    with suppress(SourceBrokeOff):
        times.extend(frame.timestamp_s for frame in open_video(clip).frames())
    assert rises(times)
    assert times[-1] < 3.5


def test_sound_without_pictures_beside_it_is_as_long_as_it_was(tmp_path: Path) -> None:
    """Sound goes on where the pictures have ended."""
    clip = tmp_path / "long.mkv"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        tone = container.add_stream("aac", rate=48000, layout="mono")
        for i in range(10):
            frame = av.VideoFrame.from_ndarray(number_picture(i), format="bgr24")
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for sound in tone_frames(3.0):
            container.mux(tone.encode(sound))
        container.mux(tone.encode(None))
    transcode(open_video(clip), tmp_path / "out.mp4")
    assert len(sound_times(tmp_path / "out.mp4")) == len(sound_times(clip))
