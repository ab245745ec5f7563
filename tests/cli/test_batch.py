"""`shufflecam video` on many inputs: names, what is skipped, what fails, processes, and being stopped."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from rich.console import Console

from shufflecam.cli.commands.video import is_many
from shufflecam.cli.progress import remarks, summary
from shufflecam.core.claims import claim
from shufflecam.core.errors import Interrupted, SourceBrokeOff, SourceError, UsageError, WeightsError
from shufflecam.jobs.batch.plan import (
    CUT_SHORT,
    DONE,
    FAILED,
    SKIPPED,
    STOPPED,
    Item,
    Report,
    part_of,
    plan,
    skip_existing,
)
from shufflecam.jobs.batch.run import finish
from shufflecam.records.open import RecordTarget
from shufflecam.sources.paths import VIDEO, PicturePath, find_files
from tests.cli.conftest import CLIP_FRAMES, cli_environment


@pytest.fixture
def solo(pose_weights: Path) -> list[str]:
    return ["--weights", str(pose_weights), "--detector", "none", "--end", "0.3"]


@pytest.fixture
def folder(clip: Path, tmp_path: Path) -> Path:
    """Three videos, one below, one called otherwise, and a text file with a video's name."""
    folder = tmp_path / "in"
    (folder / "below").mkdir(parents=True)
    shutil.copy(clip, folder / "a.mp4")
    shutil.copy(clip, folder / "below" / "b.MP4")
    shutil.copy(clip, folder / "c.m4v")
    (folder / "bad.mp4").write_text("no video\n" * 99)
    (folder / "notes.txt").write_text("no video either")
    return folder


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def frames_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_one_that_fails_does_not_stop_the_rest(
    folder: Path, solo: list[str], tmp_path: Path, run_cli: Callable
) -> None:
    out = tmp_path / "out"
    done = run_cli("video", folder, "--recursive", "--out", out, "--json", out, *solo)
    assert done.returncode == 5, done.stderr
    assert done.stdout == ""
    assert tree(out) == ["a.jsonl", "a.mp4", "below/b.MP4", "below/b.jsonl", "c.jsonl", "c.mp4"]
    for video in ("a.mp4", "c.mp4", "below/b.MP4"):
        assert frames_in(out / video) == 4
    assert json.loads((out / "c.jsonl").read_text().splitlines()[-1])["complete"] is True
    # Every video has a line in the table, and the one that failed has its reason.
    for word in ("a.mp4", "below/b.MP4", "c.m4v", "bad.mp4", "failed"):
        assert word in done.stderr
    assert "1 of 4 videos is not whole" in done.stderr
    reason = "bad.mp4 is not a video that can be read"
    assert " ".join(done.stderr.split()).count(reason) == 1, "the reason is said once, and on one line"
    assert reason in next(line for line in done.stderr.splitlines() if "bad.mp4: failed" in line)
    assert "Traceback" not in done.stderr

    before = {name: (out / name).stat().st_mtime_ns for name in tree(out)}
    again = run_cli("video", folder, "--recursive", "--out", out, "--json", out, *solo)
    assert again.returncode == 1
    assert "--skip-existing" in again.stderr
    (out / "c.jsonl").unlink()
    third = run_cli("video", folder, "--recursive", "--out", out, "--json", out, "--skip-existing", *solo)
    assert third.returncode == 5
    assert "skipped" in third.stderr
    assert "1 of 4 videos done, 2 were there already" in third.stderr
    after = {name: (out / name).stat().st_mtime_ns for name in tree(out)}
    assert {name for name in after if after[name] != before[name]} == {"c.mp4", "c.jsonl"}


def test_several_processes_give_the_same(
    folder: Path, solo: list[str], tmp_path: Path, run_cli: Callable
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for out, jobs in ((one, 1), (two, 2)):
        done = run_cli("video", folder, "--json", out, "--jobs", jobs, *solo)
        assert done.returncode == 5, done.stderr
        assert "bad.mp4" in done.stderr
    assert tree(one) == tree(two) == ["a.jsonl", "c.jsonl"]
    for name in tree(one):
        assert (one / name).read_text() == (two / name).read_text()


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_stops_all_and_what_was_written_plays(
    jobs: int, pose_weights: Path, tmp_path: Path, long_clip: Path
) -> None:
    out = tmp_path / "out"
    inputs = []
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        shutil.copy(long_clip, tmp_path / name)
        inputs.append(str(tmp_path / name))
    command = [sys.executable, "-m", "shufflecam", "video", *inputs, "--out", str(out), "--json", str(out)]
    command += ["--jobs", str(jobs), "--weights", str(pose_weights), "--detector", "none"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=cli_environment(tmp_path), start_new_session=True
    )
    begun = [out / f"{name}.part.jsonl" for name in "abc"[:jobs]]
    deadline = time.monotonic() + 90
    while not all(path.exists() and path.read_bytes().count(b"\n") > 8 for path in begun):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to everybody
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "stopped" in errors
    assert "stopped: stopped" not in errors
    for path in begun:
        footer = json.loads(path.read_text().splitlines()[-1])
        assert footer["complete"] is False
        assert frames_in(path.with_suffix(".mp4")) == footer["frames"] > 0
    assert not [name for name in tree(out) if ".part." not in name]


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(3000):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "bgr24")))
        container.mux(stream.encode(None))
    return path


