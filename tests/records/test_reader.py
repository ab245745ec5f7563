"""Records read back: every frame of what is whole, one sentence where something is not."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shufflecam.core.errors import SourceError
from shufflecam.core.skeleton import COCO_17, MPII_16
from shufflecam.core.types import FrameResult, Gap, Pose, SourceInfo
from shufflecam.records import entries
from shufflecam.records import schema as record
from shufflecam.records.open import RecordTarget, read_record
from shufflecam.records.sink import WriterOptions
from tests.helpers.people import figure, pose_of, result_of

SIZE = (320, 240)


def header(skeleton: Any = COCO_17) -> record.Record:
    info = SourceInfo("clip.mp4", "video", SIZE, None, 3)
    return record.header(info, model={"name": "m"}, detector={}, skeleton=skeleton, version="0")


def write(path: Path, results: list[FrameResult], head: record.Record | None = None) -> Path:
    sink = RecordTarget(str(path)).open(WriterOptions(overwrite=True))
    sink.begin(head or header())
    for result in results:
        sink.write(result)
    sink.close(complete=True, dropped=2)
    return path


def some_results(count: int = 4) -> list[FrameResult]:
    return [
        result_of([pose_of(figure(100 + i, 200, 150), track_id=1)][: i % 3], i, i / 10, size=SIZE)
        for i in range(count)
    ]


pixels = st.floats(-5000, 5000, width=32)
names = st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=12))


@st.composite
def poses(draw: st.DrawFn, joints: int) -> Pose:
    keypoints = draw(arrays(np.float32, (joints, 2), elements=st.one_of(pixels, st.just(np.nan))))
    smoothed = draw(st.one_of(st.none(), arrays(np.float32, (joints, 2), elements=pixels)))
    score = st.floats(0, 1, width=32)
    return Pose(
        box_xyxy=draw(arrays(np.float32, 4, elements=pixels)),
        box_score=draw(st.one_of(score, st.just(float("nan")))),
        keypoints=keypoints,
        scores=draw(arrays(np.float32, joints, elements=score)),
        score=draw(score),
        track_id=draw(st.one_of(st.none(), st.integers(0, 10**6))),
        keypoints_smoothed=smoothed,
    )


@st.composite
def results_of(draw: st.DrawFn, joints: int) -> list[FrameResult]:
    times = sorted(draw(st.lists(st.floats(0, 1e5), max_size=4)))
    made = []
    for index, time in enumerate(times):
        people = draw(st.lists(poses(joints), max_size=2))
        latency = draw(st.one_of(st.none(), st.floats(0, 10)))
        result = result_of(people, index, time, size=SIZE, file=draw(names), latency_s=latency)
        gap = draw(
            st.one_of(st.none(), st.builds(Gap, st.floats(0, 9), st.floats(0, 9), st.text(max_size=9)))
        )
        made.append(replace(result, frame=replace(result.frame, gap=gap)))
    return made


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@pytest.mark.parametrize("skeleton", [COCO_17, MPII_16], ids=lambda skeleton: skeleton.name)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_read_is_written_again_unchanged(
    name: str, skeleton: Any, tmp_path: Path, data: st.DataObject
) -> None:
    results = data.draw(results_of(len(skeleton.keypoints)))
    path = write(tmp_path / name, results, header(skeleton))
    saved = read_record(path)
    assert saved.skeleton is skeleton
    assert saved.size == SIZE
    again = list(saved.results())
    assert len(again) == len(results)
    for one, other in zip(again, results, strict=True):
        assert [*record.events(one), record.frame(one)] == [*record.events(other), record.frame(other)]
        assert one.frame.size == SIZE
    footer = saved.footer()
    assert footer == record.footer(len(results), 2, True)
    assert write(tmp_path / f"again-{name}", again, saved.header).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1))
def test_a_record_cut_anywhere_is_read_up_to_there(name: str, share: float, tmp_path: Path) -> None:
    whole = write(tmp_path / name, some_results(6)).read_bytes()
    cut = whole[: round(len(whole) * share)].rstrip()
    path = tmp_path / f"cut-{name}"
    path.write_bytes(cut)
    if len(cut) < len(whole.splitlines()[0]):
        try:
            saved = read_record(path)
        except SourceError as error:
            assert "does not begin with a shufflecam/1 header" in str(error)  # noqa: PT017 - either may be
            return
    saved = read_record(path)
    said: list[str] = []
    frames = [frame["frame"] for frame in saved.frames(on_cut=said.append)]
    assert frames == list(range(cut.count(b'"type":"frame"')))[: len(frames)]
    assert len(frames) >= cut.count(b'"type":"frame"') - 1
    if cut != whole.rstrip():
        assert len(said) == 1
        said_so = "1 whole frame was" if len(frames) == 1 else f"{len(frames)} whole frames were"
        assert f"its {said_so} read" in said[0]
    else:
        assert not said


def test_a_document_may_be_written_in_any_order_and_with_any_space(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", some_results())
    document = json.loads(path.read_text())
    for text in (
        json.dumps(document, indent=2),
        json.dumps(document, sort_keys=True),
        json.dumps({"more": [1, 2.5], **document, "other": {"frames": 3}}),
        "\ufeff" + json.dumps(document),
    ):
        path.write_text(text, encoding="utf-8")
        saved = read_record(path)
        assert [frame["frame"] for frame in saved.frames()] == [0, 1, 2, 3]
        assert saved.footer() == document["footer"]


def test_lines_of_an_unknown_type_and_empty_ones_are_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", some_results())
    lines = path.read_text().splitlines()
    lines[2:2] = ['{"type":"weather","rain":true}', "", '{"no":"type"}']
    path.write_text("\n".join(lines) + "\n")
    assert [result.frame.index for result in read_record(path).results()] == [0, 1, 2, 3]


def test_a_long_document_is_read_in_small_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.json", some_results(60))
    monkeypatch.setattr(entries, "_CHUNK", 512)
    largest = 0
    real = io.TextIOWrapper.read

    class Counting(entries._Values):
        def value(self) -> Any:
            nonlocal largest
            found = super().value()
            largest = max(largest, len(self._text))
            return found

    monkeypatch.setattr(entries, "_Values", Counting)
    assert len(list(read_record(path).results())) == 60
    longest = max(len(line) for line in path.read_text().splitlines())
    assert 0 < largest < 4 * longest < path.stat().st_size
    assert io.TextIOWrapper.read is real


def person(**changes: Any) -> dict[str, Any]:
    one = record.person(pose_of(figure(100, 200, 150), track_id=1))
    return {key: value for key, value in {**one, **changes}.items() if value != "absent"}


def frame(**changes: Any) -> dict[str, Any]:
    entry = {"type": "frame", "frame": 0, "time": 0.0, "people": [person()]}
    return {key: value for key, value in {**entry, **changes}.items() if value != "absent"}


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (frame(people="absent"), "people"),
        (frame(people=3), "does not follow"),
        (frame(time="absent"), "the time None"),
        (frame(time="soon"), "the time 'soon'"),
        (frame(time=float("inf")), "the time inf"),
        (frame(frame=-1), "the number -1"),
        (frame(frame=1e300), "the number"),
        (frame(frame=True), "the number True"),
        (frame(people=[person(keypoints="absent")]), "keypoints"),
        (frame(people=[person(keypoints=[[1, 2, 3]])]), "1 keypoints, but the header names 17"),
        (frame(people=[person(keypoints=[[1]] * 17)]), "IndexError"),
        (frame(people=[person(box=[1, 2])]), "a box of 2 numbers"),
        (frame(people=[person(id="nobody")]), "nobody"),
        (frame(people=[person(id=10**30)]), "has the id"),
    ],
)
def test_what_a_frame_lacks_is_said(entry: dict[str, Any], says: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [])
    path.write_text(json.dumps(header()) + "\n" + json.dumps(entry) + "\n")
    with pytest.raises(SourceError, match=says) as error:
        list(read_record(path).results())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": "shufflecam/2"}, "'shufflecam/2', and this version reads shufflecam/1 only"),
        ({"skeleton": None}, "does not describe a skeleton"),
        ({"skeleton": {"keypoints": ["a"], "edges": [[0, 9]]}}, "edge"),
        ({"source": None}, "what it was made from"),
        ({"type": "footer"}, "does not begin with"),
    ],
)
def test_a_header_that_says_too_little(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({**header(), **change}) + "\n")
    with pytest.raises(SourceError, match=says):
        read_record(path)


def test_an_endless_line_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "LONGEST", 10_000)
    for name in ("a.jsonl", "a.json"):
        path = write(tmp_path / name, some_results())
        text = path.read_text()
        path.write_text(text[: text.rindex("\n", 0, -2) + 1] + "[" + "1," * 40_000)
        with pytest.raises(SourceError, match=r"longer than|not a record"):
            list(read_record(path).results())


@pytest.mark.parametrize("ending", ["jsonl", "json"])
def test_the_shape_of_the_pixels_comes_back(ending: str, tmp_path: Path) -> None:
    info = SourceInfo("clip.mp4", "video", SIZE, None, 3, pixel_aspect=64 / 45)
    sink = RecordTarget(str(tmp_path / f"a.{ending}")).open()
    sink.begin(record.header(info, model={}, detector={}, skeleton=COCO_17, version="0"))
    aspects = [64 / 45, 64 / 45, 16 / 15]
    for index, aspect in enumerate(aspects):
        result = result_of([], index, index / 10, size=SIZE)
        sink.write(replace(result, frame=replace(result.frame, pixel_aspect=aspect)))
    sink.close(complete=True)
    saved = read_record(tmp_path / f"a.{ending}")
    assert saved.pixel_aspect == 64 / 45
    assert [result.frame.pixel_aspect for result in saved.results()] == aspects


@pytest.mark.parametrize("told", ["0", "-1", "1000", '"wide"', "true", "[1, 2]"])
def test_pixels_that_cannot_be_are_refused(told: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    info = SourceInfo("clip.mp4", "video", SIZE, None, 3, pixel_aspect=2.0)
    header = record.header(info, model={}, detector={}, skeleton=COCO_17, version="0")
    path.write_text(json.dumps(header).replace('"pixel_aspect": 2.0', f'"pixel_aspect": {told}') + "\n")
    with pytest.raises(SourceError, match="pixels"):
        read_record(path)
    path.write_text(json.dumps(header).replace('"pixel_aspect": 2.0', '"pixel_aspect": null') + "\n")
    assert read_record(path).pixel_aspect == 1.0
