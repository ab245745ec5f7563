"""Pictures as a source of frames: one, many, folders of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from shufflecam.core.errors import SourceBrokeOff, SourceError
from shufflecam.core.types import Frame, ImageArray, SourceInfo
from shufflecam.sources.limits import MAX_PIXELS
from shufflecam.sources.paths import PicturePath, find_pictures
from shufflecam.sources.picture import read_picture


@dataclass(frozen=True)
class BrokenPicture:
    """A picture that could not be read, and why."""

    file: str
    """Its name as records would have it."""
    reason: str
    """One sentence."""


class ImageSource:
    """Every readable picture, in order; broken ones are told and passed over.

    Pictures are read up to the first readable one on opening, so that "nothing readable" is known at
    once. The time of a picture is always 0: pictures have no common clock.
    """

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        recursive: bool = False,
        on_broken: Callable[[BrokenPicture], None] | None = None,
        max_pixels: int = MAX_PIXELS,
        leave_out: Callable[[PicturePath], bool] | None = None,
    ) -> None:
        """Find the pictures that `paths` mean (see `find_pictures`).

        Args:
            paths: files, folders, patterns, "-".
            recursive: whether folders in folders are searched.
            on_broken: called from the thread that reads, once a broken picture.
            max_pixels: larger ones are not read.
            leave_out: says which pictures are not wanted after all; none may be left then.

        Raises:
            SourceError: something is not there, or nothing of it can be read.
        """
        self._on_broken = on_broken
        self._max_pixels = max_pixels
        self.broken: list[BrokenPicture] = []
        """The pictures that could not be read, so far."""
        self._pictures = find_pictures(paths, recursive)
        if leave_out is not None:
            self._pictures = [picture for picture in self._pictures if not leave_out(picture)]
        self._closed = False
        self._index = 0
        self._images = self._readable()
        self._first = next(self._images, None)
        if self._first is None and self._pictures:
            self._raise_nothing()
        self._info = SourceInfo(
            path=os.fspath(paths[0]) if len(paths) == 1 else f"{len(self._pictures)} pictures",
            kind="images",
            size=_size(self._first[1]) if self._first and len(self._pictures) == 1 else None,
            frames=len(self._pictures),
        )

    @property
    def info(self) -> SourceInfo:
        """How many pictures there are; a size only where there is one picture."""
        return self._info

    @property
    def pictures(self) -> tuple[PicturePath, ...]:
        """Path and name of every picture, broken ones too."""
        return tuple(self._pictures)

    def frames(self) -> Iterator[Frame]:
        """Every readable picture once, in order; `index` counts the readable ones.

        Raises:
            SourceBrokeOff: after the last one, where some could not be read.
        """
        while not self._closed:
            item = self._first or next(self._images, None)
            self._first = None
            if item is None:
                break
            index, self._index = self._index, self._index + 1
            yield Frame(image=item[1], index=index, timestamp_s=0.0, file=item[0].name)
        if self.broken and not self._closed:
            self._closed = True
            raise SourceBrokeOff(self._complaint())

    def close(self) -> None:
        """`frames` ends after the picture that it is reading."""
        self._closed = True

    def _readable(self) -> Iterator[tuple[PicturePath, ImageArray]]:
        for picture in self._pictures:
            if self._closed:
                return
            try:
                image = read_picture(picture.path, self._max_pixels)
            except SourceError as error:
                broken = BrokenPicture(picture.name, str(error))
                self.broken.append(broken)
                if self._on_broken is not None:
                    self._on_broken(broken)
                continue
            yield picture, image

    def _raise_nothing(self) -> None:
        if len(self._pictures) == 1:
            raise SourceError(self.broken[0].reason)
        raise SourceError(
            f"None of the {len(self._pictures)} pictures can be read; the first: {self.broken[0].reason}"
        )

    def _complaint(self) -> str:
        some = self.broken[0].reason
        if len(self.broken) == 1:
            return f"One of {len(self._pictures)} pictures was passed over: {some}"
        return f"{len(self.broken)} of {len(self._pictures)} pictures were passed over; the first: {some}"


def open_images(
    paths: Sequence[str | os.PathLike[str]],
    recursive: bool = False,
    on_broken: Callable[[BrokenPicture], None] | None = None,
    max_pixels: int = MAX_PIXELS,
    leave_out: Callable[[PicturePath], bool] | None = None,
) -> ImageSource:
    """Pictures as a `FrameSource`; see `ImageSource`."""
    return ImageSource(paths, recursive, on_broken, max_pixels, leave_out)


def _size(image: ImageArray) -> tuple[int, int]:
    return image.shape[1], image.shape[0]
