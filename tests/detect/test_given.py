"""Boxes from a file: used as written, or refused with entry and index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shufflecam.core.errors import UsageError
from shufflecam.core.protocols import PersonDetector
from shufflecam.core.types import Frame
from shufflecam.detect.given import GivenBoxes
from shufflecam.detect.whole import WholeFrame


def frame(index: int = 0, file: str | None = None, size: tuple[int, int] = (100, 80)) -> Frame:
    return Frame(np.zeros((size[1], size[0], 3), np.uint8), index, 0.0, file=file)


def write(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "boxes.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_boxes_are_used_as_written(tmp_path: Path) -> None:
    # Reaching past the picture, twice the same, small before large, more than twenty.
    boxes = [[-50.5, -10, 30, 20], [10, 10, 12, 12], [10, 10, 12, 12], [5, 5, 500, 400]] * 6
    detector = GivenBoxes.read(write(tmp_path, {"a.jpg": boxes}))
    assert isinstance(detector, PersonDetector)
    found = detector.detect(frame(file="a.jpg"))
    np.testing.assert_array_equal(found.boxes_xyxy, np.array(boxes, np.float32))
    assert found.boxes_xyxy.dtype == np.float32
    assert np.isnan(found.scores).all()
    assert found.scores.shape == (24,)


def test_keys(tmp_path: Path) -> None:
    detector = GivenBoxes.read(
        write(
            tmp_path, {"in/a.jpg": [[0, 0, 1, 1]], "a.jpg": [[0, 0, 2, 2]], "7": [[0, 0, 7, 7]], "b.jpg": []}
        )
    )

    def width(given: Frame) -> list[float]:
        return detector.detect(given).boxes_xyxy[:, 2].tolist()

    assert width(frame(7, "in/a.jpg")) == [1]
    assert width(frame(7, "other/a.jpg")) == [2]
    assert width(frame(7)) == [7]
    assert width(frame(8)) == []
    assert width(frame(7, "in/b.jpg")) == []
    assert width(frame(7, "in/c.jpg")) == []  # a picture is never found by its number


def test_what_was_given_cannot_be_changed_from_outside(tmp_path: Path) -> None:
    detector = GivenBoxes.read(write(tmp_path, {"0": [[0, 0, 1, 1]]}))
    detector.detect(frame()).boxes_xyxy[:] = 9
    assert detector.detect(frame()).boxes_xyxy.max() == 1


@pytest.mark.parametrize(
    "box",
    [
        [1, 2, 3],
        [1, 2, 3, 4, 5],
        [1, 2, 3, None],
        [1, 2, 3, "4"],
        [1, 2, 3, True],
        {"x": 1},
        7,
        [1, 2, 3, float("nan")],
        [1, 2, float("inf"), 4],
        [1, 2, 1, 4],
        [1, 2, 0, 4],
        [1, 4, 3, 4],
        [0, 0, 1e300, 1],
        [1e30, 0, 1.0000000001e30, 1],
        [0, 0, 10**400, 1],
    ],
)
def test_a_box_that_cannot_be_meant(tmp_path: Path, box: Any) -> None:
    path = write(tmp_path, {"fine.jpg": [[0, 0, 1, 1]], "bad.jpg": [[0, 0, 1, 1], box]})
    with pytest.raises(UsageError, match=r"boxes\.json, entry 'bad\.jpg', box 1: ") as caught:
        GivenBoxes.read(path)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("box", [[-5, 0, 0, 5], [0, -5, 5, -1], [100, 0, 120, 5], [0, 80, 5, 90]])
def test_a_box_wholly_outside(tmp_path: Path, box: list[float]) -> None:
    detector = GivenBoxes.read(write(tmp_path, {"a.jpg": [[0, 0, 1, 1], box]}))
    with pytest.raises(UsageError, match=r"entry 'a\.jpg', box 1: .*outside the picture of 100x80"):
        detector.detect(frame(file="a.jpg"))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "7",
        "null",
        '{"a": 7}',
        '{"a": {"0": [0, 0, 1, 1]}}',
        '{"a": null}',
        "[" * 100_000,
        "{'a': []}",
    ],
)
def test_not_a_boxes_file(tmp_path: Path, content: str) -> None:
    with pytest.raises(UsageError, match=r"boxes file .*boxes\.json"):
        GivenBoxes.read(write(tmp_path, content))


def test_an_entry_that_stands_there_twice(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'a\.jpg' stands there twice"):
        GivenBoxes.read(write(tmp_path, '{"a.jpg": [], "b.jpg": [], "a.jpg": [[0, 0, 1, 1]]}'))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        GivenBoxes.read(tmp_path / "none.json")
    with pytest.raises(UsageError, match="cannot be read"):
        GivenBoxes.read(tmp_path)
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UsageError, match="is not JSON"):
        GivenBoxes.read(tmp_path / "binary.json")


def test_the_whole_frame(tmp_path: Path) -> None:
    found = WholeFrame().detect(frame(size=(64, 48)))
    assert found.boxes_xyxy.tolist() == [[0, 0, 64, 48]]
    assert np.isnan(found.scores).all()
    assert isinstance(WholeFrame(), PersonDetector)


def test_keys_in_either_unicode_form(tmp_path: Path) -> None:
    composed, apart = "\u00dcbung.jpg", "U\u0308bung.jpg"
    for key, file in ((composed, apart), (apart, composed)):
        detector = GivenBoxes.read(write(tmp_path, {key: [[0, 0, 1, 1]]}))
        assert len(detector.detect(frame(file=f"in/{file}"))) == 1
        assert not detector.unmatched()
    with pytest.raises(UsageError, match="stands there twice"):
        GivenBoxes.read(write(tmp_path, {composed: [], apart: []}))


def test_keys_that_match_nothing(tmp_path: Path) -> None:
    keys = ("in/a.jpg", "a.jpg", "b.jpg", "typo.jpg", "5")
    detector = GivenBoxes.read(write(tmp_path, {key: [] for key in keys}))
    detector.detect(frame(file="in/a.jpg"))
    assert detector.unmatched() == ("b.jpg", "typo.jpg", "5")
    assert detector.unmatched(["there/b.jpg"]) == ("typo.jpg", "5"), "known, but broken or done before"
    assert "2 of its 5 keys are of no picture" in detector.complaint(("typo.jpg", "5"))

    keys = ("0", "3", "7", "8", "07", "frame_1")
    detector = GivenBoxes.read(write(tmp_path, {key: [] for key in keys}))
    for index in (0, 2, 4, 6):
        detector.detect(frame(index))
    assert detector.unmatched() == ("7", "8", "07", "frame_1"), "3 was left out by --step"
    assert detector.unmatched(whole=False) == ("07", "frame_1"), "7 and 8 may come behind the cut"
