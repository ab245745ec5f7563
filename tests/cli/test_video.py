"""`shufflecam video` as a user runs it: a real process, real files, exit codes, stdout is only data."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from tests.cli.conftest import CLIP_FRAMES, CLIP_SIZE, cli_environment


@pytest.fixture
def solo(pose_weights: Path) -> list[str]:
    """Options that need neither a detector nor embedded weights."""
    return ["--weights", str(pose_weights), "--detector", "none"]


def frames_of(path: Path) -> list[tuple[float, tuple[int, int]]]:
    with av.open(str(path)) as container:
        return [(float(f.pts * f.time_base), (f.width, f.height)) for f in container.decode(video=0)]


def test_a_video_and_a_record_come_out(clip: Path, solo: list[str], tmp_path: Path, run_cli) -> None:
    out, record = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    done = run_cli("video", clip, "--out", out, "--json", record, *solo)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""

    times = [time for time, _ in frames_of(clip)]
    written = frames_of(out)
    assert [size for _, size in written] == [CLIP_SIZE] * CLIP_FRAMES
    np.testing.assert_allclose([time for time, _ in written], times, atol=1e-3)

    header, *records, footer = map(json.loads, record.read_text().splitlines())
    assert header["schema"] == "shufflecam/1"
    assert header["source"] == {
        "path": str(clip), "kind": "video", "width": 96, "height": 128, "fps": 12.0, "frames": CLIP_FRAMES,
    }  # fmt: skip
    assert header["model"]["input_size"] == [192, 256]
    assert len(header["model"]["sha256"]) == 64
    assert [entry["frame"] for entry in records] == list(range(CLIP_FRAMES))
    np.testing.assert_allclose([entry["time"] for entry in records], times, atol=1e-6)
    assert footer == {"type": "footer", "frames": CLIP_FRAMES, "dropped": 0, "complete": True}
    person = records[-1]["people"][0]
    assert person["id"] == 1
    assert person["box"] == [0, 0, 96, 128]
    assert person["box_score"] is None
    assert len(person["keypoints"]) == len(person["keypoints_smoothed"]) == 17


def test_joint_angles_are_in_the_record_where_asked(
    clip: Path, solo: list[str], tmp_path: Path, run_cli
) -> None:
    record = tmp_path / "a.jsonl"
    done = run_cli("video", clip, "--json", record, *solo, "--angles", "--end", "0.3")
    assert done.returncode == 0, done.stderr
    header, *frames, _ = map(json.loads, record.read_text().splitlines())
    assert header["cut"] == {"start": None, "end": 0.3, "step": 1}
    for frame in frames:
        assert list(frame["people"][0]["angles"]) == header["angles"]
    out = tmp_path / "out.mp4"
    coco = ["--json", tmp_path / "out.json", "--format", "coco"]
    for nowhere in (["--out", out], coco):
        done = run_cli("video", clip, *solo, *nowhere, "--angles")
        assert done.returncode == 2
        assert "--angles" in done.stderr
        assert not out.exists()


def test_json_to_standard_output_is_only_data(clip: Path, solo: list[str], run_process) -> None:
    done = run_process("video", clip, *solo, "--end", "0.5", "--json")
    assert done.returncode == 0, done.stderr
    kinds = [json.loads(line)["type"] for line in done.stdout.splitlines()]
    assert kinds == ["header"] + ["frame"] * 6 + ["footer"]


def test_without_tracking_and_smoothing_there_are_no_ids(clip: Path, solo: list[str], run_cli) -> None:
    done = run_cli("video", clip, *solo, "--end", "0.2", "--no-track", "--no-smooth", "--json", "-")
    person = json.loads(done.stdout.splitlines()[1])["people"][0]
    assert person["id"] is None
    assert "keypoints_smoothed" not in person


def test_a_stream_on_standard_input(clip: Path, solo: list[str], run_process) -> None:
    done = run_process("video", "-", *solo, "--json", stdin=clip.read_bytes())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["frames"] == CLIP_FRAMES


def test_given_boxes_by_frame_number(clip: Path, pose_weights: Path, tmp_path: Path, run_cli) -> None:
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps({"0": [[10, 10, 60, 100]], "2": [[0, 0, 40, 40], [50, 50, 120, 90]]}))
    done = run_cli("video", clip, "--weights", pose_weights, "--boxes", boxes, "--end", "0.3", "--json")
    assert done.returncode == 0, done.stderr
    people = [json.loads(line)["people"] for line in done.stdout.splitlines()[1:-1]]
    assert [len(p) for p in people][:3] == [1, 0, 2]
    assert [p["box"] for p in people[2]] == [[0, 0, 40, 40], [50, 50, 120, 90]]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["-"], 2, "--out"),
        (["CLIP", "--out", "x.avi"], 2, ".mp4"),
        (["CLIP", "--out", "CLIP"], 2, "input itself"),
        (["CLIP", "--json", "other.mp4"], 2, "put --json last, or write --json -"),
        (["CLIP", "--out", "x.mp4", "--model", "nonsense"], 2, "coco-256x192"),
        (["CLIP", "--out", "x.mp4", "--detector", "nonsense"], 2, "nonsense"),
        (["CLIP", "--out", "x.mp4", "--start", "soon"], 2, "soon"),
        (["CLIP", "--out", "x.mp4", "--no-such-option"], 2, "--no-such-option"),
        (["missing.mp4", "--out", "x.mp4"], 3, "missing.mp4"),
        ([".", "--out", "x.mp4"], 3, "folder"),
        (["TEXT", "--out", "x.mp4"], 3, "text.mp4"),
        (["CLIP", "--out", "no/such/folder/x.mp4"], 1, "folder"),
        (["CLIP", "--out", "EXISTS"], 1, "--overwrite"),
        (["CLIP", "--out", "x.mp4", "--weights", "missing.pth"], 4, "missing.pth"),
        (["CLIP", "--out", "x.mp4", "--weights", "TEXT"], 4, "text.mp4"),
        (["CLIP", "--out", "x.mp4", "--boxes", "TEXT"], 2, "text.mp4"),
        # The order of the checks: usage before source before output before weights.
        (["missing.mp4", "--out", "x.avi"], 2, ".mp4"),
        (["missing.mp4", "--out", "no/such/folder/x.mp4"], 3, "missing.mp4"),
        (["CLIP", "--out", "no/such/folder/x.mp4", "--weights", "missing.pth"], 1, "folder"),
    ],
)
def test_bad_input_gets_one_sentence_and_its_code(
    arguments: list[str], code: int, says: str, clip: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("this is no video\n" * 50)
    exists = tmp_path / "exists.mp4"
    exists.write_bytes(b"precious")
    names = {"CLIP": str(clip), "TEXT": str(text), "EXISTS": str(exists)}
    before = clip.read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "shufflecam", "video", *(names.get(a, a) for a in arguments)],
        cwd=tmp_path, capture_output=True, text=True, env=cli_environment(tmp_path), timeout=60,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert exists.read_bytes() == b"precious"
    assert clip.read_bytes() == before
    assert not (tmp_path / "x.mp4").exists()


def test_debug_shows_the_traceback(run_process) -> None:
    done = run_process("video", "missing.mp4", "--json", "--debug")
    assert done.returncode == 3
    assert "Traceback" in done.stderr


def test_a_truncated_video_keeps_what_came_before(
    clip: Path, solo: list[str], tmp_path: Path, run_cli
) -> None:
    whole, cut = tmp_path / "whole.mkv", tmp_path / "cut.mkv"
    with av.open(str(clip)) as source, av.open(str(whole), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    record = tmp_path / "cut.json"
    done = run_cli("video", cut, "--json", record, "--out", tmp_path / "cut-out.mp4", *solo)
    assert done.returncode == 5, done.stderr
    document = json.loads(record.read_text())
    assert 0 < len(document["frames"]) <= CLIP_FRAMES
    assert document["footer"] == {
        "type": "footer", "frames": len(document["frames"]), "dropped": 0, "complete": False,
        "missing": {"lost": CLIP_FRAMES - len(document["frames"])},
    }  # fmt: skip
    assert len(frames_of(tmp_path / "cut-out.mp4")) == len(document["frames"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_playable_video_and_a_whole_record(
    number: signal.Signals, solo: list[str], tmp_path: Path
) -> None:
    endless = tmp_path / "long.mp4"
    with av.open(str(endless), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(3000):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "bgr24")))
        container.mux(stream.encode(None))
    out, record = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    with record.open("w") as lines:  # a pipe that is read by lines and then to its end may lose some
        command = [
            sys.executable,
            "-m",
            "shufflecam",
            "video",
            str(endless),
            "--out",
            str(out),
            "--json",
            "-",
        ]
        process = subprocess.Popen(
            [*command, *solo],
            stdout=lines, stderr=subprocess.PIPE, text=True, env=cli_environment(tmp_path),
        )  # fmt: skip
        deadline = time.monotonic() + 90
        while record.read_bytes().count(b"\n") < 12:  # then it is in the middle of its work
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    entries = [json.loads(line) for line in record.read_text().splitlines()]
    footer = entries[-1]
    assert footer["complete"] is False
    assert footer["frames"] == len(entries) - 2
    assert len(frames_of(out)) == footer["frames"]


def test_the_first_help_shows_the_three_commands_on_lines_of_their_own(run_cli) -> None:
    lines = [line.strip() for line in run_cli("--help").stdout.splitlines()]
    for command in ("webcam ", "video in.mp4 --out out.mp4", "images photos/ --json"):
        assert any(line.startswith(f"shufflecam {command}") for line in lines)


def test_offline_smoothing_keeps_the_raw_values_and_every_frame(
    clip: Path, solo: list[str], tmp_path: Path, run_cli
) -> None:
    def people(name: str, *options: str) -> list[dict]:
        done = run_cli(
            "video", clip, "--json", tmp_path / name, "--out", tmp_path / f"{name}.mp4", *solo, *options
        )
        assert done.returncode == 0, done.stderr
        lines = map(json.loads, (tmp_path / name).read_text().splitlines())
        return [line for line in lines if line["type"] == "frame"]

    online, offline = people("online.jsonl"), people("offline.jsonl", "--smooth", "offline")
    assert len(online) == len(offline) == CLIP_FRAMES == len(frames_of(tmp_path / "offline.jsonl.mp4"))
    for before, after in zip(online, offline, strict=True):
        assert before["people"][0]["keypoints"] == after["people"][0]["keypoints"]
        assert before["time"] == after["time"]
    differ = [a["people"][0]["keypoints_smoothed"] != b["people"][0]["keypoints_smoothed"]
              for a, b in zip(online, offline, strict=True)]  # fmt: skip
    assert all(differ[:-1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-", "--smooth", "offline"], "reads the video twice"),
        (["{clip}", "--smooth=offline", "--no-track"], "who is who"),
    ],
)
def test_offline_smoothing_that_cannot_be(
    arguments: list[str], message: str, clip: Path, solo: list[str], tmp_path: Path, run_cli
) -> None:
    arguments = [argument.format(clip=clip) for argument in arguments]
    done = run_cli("video", *arguments, "--json", tmp_path / "x.json", *solo)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "x.json").exists()


def test_smooth_alone_is_a_switch_and_eats_no_input(
    clip: Path, solo: list[str], tmp_path: Path, run_cli
) -> None:
    done = run_cli("video", "--smooth", clip, "--json", tmp_path / "x.json", "--end", "0.2", *solo)
    assert done.returncode == 0, done.stderr


def test_looks_reach_the_video(clip: Path, solo: list[str], tmp_path: Path, run_cli) -> None:
    def first(*options: str) -> np.ndarray:
        out = tmp_path / f"{'-'.join(options).strip('-')}.mp4"
        done = run_cli("video", clip, *solo, "--end", "0.2", "--out", out, "--kpt-thr", "0", *options)
        assert done.returncode == 0, done.stderr
        with av.open(str(out)) as container:
            return next(container.decode(video=0)).to_ndarray(format="bgr24").astype(int)

    plain, black = first("--no-track"), first("--no-track", "--skeleton-only")
    assert np.median(plain) > 50
    assert np.median(black) < 5
    assert black.max() > 100
    blurred = first("--no-track", "--blur-faces")
    assert np.abs(plain - blurred).max() > 30
    minimal = first("--no-track", "--skeleton-only", "--style", "minimal")
    assert np.ptp(minimal, axis=2).max() < 12, "white on black"
    assert np.ptp(black, axis=2).max() > 60


@pytest.mark.parametrize(
    ("option", "value"), [("--style", "fancy"), ("--line-width", "0"), ("--line-width", "x")]
)
def test_looks_that_do_not_exist(option: str, value: str, clip: Path, tmp_path: Path, run_cli) -> None:
    done = run_cli("video", clip, "--out", tmp_path / "x.mp4", option, value)
    assert done.returncode == 2
    assert option in done.stderr


def test_every_second_frame_of_a_part_of_it_turned(
    clip: Path, solo: list[str], tmp_path: Path, run_cli
) -> None:
    out, record = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    options = ["--step", "2", "--crop", "30,20,40,60", "--rotate", "90", "--codec", "hevc", "--crf", "30"]
    done = run_cli("video", clip, "--out", out, "--json", record, "--end", "1", *options, *solo)
    assert done.returncode == 0, done.stderr
    header, *frames, footer = map(json.loads, record.read_text().splitlines())
    assert header["view"] == {"rotate": 90, "crop": [30, 20, 40, 60]}
    assert [frame["frame"] for frame in frames] == [0, 2, 4, 6, 8, 10]
    assert footer["frames"] == 6
    for frame in frames:  # the whole view is one person, in the whole picture's pixels
        assert frame["people"][0]["box"] == [30, 20, 70, 80]
    written = frames_of(out)
    assert [size for _, size in written] == [CLIP_SIZE] * 6
    np.testing.assert_allclose([time for time, _ in written], [frame["time"] for frame in frames], atol=1e-3)


def test_without_sound(sound_clip: Path, solo: list[str], tmp_path: Path, run_cli) -> None:
    for name, options in (("with.mp4", []), ("without.mp4", ["--no-audio"])):
        done = run_cli("video", sound_clip, "--out", tmp_path / name, "--end", "0.2", *options, *solo)
        assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "with.mp4")) as one, av.open(str(tmp_path / "without.mp4")) as other:
        assert (len(one.streams.audio), len(other.streams.audio)) == (1, 0)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--out", "x.mov", "--codec", "vp9"], ".mov does not hold vp9"),
        (["--out", "x.mp4", "--crf", "60"], "--crf 60"),
        (["--out", "x.mp4", "--codec", "theora"], "--codec"),
        (["--out", "x.mp4", "--step", "0"], "--step"),
        (["--out", "x.mp4", "--rotate", "45"], "--rotate"),
        (["--out", "x.mp4", "--crop", "1,2,3"], "X,Y,W,H"),
        (["--out", "x.mp4", "--crop", "0,0,8,100"], "16 pixels"),
        (["--out", "x.mp4", "--crop", "60,0,40,100"], "96x128"),
        (["--out", "x.mp4", "--crop", "0,0,40,40", "--boxes", "BOXES"], "--crop"),
    ],
)
def test_parts_turns_and_codecs_that_cannot_be_meant(
    options: list[str], says: str, clip: Path, tmp_path: Path, run_cli
) -> None:
    boxes = tmp_path / "boxes.json"
    boxes.write_text("{}")
    options = [
        str(boxes) if o == "BOXES" else str(tmp_path / o) if o.startswith("x.") else o for o in options
    ]
    done = run_cli("video", clip, *options)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert not list(tmp_path.glob("x.*"))


def test_auto_rotation_cannot_read_a_stream_twice(run_process) -> None:
    done = run_process("video", "-", "--rotate", "auto", "--json")
    assert done.returncode == 2
    assert "reads the beginning twice" in done.stderr


def test_hdr_is_written_as_what_it_is_then_and_said_once(solo: list[str], tmp_path: Path, run_cli) -> None:
    from tests.sources.pixels.test_hdr import HLG, WHITE_NITS, patches, scene, signal, write

    source, out = tmp_path / "phone.mkv", tmp_path / "out.mp4"
    write(source, signal(scene(), HLG, WHITE_NITS), (9, 9, HLG))
    done = run_cli("video", source, "--out", out, "--kpt-thr", 1, *solo)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("HDR") == 1
    with av.open(str(out)) as container:
        frames = list(container.decode(video=0))
        assert (frames[0].colorspace, frames[0].color_primaries, frames[0].color_trc) == (1, 1, 1)
        assert len(frames) == 2
        seen = patches(frames[0].to_ndarray(format="bgr24"))
    assert seen["white"].min() > 235
    assert seen["green"][1] > seen["green"][[0, 2]].max() + 60


def test_interlaced_video_is_said_and_can_be_left(solo: list[str], tmp_path: Path, run_cli) -> None:
    from tests.sources.pixels.test_deinterlace import combs, write

    source = write(tmp_path / "tape.ts", 4)
    for words, expected in (((), 1), (("--deinterlace", "off"), 0)):
        out = tmp_path / f"out{expected}.mp4"
        done = run_cli("video", source, "--out", out, "--kpt-thr", 1, *words, *solo)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("is interlaced") == expected
        with av.open(str(out)) as container:
            pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
        assert len(pictures) == 4
        assert (combs(pictures[1]) < 4) == bool(expected)
