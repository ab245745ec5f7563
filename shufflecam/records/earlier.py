"""What an earlier run left in a record in lines, which a later run continues."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from shufflecam.core.errors import SourceError
from shufflecam.core.reasons import reason
from shufflecam.core.text import encoding_of, same_form
from shufflecam.records import schema as record


@dataclass(frozen=True)
class EarlierLines:
    """The content of a `.jsonl` record of pictures that an earlier run left."""

    header: record.Record
    files: frozenset[str]
    """The pictures with complete lines, in the composed Unicode form (`core.text.same_form`)."""
    frames: int
    end: int
    """Offset in bytes of the end of the last complete line of a frame."""


def read_earlier_lines(path: Path) -> EarlierLines | None:
    """Read what is to be continued; None where there is no file or no complete line in it.

    Raises:
        SourceError: the file is no record that can be continued.
    """
    if not path.exists():
        return None
    header, files, frames, end = None, set(), 0, 0
    try:
        with path.open("rb") as lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                except ValueError:
                    break  # the program was killed within this line
                kind = entry.get("type") if isinstance(entry, dict) else None
                if header is None:
                    if kind != "header" or entry.get("schema") != record.SCHEMA:
                        break
                    header = entry
                elif kind == "frame" and line.endswith(b"\n"):
                    files.add(same_form(str(entry.get("file"))))
                    frames += 1
                else:
                    break
                end += len(line)
    except OSError as error:
        raise SourceError(f"Cannot read {path}: {reason(error)}.") from error
    if header is None:
        if path.stat().st_size == 0:
            return None
        with path.open("rb") as lines:
            encoding, _ = encoding_of(lines.read(64))
        if encoding != "utf-8":
            raise SourceError(
                f"{path} is text in {encoding.upper()}, which cannot be gone on with; save it as UTF-8, or "
                "give another --json."
            )
        raise SourceError(f"{path} is no record of shufflecam's that could be gone on with; remove it first.")
    return EarlierLines(header, frozenset(files), frames, end)
