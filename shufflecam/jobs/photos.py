"""Photos of people shipped with a dependency."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflecam.core.errors import SourceError

if TYPE_CHECKING:
    from shufflecam.core.types import ImageArray


PEOPLE: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "bus.jpg": ((50, 398, 245, 903), (223, 405, 345, 862), (669, 385, 810, 880), (0, 550, 65, 875)),
    "zidane.jpg": ((748, 40, 1148, 712), (140, 195, 1110, 712)),
}
"""People in the photos of the installed ultralytics package: boxes (x1, y1, x2, y2), annotated by eye."""


def photo_path(name: str) -> Path:
    """Return the path of a photo in the installed ultralytics package, without importing it.

    Raises:
        SourceError: it is missing.
    """
    spec = find_spec("ultralytics")
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        path = Path(place) / "assets" / name
        if path.is_file():
            return path
    raise SourceError(f"the photo {name} of the ultralytics package is missing; install ultralytics again")


def read_photo(name: str) -> ImageArray:
    """Return a photo: (H, W, 3) uint8 BGR. Raises SourceError."""
    import cv2

    path = photo_path(name)
    picture: Any = cv2.imread(str(path))
    if picture is None:
        raise SourceError(f"the photo {path} cannot be read; install ultralytics again")
    photo: ImageArray = picture
    return photo
