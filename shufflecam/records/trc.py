"""TRC, the marker files of motion capture, as OpenSim and Pose2Sim read them: one file a person.

The format is three-dimensional, a camera's picture is not: X points right, Y up from the picture's lower
edge, Z is 0. Without a scale the unit is the pixel, named `px`, which OpenSim does not know: it requires
metres, and so a scale. Pixels are square, as high as those of the record.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from shufflecam.core.errors import OutputError, SourceError
from shufflecam.core.files import TextFile, check_writable
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.pixels import to_square
from shufflecam.core.types import FrameResult, Pose
from shufflecam.records import schema as record
from shufflecam.records.sink import WriterOptions
from shufflecam.records.summary import summarize

UNIT = "px"


def open_writer(target: Path, options: WriterOptions) -> TrcSink:
    """The writer, its targets checked; see `records.formats`. Its header needs figures of all frames."""
    if options.saved is None:
        raise ValueError("a .trc file is made from a saved record")
    found = summarize(options.saved)
    seconds = found.last_s - found.first_s
    return TrcSink(
        target,
        frames=found.frames,
        ids=[number for number in found.people if number is not None],
        rate=(found.frames - 1) / seconds if seconds > 0 else None,
        pixels_per_metre=options.pixels_per_metre,
        overwrite=options.overwrite,
    )


class TrcSink:
    """Writes `NAME_personID.trc` for each person, or `NAME.trc` itself for a single one.

    Every file has all frames of the record, so that people stay synchronous; frames without the person have
    `nan`, which OpenSim and pandas read as missing. The header requires the number of frames in advance.
    """

    def __init__(
        self,
        target: Path,
        *,
        frames: int,
        ids: list[int],
        rate: float | None = None,
        pixels_per_metre: float | None = None,
        overwrite: bool = False,
    ) -> None:
        """Check the targets.

        Args:
            target: ends in .trc.
            frames: how many will be written.
            ids: of the people; empty: there was no tracking, and the first person of each frame is taken.
            rate: frames per second, where the record's header has none.
            pixels_per_metre: the scale, of pixels counted downwards; None: pixels are written.
            overwrite: whether files may be replaced.

        Raises:
            OutputError: a file exists or cannot be written.
        """
        if len(ids) <= 1:
            self._targets: dict[int | None, Path] = {ids[0] if ids else None: target}
        else:
            self._targets = {number: target.with_name(f"{target.stem}_person{number}.trc") for number in ids}
        for path in self._targets.values():
            check_writable(path, overwrite)
        self._frames = frames
        self._rate = rate
        self._unit, self._scale = (UNIT, 1.0) if pixels_per_metre is None else ("m", 1 / pixels_per_metre)
        self._decimals = 3 if pixels_per_metre is None else 6
        self._files: dict[int | None, TextFile] = {}
        self._names: list[str] = []
        self._rows = 0

    @property
    def paths(self) -> list[Path]:
        """The files that are written."""
        return list(self._targets.values())

    def begin(self, header: record.Record) -> None:
        """Open the files and write their five header lines.

        Raises:
            SourceError: the record is of pictures, which have no times.
            OutputError: a file cannot be opened.
        """
        rate = header["source"].get("fps") or self._rate
        if header["source"].get("kind") == "images":
            raise SourceError("A record of pictures has no time, which a .trc file needs; use csv or coco.")
        self._names = [_marker(name) for name in header["skeleton"]["keypoints"]]
        shown = f"{float(rate):g}" if rate else "0"
        for number, path in self._targets.items():
            try:
                file = self._files[number] = TextFile(path)
            except OutputError:
                self.close(complete=False)
                raise
            columns = "\t".join(f"X{n}\tY{n}\tZ{n}" for n in range(1, len(self._names) + 1))
            file.append(
                f"PathFileType\t4\t(X/Y/Z)\t{path.name}\n"
                "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\t"
                "OrigNumFrames\n"
                f"{shown}\t{shown}\t{self._frames}\t{len(self._names)}\t{self._unit}\t{shown}\t1\t{self._frames}\n"
                "Frame#\tTime\t" + "\t\t\t".join(self._names) + "\t\t\n"
                f"\t\t{columns}\n\n"
            )

    def write(self, result: FrameResult) -> None:
        """Write one row to every file. Raises OutputError."""
        self._rows += 1
        height = result.frame.size[1]
        missing = [(math.nan, math.nan)] * len(self._names)
        for number, file in self._files.items():
            pose = _whose(result.poses, number)
            aspect = result.frame.pixel_aspect
            places = missing if pose is None else to_square(pose.drawn_keypoints, aspect).tolist()
            cells = [cell for x, y in places for cell in self._cells(x, y, height)]
            file.append(f"{self._rows}\t{result.frame.timestamp_s:.6f}\t" + "\t".join(cells) + "\n")

    def _cells(self, x: float, y: float, height: int) -> tuple[str, str, str]:
        if not (math.isfinite(x) and math.isfinite(y)):
            return "nan", "nan", "nan"
        x, y = x * self._scale, (height - y) * self._scale
        return f"{x:.{self._decimals}f}", f"{y:.{self._decimals}f}", f"{0:.{self._decimals}f}"

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()


def _marker(name: str) -> str:
    """`left_knee` -> `LKnee`, as in OpenSim's marker sets for such keypoints; `nose` -> `Nose`."""
    words = name.split("_")
    side = {"left": "L", "right": "R"}.get(words[0])
    rest = words[1:] if side else words
    marker = (side or "") + "".join(word.capitalize() for word in rest)
    return re.sub(r"\s", "", marker)


def _whose(poses: tuple[Pose, ...], number: int | None) -> Pose | None:
    if number is None:
        return poses[0] if poses else None
    return next((pose for pose in poses if pose.track_id == number), None)
