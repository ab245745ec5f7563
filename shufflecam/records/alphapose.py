"""AlphaPose's results file: one flat array, one entry a person, as its demo writes it."""

from __future__ import annotations

from pathlib import Path

from shufflecam.core.files import TextFile, check_writable
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.types import FrameResult
from shufflecam.records import schema as record
from shufflecam.records.json import dumps
from shufflecam.records.sink import WriterOptions


def open_writer(target: Path, options: WriterOptions) -> AlphaPoseSink:
    """The writer, its target checked; see `records.formats`."""
    return AlphaPoseSink(target, overwrite=options.overwrite)


class AlphaPoseSink:
    """`[{"image_id": "12.jpg", "category_id": 1, "keypoints": [x, y, score, ...], "score", "box", "idx"}]`.

    `image_id` is the picture's name, or the frame's number with `.jpg`; `box` is x, y, width, height; `idx`
    is the id, or without tracking the person's index in the frame. A missing keypoint is 0, 0, 0.
    """

    def __init__(self, target: Path, *, overwrite: bool = False) -> None:
        """Check the target. Raises OutputError."""
        check_writable(target, overwrite)
        self._target = target
        self._text: TextFile | None = None
        self._people = 0

    def begin(self, header: record.Record) -> None:
        """Open the file; the format has no header."""
        self._text = TextFile(self._target)
        self._text.append("[", "\n]\n")

    def write(self, result: FrameResult) -> None:
        """Write the people of one frame. Raises OutputError."""
        if self._text is None:
            raise RuntimeError("begin() comes before write()")
        name = result.frame.file or f"{result.frame.index}.jpg"
        for place, pose in enumerate(result.poses):
            person = record.person(pose)
            x1, y1, x2, y2 = (float(value) for value in pose.box_xyxy)
            entry = {
                "image_id": name,
                "category_id": 1,
                "keypoints": [
                    v or 0.0 for triple in person["keypoints"] for v in (triple or (0.0, 0.0, 0.0))
                ],
                "score": person["score"] or 0.0,
                "box": [round(value, 3) for value in (x1, y1, x2 - x1, y2 - y1)],
                "idx": place if pose.track_id is None else pose.track_id,
            }
            self._text.append(("," if self._people else "") + "\n" + dumps(entry), "\n]\n")
            self._people += 1

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """End the array."""
        if self._text is not None:
            self._text.close("\n]\n")
