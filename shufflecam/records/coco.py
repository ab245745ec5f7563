"""COCO keypoint results: the flat array that pycocotools' `loadRes` reads, written frame by frame."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from shufflecam.core.files import TextFile, check_writable
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.types import Frame, FrameResult, Pose
from shufflecam.records import schema as record
from shufflecam.records.formats import LINES
from shufflecam.records.image_ids import IdsInTurn, ImageIds
from shufflecam.records.json import dumps
from shufflecam.records.sink import WriterOptions

PERSON_CATEGORY = 1


def open_writer(target: Path | TextIO, options: WriterOptions) -> CocoSink:
    """The writer, its target checked; see `records.formats`. An array on standard output, else as it ends."""
    lines = isinstance(target, Path) and target.suffix.lower() == LINES
    return CocoSink(target, overwrite=options.overwrite, image_ids=options.image_ids, lines=lines)


class CocoSink:
    """`[{"image_id", "category_id", "keypoints", "score"}, ...]`, one person a line.

    The keypoints are the raw ones, x, y, score for each; a missing one is 0, 0, 0, as in COCO.

    The format has no place for file names, so those of pictures go into a second file: `results.names.json`
    holds `{"images": [{"id", "file_name", "width", "height"}, ...]}`, with or without people, as in COCO's
    annotations. On standard output, which has no second file, an id that does not follow from the name comes
    with its `file_name` in each result, which pycocotools ignores. For videos `image_id` is the frame's
    number.
    """

    def __init__(
        self,
        target: Path | TextIO,
        *,
        overwrite: bool = False,
        image_ids: ImageIds | None = None,
        lines: bool = False,
    ) -> None:
        """Check the target.

        Args:
            target: a file, or a text stream (standard output).
            overwrite: whether the file may exist already.
            image_ids: of the pictures; None: they are numbered from 1 in the order of arrival.
            lines: JSON Lines, one result a line, instead of the array.
        """
        if isinstance(target, Path):
            check_writable(target, overwrite)
        # Where the annotations name all pictures, they already map the ids.
        annotated = image_ids is not None and image_ids.annotated == len(image_ids.names)
        self._names = _NamesFile(target) if isinstance(target, Path) and not annotated else None
        if self._names is not None and image_ids is not None:
            check_writable(self._names.path, overwrite)
        self._overwrite = overwrite
        self._target = target
        self._ids = IdsInTurn(image_ids)
        self._named = not isinstance(target, Path) and (image_ids is None or image_ids.numbered > 0)
        self._lines = lines
        self._text: TextFile | None = None
        self._people = 0

    @property
    def paths(self) -> list[Path]:
        """The files that are written; none on standard output."""
        if not isinstance(self._target, Path):
            return []
        return [self._target, *([] if self._names is None or not self._names.open else [self._names.path])]

    def begin(self, header: record.Record) -> None:
        """Open the target. COCO results have no header; `header` tells pictures from a video."""
        self._text = TextFile(self._target)
        if not self._lines:
            self._text.append("[", "\n]\n")
        if self._names is not None and header["source"]["kind"] == "images":
            check_writable(self._names.path, self._overwrite)
            self._names.begin()

    def write(self, result: FrameResult) -> None:
        """Write the people of one frame. Raises OutputError, or BrokenPipeError on standard output."""
        if self._text is None:
            raise RuntimeError("begin() comes before write()")
        name = result.frame.file
        number = int(result.frame.index) if name is None else self._ids.take(name)
        if self._names is not None and name is not None:
            self._names.write(number, result.frame)
        more = {"file_name": name} if self._named and name is not None else {}
        entries = [dumps(_entry(number, pose) | more) for pose in result.poses]
        if not entries:
            return
        if self._lines:
            self._text.append("".join(entry + "\n" for entry in entries))
        else:
            self._text.append(("," if self._people else "") + "\n" + ",\n".join(entries), "\n]\n")
        self._people += len(entries)

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """End the array. The format has no place for `complete`, `dropped` and `missing`."""
        try:
            if self._text is not None:
                self._text.close("" if self._lines else "\n]\n")
        finally:
            if self._names is not None:
                self._names.close()


class _NamesFile:
    """The file beside the results that maps ids to pictures, one a line; valid JSON at any moment."""

    def __init__(self, results: Path) -> None:
        self.path = results.with_suffix(".names.json")
        self.open = False
        self._text: TextFile | None = None
        self._pictures = 0

    def begin(self) -> None:
        """Open it. Raises OutputError."""
        self._text = TextFile(self.path)
        self.open = True
        self._text.append('{"images": [', "\n]}\n")

    def write(self, number: int, frame: Frame) -> None:
        """Write one picture. Raises OutputError."""
        if self._text is None:
            return
        width, height = frame.size
        entry = {"id": number, "file_name": frame.file, "width": int(width), "height": int(height)}
        self._text.append(("," if self._pictures else "") + "\n" + dumps(entry), "\n]}\n")
        self._pictures += 1

    def close(self) -> None:
        """End the document."""
        if self._text is not None:
            self._text.close("\n]}\n")


def _entry(number: int, pose: Pose) -> record.Record:
    person = record.person(pose)
    keypoints = [value or 0.0 for triple in person["keypoints"] for value in (triple or (0.0, 0.0, 0.0))]
    return {
        "image_id": number,
        "category_id": PERSON_CATEGORY,
        "keypoints": keypoints,
        "score": person["score"] or 0.0,
    }
