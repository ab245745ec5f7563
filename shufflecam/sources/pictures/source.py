"""Frame source for pictures: single ones, several, or folders of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from shufflecam.core.errors import SourceBrokeOff, SourceError
from shufflecam.core.missing import Missing
from shufflecam.core.types import Frame, ImageArray, SourceInfo
from shufflecam.sources.limits import MAX_PIXELS
from shufflecam.sources.paths import LeftOut, PicturePath, find_pictures, unsupported_in
from shufflecam.sources.pictures.picture import PictureNote, UnsupportedPicture, read_picture


@dataclass(frozen=True)
class BrokenPicture:
    """A picture that could not be read, with the reason."""

    file: str
    """Its name as in records."""
    reason: str
    """One sentence."""
    unsupported: bool = False
    """Whether its format is unsupported; otherwise it is damaged or missing."""


class ImageSource:
    """Yields every readable picture, in order; unreadable ones are reported and skipped.

    On opening, pictures are read up to the first readable one, so that a source without any is detected at
    once. The timestamp of a picture is always 0: pictures have no common clock.
    """

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        recursive: bool = False,
        on_broken: Callable[[BrokenPicture], None] | None = None,
        max_pixels: int = MAX_PIXELS,
        leave_out: Callable[[PicturePath], bool] | None = None,
    ) -> None:
        """Find the pictures that `paths` refer to (see `find_pictures`).

        Args:
            paths: files, folders, glob patterns, "-".
            recursive: whether to search subfolders.
            on_broken: called in the reading thread, once per unreadable picture, unless all are unreadable.
            max_pixels: larger pictures are rejected.
            leave_out: predicate for pictures to exclude; possibly all of them.

        Raises:
            SourceError: a path does not exist, or no picture is readable.
        """
        self._on_broken = on_broken
        self._max_pixels = max_pixels
        self.broken: list[BrokenPicture] = []
        """The pictures that could not be read, so far."""
        self.left_out: list[LeftOut] = []
        """Items found in the folders that cannot be used."""
        self._notes: dict[str, list[str]] = {}
        self._noted: Counter[str] = Counter()
        self._pictures = find_pictures(paths, recursive, self.left_out.append)
        self.done_before: list[PicturePath] = []
        """The pictures excluded by `leave_out`."""
        if leave_out is not None:
            self.done_before = [picture for picture in self._pictures if leave_out(picture)]
            done = set(self.done_before)
            self._pictures = [picture for picture in self._pictures if picture not in done]
        self.ended = False
        """Whether `frames` has yielded everything."""
        self._closed = False
        self._opened = False
        self._index = 0
        self._images = self._readable()
        self._first = next(self._images, None)
        if self._first is None and self._pictures:
            self._raise_nothing()
        self._opened = True
        for broken in self.broken:
            self._tell(broken)
        self._info = SourceInfo(
            path=os.fspath(paths[0]) if len(paths) == 1 else f"{len(self._pictures)} pictures",
            kind="images",
            size=_size(self._first[1]) if self._first and len(self._pictures) == 1 else None,
            frames=len(self._pictures),
        )

    @property
    def info(self) -> SourceInfo:
        """Return the number of pictures; the size only for a single picture."""
        return self._info

    @property
    def pictures(self) -> tuple[PicturePath, ...]:
        """Return path and name of every picture, including unreadable ones."""
        return tuple(self._pictures)

    def frames(self) -> Iterator[Frame]:
        """Yield every readable picture once, in order; `index` counts only readable ones.

        Raises:
            SourceBrokeOff: after the last one, if some could not be read.
        """
        while not self._closed:
            item = self._first or next(self._images, None)
            self._first = None
            if item is None:
                self.ended = True
                break
            index, self._index = self._index, self._index + 1
            yield Frame(image=item[1], index=index, timestamp_s=0.0, file=item[0].name)
        if self.missing and not self._closed:
            self._closed = True
            raise SourceBrokeOff(self._complaint())

    def close(self) -> None:
        """End `frames` after the picture being read."""
        self._closed = True

    def _readable(self) -> Iterator[tuple[PicturePath, ImageArray]]:
        for picture in self._pictures:
            if self._closed:
                return
            try:
                image = read_picture(picture.path, self._max_pixels, self._note)
            except SourceError as error:
                broken = BrokenPicture(picture.name, str(error), isinstance(error, UnsupportedPicture))
                self.broken.append(broken)
                if self._opened:
                    self._tell(broken)
                continue
            yield picture, image

    @property
    def missing(self) -> Missing:
        """Return the number of unusable pictures so far, by kind."""
        unsupported = sum(broken.unsupported for broken in self.broken)
        closed = sum(item.reason is not None for item in self.left_out)
        return Missing(
            unsupported=unsupported + len(self.left_out) - closed,
            unreadable=len(self.broken) - unsupported + closed,
        )

    def remarks(self) -> list[str]:
        """Return the guesses and choices made, one sentence per kind, with the number of pictures."""
        return [_summed(kind, self._noted[kind], notes) for kind, notes in self._notes.items()]

    def _note(self, note: PictureNote) -> None:
        self._noted[note.kind] += 1
        notes = self._notes.setdefault(note.kind, [])
        if not notes:
            notes.append(note.text)

    def _tell(self, broken: BrokenPicture) -> None:
        if self._on_broken is not None:
            self._on_broken(broken)

    def _raise_nothing(self) -> None:
        if len(self._pictures) == 1:
            raise SourceError(self.broken[0].reason)
        total = len(self._pictures) + len(self.left_out)
        raise SourceError(f"None of the {total} pictures can be read; the first: {self.broken[0].reason}")

    def _complaint(self) -> str:
        """Return the number of missing pictures, with a reason if there is no `on_broken` to report them."""
        lost, total = len(self.broken) + len(self.left_out), len(self._pictures) + len(self.left_out)
        which = f"1 of {total} pictures is" if lost == 1 else f"{lost} of {total} pictures are"
        said = f"{which} not in the result ({self.missing})"
        if self._on_broken is not None:
            return f"{said}."
        reasons = [broken.reason for broken in self.broken] + [i.reason for i in self.left_out if i.reason]
        reasons += [sentence] if (sentence := unsupported_in(self.left_out)) is not None else []
        return f"{said}: {reasons[0]}" if len(reasons) == 1 else f"{said}; the first: {reasons[0]}"


def _summed(kind: str, count: int, notes: list[str]) -> str:
    if count == 1:
        return notes[0]
    if kind == "first":
        return f"{count} pictures hold several, and one is read of each; the first: {notes[0]}"
    return f"{count} pictures do not say what is white, and it was guessed; the first: {notes[0]}"


def open_images(
    paths: Sequence[str | os.PathLike[str]],
    recursive: bool = False,
    on_broken: Callable[[BrokenPicture], None] | None = None,
    max_pixels: int = MAX_PIXELS,
    leave_out: Callable[[PicturePath], bool] | None = None,
) -> ImageSource:
    """Open pictures as a `FrameSource`; see `ImageSource`."""
    return ImageSource(paths, recursive, on_broken, max_pixels, leave_out)


def _size(image: ImageArray) -> tuple[int, int]:
    return image.shape[1], image.shape[0]
