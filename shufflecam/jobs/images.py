"""Pictures: drawn, and their record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from shufflecam.core.errors import UsageError

if TYPE_CHECKING:
    from shufflecam.records.json import EarlierLines
    from shufflecam.sources.paths import PicturePath


def _earlier_run(
    out: Path | None, json_target: str | None, record_format: str
) -> tuple[EarlierLines | None, Callable[[PicturePath], bool]]:
    """What an earlier run left, and whether it left all of a picture's outputs.

    A picture is written under another name first, so what is there is whole.

    Raises:
        UsageError: the record is of a kind that cannot be gone on with.
    """
    from shufflecam.core.text import same_form
    from shufflecam.media.pictures import output_name
    from shufflecam.records.json import read_earlier_lines

    earlier = None
    if json_target is not None:
        if record_format != "shufflecam" or not json_target.endswith(".jsonl"):
            raise UsageError("--skip-existing goes on with a record in lines; give --json FILE.jsonl.")
        earlier = read_earlier_lines(Path(json_target))

    def is_done(picture: PicturePath) -> bool:
        recorded = json_target is None or (earlier is not None and same_form(picture.name) in earlier.files)
        return recorded and (out is None or (out / output_name(picture.name)).is_file())

    return earlier, is_done
