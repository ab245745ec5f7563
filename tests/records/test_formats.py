"""The table of formats, and where a record goes."""

from __future__ import annotations

import json
import pickle
from dataclasses import fields, replace
from pathlib import Path
from typing import get_args

import pytest

from shufflecam.core.errors import UsageError
from shufflecam.core.types import FrameResult
from shufflecam.records.formats import FORMATS, OWN, RecordFormat, convertible_formats, implied_formats
from shufflecam.records.open import RecordTarget, read_record
from shufflecam.records.sink import Extra, WriterOptions
from tests.helpers.people import figure, pose_of, result_of
from tests.records.test_sinks import HEADER


def results() -> list[FrameResult]:
    """Six frames with 0, 1, 2, 0, 1, 2 people."""
    people = [pose_of(figure(20 + 20 * number, 45, 40), track_id=number + 1) for number in range(2)]
    return [result_of(people[: index % 3], index, index / 30, size=(64, 48)) for index in range(6)]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A record of `results`."""
    path = tmp_path / "saved.jsonl"
    sink = RecordTarget(str(path)).open()
    sink.begin(HEADER)
    for result in results():
        sink.write(result)
    sink.close(complete=True)
    return path


def test_every_entry_fits_its_writer(saved: Path, tmp_path: Path) -> None:
    for name, entry in FORMATS.items():
        if name == "parquet":
            pytest.importorskip("pyarrow")
        assert name == entry.name
        assert entry.usual_ending in (entry.endings or ("",))
        assert set(entry.takes) <= set(get_args(Extra)) <= {field.name for field in fields(WriterOptions)}
        target = tmp_path / f"out-{name}{entry.usual_ending}"
        sink = entry.open_writer(target, WriterOptions(saved=read_record(saved)))
        assert not target.exists()
        sink.begin(HEADER)
        for result in results():
            sink.write(result)
        sink.close(complete=True)
        written = [Path(path) for path in getattr(sink, "paths", [target])]
        assert all(path.is_dir() == entry.is_folder for path in written)
        assert {path.suffix for path in written} == {entry.usual_ending}


def test_what_an_ending_means_is_never_ambiguous() -> None:
    for ending, entry in implied_formats().items():
        assert ending == entry.usual_ending
        assert [other.name for other in FORMATS.values() if other.implied and ending in other.endings] == [
            entry.name
        ]
    assert {entry.name for entry in convertible_formats()} == set(FORMATS)


def test_a_target_goes_to_workers_and_says_what_is_wrong_before_anything_is_opened(tmp_path: Path) -> None:
    target = RecordTarget(str(tmp_path / "a.csv"), "csv", angles=True)
    target.check()
    assert pickle.loads(pickle.dumps(target)) == target
    with pytest.raises(UsageError, match=r"--format coco has no place for --angles; use shufflecam or csv\."):
        replace(target, format="coco").check()
    with pytest.raises(UsageError, match=r"--angles adds to what --json writes; add --json FILE\."):
        replace(target, path=None).check()
    with pytest.raises(UsageError, match=r"--format csv says what --json writes; add --json FILE\."):
        RecordTarget(None, "csv").check()
    with pytest.raises(UsageError, match="choose one of shufflecam, coco, openpose, csv"):
        RecordTarget("a.trc", "trc").check()
    with pytest.raises(UsageError, match="give --json a folder"):
        replace(target, path="a.csv").check_folder()
    with pytest.raises(UsageError, match=r"--angles goes into shufflecam, csv and parquet; "):
        RecordTarget("a.trc", "trc", angles=True).check_conversion()
    with pytest.raises(UsageError, match=r"--format trc cannot go to standard output; add --out\."):
        RecordTarget("-", "trc").check_conversion()
    with pytest.raises(ValueError, match="no record"):
        RecordTarget().open()
    assert list(tmp_path.iterdir()) == []


def test_a_format_of_ones_own_is_written_by_a_conversion(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shufflecam.core.reporting import Quiet
    from shufflecam.jobs.convert import ConvertJob, convert

    tiny = RecordFormat("tiny", "Tiny", "tests.helpers.tiny_people", (".tiny",), ".tiny")
    monkeypatch.setitem(FORMATS, "tiny", tiny)
    out = tmp_path / "out.tiny"
    done = convert(ConvertJob(saved, RecordTarget(str(out), "tiny")), Quiet())
    assert (done.frames, done.people, done.words) == (6, 6, "raw keypoints")
    assert out.read_text().split() == ["0", "1", "2", "0", "1", "2", "complete"]
    with pytest.raises(UsageError, match=r"--format tiny writes a file that ends in \.tiny\."):
        convert(ConvertJob(saved, RecordTarget(str(tmp_path / "out.csv"), "tiny")), Quiet())


def test_the_own_format_is_the_default_and_is_read_again(saved: Path) -> None:
    assert RecordTarget().format == OWN
    assert FORMATS[OWN].keypoints == "both"
    assert [len(frame["people"]) for frame in read_record(saved).frames()] == [0, 1, 2, 0, 1, 2]
    assert json.loads(saved.read_text().splitlines()[-1])["complete"] is True
