"""Recordings and snapshots under new names."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from shufflecam.core.errors import OutputError
from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import SourceInfo
from shufflecam.live.saving import Recorder, fresh_path, save_snapshot
from shufflecam.records import schema as record
from shufflecam.records.open import read_record
from shufflecam.sources import open_video
from tests.helpers.people import figure, pose_of, result_of

PICTURE = np.full((48, 64, 3), 90, np.uint8)
HEADER = record.header(
    SourceInfo("0", "camera", (64, 48)),
    model={"name": "m", "sha256": "0", "input_size": [1, 1]},
    detector={},
    skeleton=COCO_17,
    version="0",
)


def times_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


def test_names_are_new(tmp_path: Path) -> None:
    now = datetime(2026, 11, 23, 18, 45, 1)
    first = fresh_path(tmp_path, ".mp4", now)
    assert first.name == "shufflecam-20261123-184501.mp4"
    first.touch()
    assert fresh_path(tmp_path, ".mp4", now).name == "shufflecam-20261123-184501-2.mp4"


def test_each_recording_is_a_file_of_its_own_at_true_speed(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, size=(64, 48), rate=Fraction(30))
    said = []
    for number, wanted in enumerate([False, True, True, False, *[True] * 6]):
        said.append(recorder.write(PICTURE, result_of([], time_s=20 + number / 4), wanted=wanted))
        assert (recorder.recorded_s is not None) is wanted
    assert recorder.recorded_s == pytest.approx(1.25)
    recorder.close(complete=True)
    assert len(recorder.files) == len(set(recorder.files)) == 2
    assert [text for text in said if text] == [f"recorded {recorder.files[0]}"]
    np.testing.assert_allclose(times_of(recorder.files[0]), [0, 0.25], atol=1e-3)
    np.testing.assert_allclose(times_of(recorder.files[1]), np.arange(6) / 4, atol=1e-3)


def test_a_recording_by_name_has_the_record_s_times(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, first=tmp_path / "named.mp4", size=(64, 48))
    for number in range(6):
        recorder.write(PICTURE, result_of([], time_s=1 + number / 4), wanted=True)
    assert recorder.stop() == f"recorded {tmp_path / 'named.mp4'}"
    recorder.write(PICTURE, result_of([], time_s=9), wanted=True)
    recorder.close(complete=True)
    np.testing.assert_allclose(times_of(tmp_path / "named.mp4"), 1 + np.arange(6) / 4, atol=1e-3)
    assert recorder.files[1].name != "named.mp4"


def test_a_recording_that_fails_ends_itself_and_is_not_forgotten(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "none", size=(64, 48))
    said = recorder.write(PICTURE, result_of([]), wanted=True)
    assert "there is no folder" in said
    assert recorder.recorded_s is None
    with pytest.raises(OutputError, match="there is no folder"):
        recorder.close(complete=True)


def test_a_snapshot_is_a_picture_and_its_record(tmp_path: Path) -> None:
    result = result_of([pose_of(figure(30, 40, 30), track_id=2)], index=7, time_s=0.25, latency_s=0.1)
    path = save_snapshot(tmp_path, PICTURE, result, HEADER)
    np.testing.assert_array_equal(cv2.imread(str(path)), PICTURE)
    saved = read_record(path.with_suffix(".json"))
    (frame,) = saved.frames()
    assert (frame["frame"], frame["time"], frame["people"][0]["id"]) == (7, 0.25, 2)
    assert saved.footer() == {"type": "footer", "frames": 1, "dropped": 0, "complete": True}
    assert save_snapshot(tmp_path, PICTURE, result, HEADER) != path


def test_a_snapshot_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="--save-to"):
        save_snapshot(tmp_path / "none", PICTURE, result_of([]), HEADER)


def test_recordings_keep_the_shape_of_the_pixels(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, size=(64, 48), pixel_aspect=64 / 45, first=tmp_path / "first.mp4")
    result = result_of([])
    result = replace(result, frame=replace(result.frame, pixel_aspect=64 / 45))
    for wanted in (True, False, True):
        recorder.write(PICTURE, result, wanted=wanted)
    recorder.close(complete=True)
    assert len(recorder.files) == 2
    for path in recorder.files:
        source = open_video(path)
        assert source.encoding_hints()["sample_aspect"] == Fraction(64, 45)
        assert source.info.size == (64, 48)
