from __future__ import annotations

from pathlib import Path

import pytest

from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import SourceInfo
from shufflecam.records import schema as record
from shufflecam.records.coverage import coverage, goes_on, untracked
from shufflecam.records.json import JsonLinesSink
from shufflecam.records.open import read_record
from shufflecam.records.summary import RecordSummary, summarize
from tests.helpers.people import figure, pose_of, result_of

RATE = 10


def summary(
    folder: Path,
    *people: tuple[int | None, float, range],
    times: list[float] | None = None,
    kind: str = "video",
) -> RecordSummary:
    """Of people (id, x, frames) in forty frames."""
    path = folder / "a.jsonl"
    sink = JsonLinesSink(path, overwrite=True)
    info = SourceInfo("clip.mp4", kind, (320, 240), None, 40)
    sink.begin(record.header(info, model={}, detector={}, skeleton=COCO_17, version="0"))
    for index in range(40):
        there = [pose_of(figure(x, 200, 100), track_id=number) for number, x, when in people if index in when]
        time = 0.0 if kind == "images" else index / RATE if times is None else times[index]
        sink.write(result_of(there, index, time, size=(320, 240)))
    sink.close(complete=True)
    return summarize(read_record(path))


def test_whoever_begins_where_a_person_ends_goes_on(tmp_path: Path) -> None:
    found = summary(
        tmp_path,
        (1, 100, range(0, 22)),
        (2, 250, range(0, 40)),
        (3, 240, range(23, 40)),
        (4, 105, range(24, 40)),
        (5, 100, range(36, 40)),
    )
    assert goes_on(found, 1) == 4  # nearest to where person 1 was; person 5 comes back too late
    assert goes_on(found, 2) is None
    said = coverage(found, 1)
    assert said.startswith("person 1 covers 55% of the record, 2.2 of 4.0 s (0.00 to 2.10 s)")
    assert said.endswith("person 4 goes on, from 2.40 s")
    assert coverage(found, 2) == "person 2 covers 100% of the record, 4.0 of 4.0 s (0.00 to 3.90 s)"


def test_nobody_goes_on_after_the_last(tmp_path: Path) -> None:
    found = summary(tmp_path, (1, 100, range(0, 20)), (2, 200, range(0, 10)))
    assert coverage(found, 1).endswith("; nobody begins where they end")


def test_time_counts_and_not_frames(tmp_path: Path) -> None:
    """Ten frames a second, and from the twentieth on one a second."""
    times = [i / 10 for i in range(20)] + [2.0 + i for i in range(20)]
    found = summary(tmp_path, (7, 100, range(20, 40)), times=times)
    assert found.people[7].seconds == pytest.approx(19 + 21 / 39)
    assert found.share(7) == pytest.approx((19 + 21 / 39) / (21 + 21 / 39))


def test_people_without_ids_are_not_kept_apart(tmp_path: Path) -> None:
    found = summary(tmp_path, (None, 100, range(0, 20)), (None, 200, range(10, 20)))
    assert "up to 2 people" in str(untracked(found))
    assert coverage(found, None) == "somebody is in 50% of the record, 2.0 of 4.0 s (0.00 to 1.90 s)"
    assert untracked(summary(tmp_path, (1, 100, range(40)), (2, 200, range(40)))) is None
    assert untracked(summary(tmp_path, (None, 100, range(40)))) is None


def test_pictures_have_no_time(tmp_path: Path) -> None:
    found = summary(tmp_path, (None, 100, range(10)), kind="images")
    assert coverage(found, None) == "somebody is in 25% of the record, 10 of 40 frames"
