"""Writes the results of an evaluation to a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shufflecam.core.errors import OutputError, UsageError
from shufflecam.core.reasons import reason


def check_results(target: Path | None, overwrite: bool) -> None:
    """Check that the results can be written, before any work. Raises UsageError or OutputError."""
    from shufflecam.core.files import check_writable

    if target is None:
        return
    if target.suffix != ".json":
        raise UsageError(f"--json {target} must end in .json: pycocotools loads one JSON array.")
    check_writable(target, overwrite)


def write_results(target: Path | None, results: list[dict[str, Any]], category_id: int) -> None:
    """Write the array, if requested, with the annotations' category id of people. Raises OutputError."""
    if target is None:
        return
    entries = [{**result, "category_id": category_id} for result in results]
    try:
        target.write_text(json.dumps(entries), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"Cannot write {target}: {reason(error)}.") from error