def test_a_video_that_is_cut_short_keeps_its_part(
    clip: Path, solo: list[str], tmp_path: Path, run_cli: Callable
) -> None:
    whole = tmp_path / "cut.mkv"
    with av.open(str(clip)) as source, av.open(str(whole), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    out = tmp_path / "out"
    done = run_cli("video", whole, clip, "--out", out, *solo[:4])
    assert done.returncode == 5, done.stderr
    assert tree(out) == ["clip.mp4", "cut.part.mkv"]
    assert frames_in(out / "clip.mp4") == CLIP_FRAMES
    assert 0 < frames_in(out / "cut.part.mkv") <= CLIP_FRAMES
    assert "cut short" in done.stderr


def test_wrong_weights_are_said_once(clip: Path, folder: Path, tmp_path: Path, run_cli: Callable) -> None:
    out = tmp_path / "out"
    done = run_cli("video", clip, folder / "a.mp4", "--out", out, "--weights", "missing.pth")
    assert done.returncode == 4
    assert "missing.pth" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["A", "C"], 2, "--out DIR"),
        (["A", "C", "--out", "x.mp4"], 2, "names one file"),
        (["A", "C", "--out", "A"], 2, "is a file"),
        (["A", "C", "--out", "o", "--json"], 2, "give --json a folder"),
        (["A", "C", "--out", "o", "--json", "x.jsonl"], 2, "give --json a folder"),
        (["A", "C", "--out", "o", "--format", "csv"], 2, "--json DIR"),
        (["A", "-", "--out", "o"], 2, "Standard input"),
        (["A", "--out", "x.mp4", "--skip-existing"], 2, "many videos"),
        (["A", "--out", "x.mp4", "--jobs", "2"], 2, "many videos"),
        (["A", "C", "--out", "o", "--jobs", "0"], 2, "--jobs"),
        (["IN", "--out", "IN"], 2, "is an input"),
        (["A", "AVI", "--out", "o"], 2, "would both become"),
        (["A", "missing.mp4", "--out", "o"], 3, "missing.mp4"),
        (["EMPTY", "--out", "o"], 3, "no video in the folder"),
        (["IN/*.mov", "--out", "o"], 3, "No file matches"),
        (["BAD", "BAD2", "--out", "o"], 3, "None of 2 videos"),
        (["A", "C", "--out", "/proc/nothing"], 1, "/proc/nothing"),
    ],
)
def test_bad_input(
    arguments: list[str], code: int, says: str, folder: Path, tmp_path: Path, run_cli: Callable
) -> None:
    (tmp_path / "empty").mkdir()
    shutil.copy(folder / "a.mp4", tmp_path / "a.avi")
    shutil.copy(folder / "bad.mp4", tmp_path / "bad2.mp4")
    names = {
        "A": folder / "a.mp4", "C": folder / "c.m4v", "AVI": tmp_path / "a.avi", "IN": folder,
        "o": tmp_path / "o", "EMPTY": tmp_path / "empty", "BAD": folder / "bad.mp4",
        "BAD2": tmp_path / "bad2.mp4", "IN/*.mov": folder / "*.mov", "x.mp4": tmp_path / "x.mp4",
        "x.jsonl": tmp_path / "x.jsonl",
    }  # fmt: skip
    before = tree(folder)
    done = run_cli("video", *(names.get(a, a) for a in arguments))
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert tree(folder) == before
    assert not (tmp_path / "o").exists() or not tree(tmp_path / "o")


def test_names() -> None:
    found = [PicturePath("x/" + name, name) for name in ("a.MOV", "sub/b.avi", "c")]
    items = plan(found, Path("out"), RecordTarget("rec"))
    assert [item.out for item in items] == [Path("out/a.MOV"), Path("out/sub/b.mp4"), Path("out/c.mp4")]
    assert [item.record for item in items] == [
        Path("rec/a.jsonl"), Path("rec/sub/b.jsonl"), Path("rec/c.jsonl"),
    ]  # fmt: skip
    assert plan(found, None, RecordTarget("rec", "openpose"))[1].outputs == [Path("rec/sub/b")]
    assert part_of(Path("out/a.MOV")) == Path("out/a.part.MOV")


def test_outputs_within_the_input_folder_are_no_inputs(folder: Path) -> None:
    (folder / "out").mkdir()
    shutil.copy(folder / "a.mp4", folder / "out" / "a.mp4")
    names = [item.name for item in find_files([folder], True, VIDEO, besides=folder / "out")]
    assert names == ["a.mp4", "bad.mp4", "below/b.MP4", "c.m4v"]


