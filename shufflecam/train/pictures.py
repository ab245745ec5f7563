"""Lists the pictures below folders."""

from __future__ import annotations

from pathlib import Path

from shufflecam.core.errors import SourceError


def pictures_below(*folders: Path) -> list[Path]:
    """Return every picture below the folders, sorted within each.

    Raises:
        SourceError: a folder is missing, or there are no pictures in any.
    """
    from shufflecam.sources.kinds import PICTURE_EXTENSIONS

    pictures: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise SourceError(f"There is no folder {folder}.")
        pictures += sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_EXTENSIONS)
    if not pictures:
        raise SourceError(f"There are no pictures below {', '.join(map(str, folders))}.")
    return pictures
