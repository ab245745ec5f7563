"""One contract for every writer of records, and what each format has of its own."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shufflecam.core.angles import ANGLES, joint_angles
from shufflecam.core.errors import OutputError, SourceError, UsageError
from shufflecam.core.missing import Missing
from shufflecam.core.protocols import Sink
from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import FrameResult, Gap, SourceInfo
from shufflecam.records import schema as record
from shufflecam.records.coco import CocoSink
from shufflecam.records.decode import to_poses
from shufflecam.records.image_ids import ImageIds, number_pictures
from shufflecam.records.json import JsonDocumentSink, JsonLinesSink
from shufflecam.records.open import RecordTarget, read_record
from shufflecam.records.sink import RecordSink, WriterOptions
from shufflecam.records.summary import summarize
from tests.helpers.people import figure, pose_of, result_of

ROOT = Path(__file__).parents[2]  # where the programs below find both packages

HEADER = record.header(
    SourceInfo("clips/walk.mp4", "video", (64, 48)),
    model={"name": "m"},
    detector={},
    skeleton=COCO_17,
    version="1",
)
PICTURES = record.header(
    SourceInfo("pictures", "images", None), model={}, detector={}, skeleton=COCO_17, version="1"
)


def results(count: int = 3) -> list[FrameResult]:
    """Frames with 0, 1, 2, 0, ... people; one joint of each is missing."""
    frames = []
    for index in range(count):
        poses = []
        for person in range(index % 3):
            joints = figure(20 + 10 * person + index, 45, 40)
            joints[4] = np.nan
            poses.append(pose_of(joints, track_id=person + 1))
        frames.append(result_of(poses, index, index / 30))
    return frames


@dataclass(frozen=True)
class Case:
    """A format, where it is written, and a reader of its own that says how many people it found in all."""

    name: str
    format: str
    target: str
    count: Callable[[Path], int]


def _json_lines(path: Path) -> int:
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return sum(len(entry.get("people", ())) for entry in entries)


def _csv(path: Path) -> int:
    with path.open(newline="") as file:
        return sum(row["keypoint"] == "nose" for row in csv.DictReader(file))


CASES = [
    Case("lines", "shufflecam", "out.jsonl", _json_lines),
    Case(
        "document",
        "shufflecam",
        "out.json",
        lambda path: sum(len(frame["people"]) for frame in json.loads(path.read_text())["frames"]),
    ),
    Case("coco", "coco", "out.json", lambda path: len(json.loads(path.read_text()))),
    Case("coco lines", "coco", "out.jsonl", lambda path: len(path.read_text().splitlines())),
    Case("csv", "csv", "out.csv", _csv),
    Case(
        "openpose",
        "openpose",
        "out",
        lambda path: sum(len(json.loads(file.read_text())["people"]) for file in path.glob("*.json")),
    ),
]
FILES = [case for case in CASES if case.format != "openpose"]
STREAMS = [case for case in CASES if case.name in ("lines", "coco", "csv")]


def named(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def made(case: Case, folder: Path, **options: object) -> RecordSink:
    return RecordTarget(str(folder / case.target), case.format).open(WriterOptions(**options))  # type: ignore[arg-type]


def size_of(path: Path) -> int:
    files = path.glob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


@named(CASES)
def test_everything_written_is_there_in_the_end(case: Case, tmp_path: Path) -> None:
    sink = made(case, tmp_path)
    assert isinstance(sink, Sink)
    sink.begin(HEADER)
    for result in results(7):
        sink.write(result)
    sink.close(complete=True, dropped=2)
    assert case.count(tmp_path / case.target) == 6


@named(CASES)
def test_every_frame_is_on_disk_when_write_returns(case: Case, tmp_path: Path) -> None:
    sink = made(case, tmp_path)
    sink.begin(HEADER)
    size = -1
    for number, result in enumerate(results(6)):
        sink.write(result)
        # Whole at any moment: a program that is killed now leaves what its reader can read.
        assert case.count(tmp_path / case.target) == sum(i % 3 for i in range(number + 1))
        if result.poses:
            assert size_of(tmp_path / case.target) > size
        size = size_of(tmp_path / case.target)
    sink.close(complete=False)


@named(CASES)
def test_nothing_is_left_of_a_sink_that_never_began(case: Case, tmp_path: Path) -> None:
    sink = made(case, tmp_path)
    sink.close(complete=False)
    assert list(tmp_path.iterdir()) == []


@named(CASES)
def test_a_run_without_frames_is_readable(case: Case, tmp_path: Path) -> None:
    sink = made(case, tmp_path)
    sink.begin(HEADER)
    sink.close(complete=True)
    assert case.count(tmp_path / case.target) == 0


@named(CASES)
def test_closing_again_is_no_harm(case: Case, tmp_path: Path) -> None:
    sink = made(case, tmp_path)
    sink.begin(HEADER)
    sink.write(results(2)[1])
    sink.close(complete=True)
    before = size_of(tmp_path / case.target)
    sink.close(complete=True)
    assert size_of(tmp_path / case.target) == before


@named(FILES)
def test_writing_before_the_header_is_a_mistake_of_the_program(case: Case, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="begin"):
        made(case, tmp_path).write(results()[0])


@named(CASES)
def test_what_exists_is_not_replaced_unless_asked(case: Case, tmp_path: Path) -> None:
    first = made(case, tmp_path)
    first.begin(HEADER)
    for result in results(7):
        first.write(result)
    first.close(complete=True)
    with pytest.raises(OutputError, match="--overwrite"):
        made(case, tmp_path)
    second = made(case, tmp_path, overwrite=True)
    assert case.count(tmp_path / case.target) == 6  # still there: weights may yet turn out to be wrong
    second.begin(HEADER)
    second.write(results(2)[1])
    second.close(complete=True)
    assert case.count(tmp_path / case.target) == 1


@named(FILES)
def test_a_folder_that_is_missing_or_in_the_way_is_said(case: Case, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no folder"):
        made(case, tmp_path / "missing")
    (tmp_path / case.target).mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        made(case, tmp_path, overwrite=True)


def test_openpose_makes_its_folder_and_says_when_it_cannot(tmp_path: Path) -> None:
    sink = RecordTarget(str(tmp_path / "a" / "b"), "openpose").open()
    assert list(tmp_path.iterdir()) == []
    sink.begin(HEADER)
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cannot write"):
        RecordTarget(str(tmp_path / "file" / "out"), "openpose").open()


@named(FILES)
def test_a_full_disk_is_said_and_what_is_written_stays_whole(case: Case, tmp_path: Path) -> None:
    """A file size limit, which the system answers as it does a full disk: in the middle of a write."""
    code = f"""
        import resource, sys
        from tests.records.test_sinks import HEADER, RecordTarget, results
        from shufflecam.core.errors import OutputError
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        sink = RecordTarget({str(tmp_path / case.target)!r}, {case.format!r}).open()
        sink.begin(HEADER)
        written = 0
        try:
            for result in results(1000):
                sink.write(result)
                written += len(result.poses)
        except OutputError as error:
            print(written, error)
        sink.close(complete=False)
        """
    ran = python(code)
    written, _, message = ran.stdout.partition(" ")
    assert "Cannot write" in message, ran.stderr
    assert case.target in message
    assert ran.stderr == ""
    assert case.count(tmp_path / case.target) == int(written) > 0


@named(FILES)
def test_a_killed_program_leaves_what_it_wrote(case: Case, tmp_path: Path) -> None:
    code = f"""
        import sys
        from tests.records.test_sinks import HEADER, RecordTarget, results
        sink = RecordTarget({str(tmp_path / case.target)!r}, {case.format!r}).open()
        sink.begin(HEADER)
        for result in results(6):
            sink.write(result)
        print("written", flush=True)
        sys.stdin.read()
        """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
    assert case.count(tmp_path / case.target) == 6


@named(STREAMS)
def test_a_stream_gets_what_a_file_gets(case: Case, tmp_path: Path) -> None:
    stream = io.StringIO()
    sinks = [made(case, tmp_path), RecordTarget("-", case.format).open(stdout=stream)]
    for sink in sinks:
        sink.begin(HEADER)
        for result in results(5):
            sink.write(result)
        sink.close(complete=True)
    assert stream.getvalue() == (tmp_path / case.target).read_text()
    assert not stream.closed


@named(STREAMS)
def test_a_reader_that_goes_away_is_a_broken_pipe_unchanged(case: Case) -> None:
    """For the command line to end quietly; closing afterwards is quiet as well."""
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream:
        sink = RecordTarget("-", case.format).open(stdout=stream)
        sink.begin(HEADER)
        sink.write(results(2)[1])
        os.close(read)
        with pytest.raises(BrokenPipeError):
            sink.write(results(2)[1])
        sink.close(complete=False)
        # Python tries again to write what is left when a stream closes; that is for the command line.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def python(code: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


# The command line's targets.


@pytest.mark.parametrize(
    ("target", "format"),
    [
        ("a.jpg", "shufflecam"),
        ("b", "shufflecam"),
        ("a.csv", "shufflecam"),
        ("a.json.gz", "coco"),
        ("a.json", "csv"),
        ("a.jpg", "openpose"),
        ("a.json", "openpose"),
    ],
)
def test_a_picture_is_never_eaten(target: str, format: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="put --json last"):
        RecordTarget(target, format).check()
    with pytest.raises(UsageError):
        RecordTarget(str(tmp_path / target), format).open()
    assert list(tmp_path.iterdir()) == []


def test_a_format_that_does_not_exist_and_a_folder_on_standard_output() -> None:
    with pytest.raises(UsageError, match="shufflecam, coco, openpose, csv"):
        RecordTarget("-", "xml").check()
    with pytest.raises(UsageError, match="folder"):
        RecordTarget("-", "openpose").check()


@pytest.mark.parametrize(
    ("target", "format"),
    [
        ("-", "shufflecam"),
        ("-", "coco"),
        ("-", "csv"),
        ("a.JSON", "coco"),
        ("a.csv", "csv"),
        ("out", "openpose"),
    ],
)
def test_targets_that_can_be_meant(target: str, format: str) -> None:
    RecordTarget(target, format).check()


# JSON.


def test_json_lines_are_header_frames_footer() -> None:
    stream = io.StringIO()
    sink = JsonLinesSink(stream)
    sink.begin(HEADER)
    for result in results(4):
        sink.write(result)
    sink.close(complete=False, dropped=3)
    entries = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [entry["type"] for entry in entries] == ["header", *["frame"] * 4, "footer"]
    assert entries[0] == json.loads(json.dumps(HEADER))
    assert entries[-1] == {"type": "footer", "frames": 4, "dropped": 3, "complete": False}


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_what_is_missing_stands_in_the_footer_by_kind_and_nothing_is_complete_then(
    name: str, tmp_path: Path
) -> None:
    sink = RecordTarget(str(tmp_path / name)).open()
    sink.begin(HEADER)
    for result in results(2):
        sink.write(result)
    sink.close(complete=True, missing=Missing(undecodable=3, unmatched_boxes=1))
    saved = read_record(tmp_path / name)
    assert saved.footer() == {
        "type": "footer",
        "frames": 2,
        "dropped": 0,
        "complete": False,
        "missing": {"undecodable": 3, "unmatched_boxes": 1},
    }
    assert len(list(saved.results())) == 2
    assert str(summarize(saved).missing) == "3 undecodable, 1 unmatched box"


def test_the_document_is_one_object_with_a_frame_on_each_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    sink = JsonDocumentSink(path)
    sink.begin(HEADER)
    for result in results(3):
        sink.write(result)
    unfinished = json.loads(path.read_text())
    assert unfinished["footer"] == {"type": "footer", "frames": 3, "dropped": None, "complete": False}
    sink.close(complete=True, dropped=5)
    document = json.loads(path.read_text())
    assert list(document) == ["header", "frames", "footer"]
    assert document["footer"] == {"type": "footer", "frames": 3, "dropped": 5, "complete": True}
    lines = path.read_text().splitlines()
    assert [
        json.loads(line.rstrip(","))["frame"] for line in lines if line.startswith('{"type":"frame"')
    ] == [
        0,
        1,
        2,
    ]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_records_are_read_back(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    sink = RecordTarget(str(path)).open()
    sink.begin(HEADER)
    for result in results(4):
        sink.write(result)
    sink.close(complete=True)
    saved = read_record(path)
    assert saved.header == json.loads(json.dumps(HEADER))
    assert [frame["frame"] for frame in saved.frames()] == [0, 1, 2, 3]
    assert [len(to_poses(frame)) for frame in saved.frames()] == [0, 1, 2, 0]
    assert saved.footer() == {"type": "footer", "frames": 4, "dropped": 0, "complete": True}


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_frame_of_another_size_says_so_and_is_read_back(name: str, tmp_path: Path) -> None:
    sink = RecordTarget(str(tmp_path / name)).open()
    sink.begin(HEADER)
    for size in ((64, 48), (128, 96)):
        sink.write(result_of([], size=size))
    sink.close(complete=True)
    assert [one.frame.size for one in read_record(tmp_path / name).results()] == [(64, 48), (128, 96)]
    assert [frame.get("size") for frame in read_record(tmp_path / name).frames()] == [None, [128, 96]]


def test_a_record_cut_within_a_line_is_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    sink = RecordTarget(str(path)).open()
    sink.begin(HEADER)
    for result in results(4):
        sink.write(result)
    sink.close(complete=True)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4]) + lines[4][:10])
    saved = read_record(path)
    assert [frame["frame"] for frame in saved.frames()] == [0, 1, 2]
    assert saved.footer() is None
    path.write_bytes(lines[0] + b"{broken\n" + lines[2])
    with pytest.raises(SourceError, match="line 2"):
        list(read_record(path).frames())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello\n",
        b"[]",
        b"{}",
        b"null",
        b'{"type":"header","schema":"other/1"}\n',
        b'{"header":1,"frames":[],"footer":{}}',
        b'{"header":{},"frames":3,"footer":{}}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"type":' + b"[" * 100_000,
    ],
)
def test_what_is_no_record_is_one_clear_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.json"):
        read_record(path)


def test_a_record_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        read_record(tmp_path / "none.json")


def test_file_names_may_hold_anything(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 \xf0\x9f\x98\x80 \"'\n.jpg")
    for format, target in (("shufflecam", "a.jsonl"), ("csv", "a.csv")):
        sink = RecordTarget(str(tmp_path / target), format).open()
        sink.begin(PICTURES)
        sink.write(result_of([pose_of(figure(20, 45, 40))], file=name))
        sink.close(complete=True)
    assert next(read_record(tmp_path / "a.jsonl").frames())["file"] == name
    with (tmp_path / "a.csv").open(newline="", errors="surrogateescape", encoding="utf-8") as file:
        assert next(csv.DictReader(file))["file"] == name


# CSV.


def test_csv_is_long_and_its_missing_cells_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    sink = RecordTarget(str(path), "csv").open()
    sink.begin(HEADER)
    for result in results(3):
        sink.write(result)
    sink.close(complete=True)
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["frame", "time", "id", "keypoint", "x", "y", "score"]
    assert len(rows) == 1 + 3 * 17
    assert [row[3] for row in rows[1:18]] == list(COCO_17.keypoints)
    assert rows[1][:4] == ["1", "0.033333", "1", "nose"]
    assert [float(cell) for cell in rows[1][4:]] == [21.0, pytest.approx(45 - 0.93 * 40, abs=1e-3), 0.9]
    assert rows[5] == ["1", "0.033333", "1", "right_ear", "", "", ""]


def test_csv_of_pictures_says_which_and_without_tracking_has_no_id() -> None:
    stream = io.StringIO()
    sink = RecordTarget("-", "csv").open(stdout=stream)
    sink.begin(PICTURES)
    sink.write(result_of([pose_of(figure(20, 45, 40))], file="sub/a,b.jpg"))
    sink.close(complete=True)
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert {row["file"] for row in rows} == {"sub/a,b.jpg"}
    assert {row["id"] for row in rows} == {""}


# COCO.


def test_coco_results_are_flat() -> None:
    stream = io.StringIO()
    files = ("000000000139.jpg", "sub/COCO_val2014_000000000077.jpg", "deep/y 78.jpg")
    sink = RecordTarget("-", "coco").open(WriterOptions(image_ids=number_pictures(files)), stdout=stream)
    sink.begin(PICTURES)
    joints = figure(20, 45, 40)
    joints[4] = np.nan
    for file in files:
        sink.write(result_of([pose_of(joints)], file=file))
    sink.close(complete=True)
    entries = json.loads(stream.getvalue())
    assert [entry["image_id"] for entry in entries] == [139, 77, 78]
    assert set(entries[0]) == {"image_id", "category_id", "keypoints", "score"}
    assert entries[0]["category_id"] == 1
    assert len(entries[0]["keypoints"]) == 51
    assert entries[0]["keypoints"][12:15] == [0.0, 0.0, 0.0]
    assert entries[0]["keypoints"][0:3] == [20.0, pytest.approx(7.8), 0.9]
    assert entries[0]["score"] == pytest.approx(0.81)


def coco_of(target: Path, files: Sequence[str], **options: Any) -> CocoSink:
    sink = CocoSink(target, **options)
    sink.begin(PICTURES)
    for place, file in enumerate(files):
        people = [] if place == 1 else [pose_of(figure(20, 45, 40))]
        sink.write(result_of(people, file=file))
    sink.close(complete=True)
    return sink


AWKWARD = (
    "cam1_000001.jpg",
    "cam2_000001.jpg",
    "photo (1).jpg",
    "IMG_20240101_120000.jpg",
    "IMG_20240102_120000.jpg",
    "00012345678901234567890.jpg",
)


@pytest.mark.parametrize("ids", [number_pictures(AWKWARD), None])
def test_which_picture_an_id_is_stands_beside_coco_results(tmp_path: Path, ids: ImageIds | None) -> None:
    sink = coco_of(tmp_path / "out.json", AWKWARD, image_ids=ids)
    assert sink.paths == [tmp_path / "out.json", tmp_path / "out.names.json"]
    assert {entry["image_id"] for entry in json.loads(sink.paths[0].read_text())} == {1, 3, 4, 5, 6}
    images = json.loads(sink.paths[1].read_text())["images"]
    assert [(entry["id"], entry["file_name"]) for entry in images] == list(enumerate(AWKWARD, 1))
    assert all(entry["width"] > 1 and entry["height"] > 1 for entry in images)
    with pytest.raises(OutputError, match=r"out\.(names\.)?json exists"):
        CocoSink(tmp_path / "out.json", image_ids=ids)
    (tmp_path / "out.json").unlink()
    with pytest.raises(OutputError, match=r"out\.names\.json exists"):
        coco_of(tmp_path / "out.json", AWKWARD, image_ids=ids)


def test_coco_results_say_the_names_themselves_where_nothing_is_beside() -> None:
    stream = io.StringIO()
    coco_of(stream, AWKWARD, image_ids=number_pictures(AWKWARD))  # type: ignore[arg-type]
    entries = json.loads(stream.getvalue())
    assert {entry["image_id"]: entry["file_name"] for entry in entries} == {
        number: name for number, name in enumerate(AWKWARD, 1) if number != 2
    }


def test_annotated_pictures_need_no_map_and_videos_have_none(tmp_path: Path) -> None:
    ids = number_pictures(["a.jpg", "b.jpg"], {"a.jpg": 5, "b.jpg": 3})
    assert coco_of(tmp_path / "a.json", ["a.jpg", "b.jpg"], image_ids=ids).paths == [tmp_path / "a.json"]
    sink = RecordTarget(str(tmp_path / "v.json"), "coco").open()
    sink.begin(HEADER)
    sink.write(result_of([pose_of(figure(20, 45, 40))], 7))
    sink.close(complete=True)
    assert json.loads((tmp_path / "v.json").read_text())[0]["image_id"] == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "v.json"]


def test_pycocotools_loads_it(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    path = tmp_path / "results.json"
    sink = RecordTarget(str(path), "coco").open()
    sink.begin(PICTURES)
    for number in (1, 2):
        sink.write(result_of([pose_of(figure(20, 45, 40))], file=f"{number}.jpg"))
    sink.close(complete=True)
    truth = coco.COCO()
    truth.dataset = {"images": [{"id": 1}, {"id": 2}], "categories": [{"id": 1}], "annotations": []}
    truth.createIndex()
    assert len(truth.loadRes(str(path)).anns) == 2


# OpenPose.


def test_openpose_has_a_file_for_every_frame(tmp_path: Path) -> None:
    sink = RecordTarget(str(tmp_path), "openpose").open()
    sink.begin(HEADER)
    for result in results(3):
        sink.write(result)
    sink.close(complete=True)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"walk_{index:012d}_keypoints.json" for index in range(3)]
    document = json.loads((tmp_path / names[2]).read_text())
    assert document["version"] == 1.3
    first = document["people"][0]
    assert first["person_id"] == [1]
    assert len(first["pose_keypoints_2d"]) == 51
    assert first["pose_keypoints_2d"][12:15] == [0, 0, 0]
    assert first["face_keypoints_2d"] == []
    assert json.loads((tmp_path / names[0]).read_text())["people"] == []


def test_openpose_without_tracking_and_of_pictures_and_cameras(tmp_path: Path) -> None:
    sink = RecordTarget(str(tmp_path / "pictures"), "openpose").open()
    sink.begin(PICTURES)
    sink.write(result_of([pose_of(figure(20, 45, 40))], 0, file="sub/a.b.jpg"))
    sink.close(complete=True)
    path = tmp_path / "pictures" / "a.b_000000000000_keypoints.json"
    assert json.loads(path.read_text())["people"][0]["person_id"] == [-1]
    sink = RecordTarget(str(tmp_path / "camera"), "openpose").open()
    camera = {**HEADER, "source": {**HEADER["source"], "kind": "camera", "path": "0"}}
    sink.begin(camera)
    sink.write(replace(results(1)[0]))
    assert [path.name for path in (tmp_path / "camera").iterdir()] == ["camera_000000000000_keypoints.json"]


@pytest.mark.parametrize("name", ["gap.jsonl", "gap.json"])
def test_a_gap_is_an_entry_of_its_own_that_readers_skip(tmp_path: Path, name: str) -> None:
    first, second, third = results()
    gap = Gap(0.0333, 4.2, "The camera is gone.")
    second = replace(second, frame=replace(second.frame, gap=gap))
    sink = RecordTarget(str(tmp_path / name)).open()
    sink.begin(HEADER)
    for result in (first, second, third):
        sink.write(result)
    sink.close(complete=True)
    text = (tmp_path / name).read_text()
    lines = [json.loads(line) for line in text.splitlines()] if name == "gap.jsonl" else []
    entries = lines[1:-1] or json.loads(text)["frames"]
    assert [entry["type"] for entry in entries] == ["frame", "gap", "frame", "frame"]
    assert entries[1] == {"type": "gap", "from": 0.0333, "to": 4.2, "reason": "The camera is gone."}
    saved = read_record(tmp_path / name)
    assert [frame["frame"] for frame in saved.frames()] == [0, 1, 2]
    footer = saved.footer()
    assert footer is not None
    assert footer["frames"] == 3


# Joint angles.


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_header_that_promises_angles_gets_them(name: str, tmp_path: Path) -> None:
    pose = pose_of(figure(20, 45, 40), track_id=1)
    keypoints = pose.keypoints.copy()
    keypoints[COCO_17.keypoints.index("left_ankle")] = np.nan
    head = {**HEADER, "angles": list(ANGLES)}
    sink = RecordTarget(str(tmp_path / name)).open()
    sink.begin(head)
    sink.write(result_of([replace(pose, keypoints=keypoints)]))
    sink.close(complete=True)
    saved = read_record(tmp_path / name)
    (entry,) = saved.frames()
    angles = entry["people"][0]["angles"]
    assert tuple(angles) == ANGLES
    assert angles["left_knee"] is None
    expected = joint_angles(keypoints, COCO_17.keypoints)
    assert angles["right_knee"] == pytest.approx(expected["right_knee"], abs=0.02)
    assert angles["trunk_lean"] == pytest.approx(0, abs=0.5)
    # What was read is written again unchanged, angles too.
    again = RecordTarget(str(tmp_path / f"again-{name}")).open()
    again.begin(saved.header)
    for result in saved.results():
        again.write(result)
    again.close(complete=True)
    assert (tmp_path / f"again-{name}").read_bytes() == (tmp_path / name).read_bytes()


def test_angles_are_columns_of_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    sink = RecordTarget(str(path), "csv").open()
    sink.begin({**HEADER, "angles": list(ANGLES)})
    sink.write(result_of([pose_of(figure(20, 45, 40), track_id=1)]))
    sink.close(complete=True)
    rows = list(csv.DictReader(path.open()))
    assert len(rows) == 17
    (angle,) = {float(row["right_knee"]) for row in rows}
    assert angle == pytest.approx(joint_angles(figure(20, 45, 40), COCO_17.keypoints)["right_knee"], abs=0.02)