def test_one_input_and_a_file_is_as_it_was(folder: Path, tmp_path: Path) -> None:
    one = str(folder / "a.mp4")
    assert not is_many([one], "x.mp4", None)
    assert not is_many([one], None, "x.json")
    assert not is_many(["-"], None, "-")
    assert not is_many([str(folder)], "x.mp4", None)  # then said: a folder needs a folder
    assert is_many([one], str(tmp_path), None)
    assert is_many([one], "drawn/", None)
    assert is_many([one, one], "x.mp4", None)
    assert is_many([str(folder)], None, "records")
    assert is_many(["*.mp4"], None, "records")


def test_what_is_skipped_is_whole_in_all_its_outputs(tmp_path: Path) -> None:
    here, half, gone = (Item(n, n, tmp_path / f"{n}.mp4", tmp_path / f"{n}.jsonl") for n in ("a", "b", "c"))
    for path in (here.out, here.record, half.out):
        assert path is not None
        path.touch()
    left, reports = skip_existing([here, half, gone])
    assert left == [half, gone]
    assert [(report.item, report.state) for report in reports] == [(here, SKIPPED)]


@pytest.mark.parametrize(
    ("states", "error"),
    [
        ([DONE, SKIPPED], None),
        ([DONE, FAILED], SourceBrokeOff),
        ([SKIPPED, CUT_SHORT], SourceBrokeOff),
        ([FAILED, STOPPED], Interrupted),
        (["unreadable", "unreadable"], SourceError),
        (["weights", "weights"], WeightsError),
        (["weights", DONE], SourceBrokeOff),
    ],
)
def test_what_a_run_comes_to(states: list[str], error: type[Exception] | None) -> None:
    item = Item("a", "a", None, None)
    reports = [
        Report(item, FAILED, unreadable=True)
        if state == "unreadable"
        else Report(item, FAILED, fatal=WeightsError("gone"))
        if state == "weights"
        else Report(item, state)
        for state in states
    ]
    if error is None:
        finish(reports, len(reports))
        return
    with pytest.raises(error) as raised:
        finish(reports, len(reports))
    assert type(raised.value) is error


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_table_is_whole_in_any_terminal(width: int, tmp_path: Path) -> None:
    """It had a column for reasons: without a name, often empty, in a narrow terminal a few letters wide."""
    names = ("a_long_name_of_a_recording_on_a_monday.mp4", "b.mp4", "c.mp4", "d.mp4")
    items = [Item(name, name, tmp_path / name, None) for name in names]
    reports = [Report(items[0], DONE, 108000, 107999, 3000.0), Report(items[1], SKIPPED)]
    reports.append(Report(items[2], CUT_SHORT, 60, 59, 2.0, reason="c.mp4 is damaged near 2.0 s."))
    part_of(tmp_path / "c.mp4").touch()
    console = Console(file=io.StringIO(), width=width, soft_wrap=True)  # as `Terminal` has it
    console.print(summary(reports, items))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    headers = [line.split("┃")[1:-1] for line in lines if line.startswith("┃")]
    said = [" ".join(part.strip() for part in column).strip() for column in zip(*headers, strict=True)]
    assert said == ["video", "result", "frames", "with people", "fps"]
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert [row[2:] for row in rows if row[2]] == [["108000", "107999", "36.0"], ["60", "59", "30.0"]]
    assert "".join(row[0] for row in rows) == "".join(names)
    part = part_of(tmp_path / "c.mp4")
    assert remarks(reports) == [f"c.mp4: c.mp4 is damaged near 2.0 s. So far: {part}"]
    assert remarks(reports, reasons=False) == [f"c.mp4: So far: {part}"]
    assert remarks([Report(items[2], STOPPED, reason="stopped")]) == [f"c.mp4: So far: {part}"]


def test_two_inputs_with_one_output_are_refused() -> None:
    found = [PicturePath("x/a.mp4", "a.mp4"), PicturePath("x/a.avi", "a.avi")]
    with pytest.raises(UsageError, match="would both become"):
        plan(found, Path("out"), RecordTarget())
    with pytest.raises(UsageError, match="would both become"):
        plan([found[0], PicturePath("x/a.mov", "a.mov")], None, RecordTarget("out"))


@pytest.mark.parametrize("more", [[], ["--overwrite"], ["--skip-existing"], ["--jobs", "2"]])
def test_a_folder_where_another_run_is_at_work(
    folder: Path, solo: list[str], tmp_path: Path, run_cli: Callable, more: list[str]
) -> None:
    out = tmp_path / "out"
    with claim([out / "c.jsonl"], tmp_path / "cache" / "runs"):
        second = run_cli("video", folder, "--json", out, *more, *solo)
    assert second.returncode == 1
    assert f"process {os.getpid()}, is at work on {out / 'c.jsonl'}; wait" in second.stderr
    assert not out.exists()


def test_one_output_that_another_run_is_writing(
    clip: Path, solo: list[str], tmp_path: Path, run_cli: Callable
) -> None:
    record = tmp_path / "a.jsonl"
    with claim([record], tmp_path / "cache" / "runs"):
        for command in (["video", clip], ["webcam", "--replay", clip, "--headless"]):
            second = run_cli(*command, "--json", record, "--overwrite", *solo[:4])
            assert second.returncode == 1, second.stderr
            assert "is at work on" in second.stderr
    assert not record.exists()
