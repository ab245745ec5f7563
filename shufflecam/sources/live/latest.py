"""Live sources: a thread keeps the newest frame, counts the frames that it replaces, and closes promptly.

A device is only accessed by its reading thread. If `close` finds that thread blocked in a read, the thread
is abandoned: as a daemon it delays neither `close` nor the end of the program, and it closes its device
itself if the read ever returns.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from shufflecam.core.errors import ShufflecamError, SourceBrokeOff, SourceError
from shufflecam.core.missing import Missing
from shufflecam.core.picture import fitted
from shufflecam.core.reasons import reason
from shufflecam.core.types import Frame, Gap, ImageArray, SourceInfo, SourceKind
from shufflecam.sources.live.capture import Capture, Grabbed, damage_of, missing_of
from shufflecam.sources.live.watch import PictureWatch

OPEN_TIMEOUT_S = 10.0
"""Timeout for a camera's first picture."""

STALL_TIMEOUT_S = 10.0
"""Maximum pause before a source counts as lost."""

SILENT_S = 1.5
"""A longer pause is reported as trouble and recorded as a gap."""

JOIN_S = 0.5
"""Maximum time that `close` waits for the reading thread before abandoning it."""


class LatestFrames:
    """A live `FrameSource`: `frames` always yields the newest frame.

    Invariant: `given` = frames yielded + `dropped`, once `frames` has ended or `close` was called. Frame
    numbers, timestamps and counts begin with the first step of `frames`; an `eager` device is read, and its
    frames are discarded uncounted, from the moment it is open, so that its buffers hold no stale frames.
    """

    def __init__(
        self,
        capture: Capture,
        path: str,
        kind: SourceKind,
        *,
        eager: bool = True,
        open_here: bool = False,
        on_notice: Callable[[str], None] | None = None,
        open_timeout_s: float = OPEN_TIMEOUT_S,
        stall_timeout_s: float = STALL_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open `capture` in its own thread and wait for its first picture.

        Args:
            capture: the device.
            path: the source as the user wrote it.
            kind: "camera", "stream" or "replay".
            eager: start reading before `frames` is called.
            open_here: open in the calling thread (macOS requests permission on the main thread only).
            on_notice: called with a message, in the consumer's thread, when the picture has been black or
                frozen for five seconds or has changed its size.
            open_timeout_s: time after which the device counts as unresponsive.
            stall_timeout_s: time without a frame after which the source counts as lost.
            clock: `time.monotonic`.

        Raises:
            SourceError: the source cannot be opened.
        """
        self._capture, self._path, self._kind = capture, path, kind
        self._clock = clock
        self._stall_timeout_s = stall_timeout_s
        self._on_notice = on_notice
        self._watch = PictureWatch()
        self.given = 0
        """Frames delivered by the device since `frames` began."""
        self.dropped = 0
        """Frames replaced by a newer one before they were consumed."""
        self._state = threading.Condition()
        self._slot: tuple[int, Grabbed] | None = None
        self._gap: Gap | None = None
        self._last_s: float | None = None
        self._usual_s = 0.0
        self._opened = self._ended = self._counting = self._closed = False
        self._seen_size: tuple[int, int] | None = None
        self._wanted = threading.Event()
        if eager:
            self._wanted.set()
        self._error: BaseException | None = None
        self._started_s = 0.0
        if open_here:
            capture.open()
            self._opened = True
        self._thread = threading.Thread(target=self._run, name=f"shufflecam-{kind}", daemon=True)
        self._thread.start()
        self._wait_until_open(open_timeout_s)
        self._info = SourceInfo(
            path=path,
            kind=kind,
            size=capture.size,
            fps=capture.fps,
            pixel_aspect=capture.pixel_aspect,
            notes=capture.notes,
        )

    @property
    def info(self) -> SourceInfo:
        """Return path, kind, size of the first picture, and nominal rate."""
        return self._info

    @property
    def missing(self) -> Missing:
        """Return what is missing from a recording being played; nothing for a camera."""
        return missing_of(self._capture)

    @property
    def damage(self) -> Missing:
        """Return what was received from a camera or server but could not be decoded intact."""
        return damage_of(self._capture)

    @property
    def notice(self) -> str | None:
        """Return a sentence on what is currently wrong with the picture (black, frozen), or None."""
        return self._watch.notice

    @property
    def trouble(self) -> str | None:
        """Return a sentence on why no pictures are arriving; None while they are."""
        told: str | None = getattr(self._capture, "trouble", None)
        with self._state:
            last_s = self._last_s if self._last_s is not None else self._started_s
            watched = self._counting and self._kind != "replay" and not (self._closed or self._ended)
        if not watched:
            return None
        away_s = self._clock() - last_s
        if told is not None:
            return f"{told} ({away_s:.0f} s)"
        if away_s > self._silence_s():
            return f"No picture from the {self._kind} {self._path} for {away_s:.0f} s"
        return None

    def frames(self) -> Iterator[Frame]:
        """Yield the newest frame each time; blocks until there is a new one.

        Raises:
            SourceBrokeOff: the device was lost or has been silent for too long.
        """
        with self._state:
            self._counting = True
            self._started_s = self._clock()
        self._wanted.set()
        while True:
            taken = self._take()
            if taken is None:
                return
            index, grabbed, gap = taken
            image = self._in_one_shape(grabbed.to_image(), grabbed.pixel_aspect)
            self._look_at(image, grabbed.captured_s)
            yield Frame(
                image=image,
                index=index,
                timestamp_s=max(0.0, grabbed.captured_s - self._started_s),
                captured_s=grabbed.captured_s,
                gap=gap,
                pixel_aspect=self._info.pixel_aspect,
            )

    def close(self) -> None:
        """End `frames` at once, even while it is waiting; a blocked device is left to its thread."""
        with self._state:
            self._closed = True
            self._let_go_of_slot()
            self._state.notify_all()
        self._wanted.set()
        self._capture.interrupt()
        if threading.current_thread() is not self._thread:
            self._thread.join(JOIN_S)

    def _take(self) -> tuple[int, Grabbed, Gap | None] | None:
        with self._state:
            ready = self._state.wait_for(
                lambda: self._slot is not None or self._ended or self._closed, self._stall_timeout_s
            )
            taken, self._slot = self._slot, None
            if taken is not None:
                gap, self._gap = self._gap, None
                return *taken, gap
            if self._closed:
                return None
            if ready and self._error is None:
                return None
            if not ready:
                self._closed = True  # frames that still arrive are not counted
                raise SourceBrokeOff(
                    f"The {self._kind} {self._path} has given no picture for {self._stall_timeout_s:g} s; "
                    "check it and start again."
                )
            raise _as_broken(self._error, self._kind, self._path)

    def _let_go_of_slot(self) -> None:
        if self._slot is not None:
            self._slot = None
            self.dropped += 1

    def _in_one_shape(self, image: ImageArray, pixel_aspect: float) -> ImageArray:
        """Return the picture fitted to the size and pixel aspect of the first one, as outputs require.

        Phones rotate, and streams adapt their size to the network.
        """
        size, seen = (image.shape[1], image.shape[0]), self._seen_size or self._info.size
        self._seen_size = size
        whole = self._info.size
        squeeze = pixel_aspect / self._info.pixel_aspect
        if whole is None or (size == seen == whole and squeeze == 1.0):
            return image
        if size != seen and self._on_notice is not None:
            back = "again" if size == whole else f"now; it is fitted into {whole[0]}x{whole[1]} as before"
            self._on_notice(f"The picture is {size[0]}x{size[1]} {back}")
        return fitted(image, whole, squeeze)

    def _look_at(self, image: ImageArray, now_s: float) -> None:
        if self._kind == "replay":
            return  # in a file, dark and still pictures are legitimate
        said = self._watch.update(image, now_s)
        if said is not None and self._on_notice is not None:
            self._on_notice(said)

    def _wait_until_open(self, timeout_s: float) -> None:
        with self._state:
            ready = self._state.wait_for(lambda: self._opened or self._ended, timeout_s)
            error = self._error
        if ready and self._opened:
            return
        self.close()
        if not ready:
            raise SourceError(
                f"The {self._kind} {self._path} does not answer ({timeout_s:g} s); is it on, and free?"
            )
        if isinstance(error, ShufflecamError):
            raise error
        assert error is not None
        raise SourceError(f"The {self._kind} {self._path} cannot be opened: {reason(error)}.") from error

    def _run(self) -> None:
        """Run the reading thread, the only one that accesses the device."""
        try:
            if not self._opened:
                self._capture.open()
                with self._state:
                    self._opened = True
                    self._state.notify_all()
            self._wanted.wait()
            while not self._closed:
                grabbed = self._capture.grab()
                if grabbed is None:
                    break
                self._put(grabbed)
        except BaseException as error:  # re-raised in the consumer's thread
            self._error = error
        finally:
            try:
                self._capture.close()
            finally:
                with self._state:
                    self._ended = True
                    self._state.notify_all()

    def _put(self, grabbed: Grabbed) -> None:
        with self._state:
            if self._closed or not self._counting:
                return
            self._let_go_of_slot()
            self._mark_gap(grabbed)
            self._slot = (self.given, grabbed)
            self.given += 1
            self._state.notify_all()

    def _mark_gap(self, grabbed: Grabbed) -> None:
        """Record a gap for the next frame yielded; consecutive gaps are merged."""
        now_s = grabbed.captured_s
        if self._last_s is not None and self._kind != "replay":  # pauses in a file are legitimate
            away_s = now_s - self._last_s
            if grabbed.was_away or away_s > self._silence_s():
                from_s = self._last_s - self._started_s if self._gap is None else self._gap.from_s
                reason = grabbed.was_away or "no pictures"
                self._gap = Gap(max(0.0, from_s), now_s - self._started_s, reason)
            else:
                self._usual_s = away_s
        self._last_s = now_s

    def _silence_s(self) -> float:
        """Return the pause that counts as trouble, adapted to cameras with long intervals between frames."""
        return max(SILENT_S, 3 * self._usual_s)


def _as_broken(error: BaseException | None, kind: str, path: str) -> BaseException:
    """Return the exception that `frames` raises for an error in the reading thread."""
    if isinstance(error, SourceBrokeOff) or not isinstance(error, Exception):
        return error if error is not None else SourceBrokeOff(f"The {kind} {path} ended.")
    broken = SourceBrokeOff(f"The {kind} {path} failed: {reason(error)}.")
    broken.__cause__ = error
    return broken
