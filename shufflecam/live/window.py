"""The live window: an OpenCV window, on the main thread only.

The display is checked before the first window call, because a missing one aborts the process, which cannot
be caught. OpenCV's wheels for Linux use X11 (on Wayland through XWayland), so there the X server is probed
with its own protocol and the user's cookie.
"""

from __future__ import annotations

import contextlib
import threading

import cv2

from shufflecam.core.errors import OutputError
from shufflecam.core.types import ImageArray
from shufflecam.live.display import held_display

_LARGEST_FIRST_SIZE = (1280, 960)  # a 4K picture must not open larger than the screen


class LiveWindow:
    """Displays pictures and returns keys. Create and call it on the main thread, after `display_problem`."""

    def __init__(self, title: str) -> None:
        """Prepare the window; the first picture opens it."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("a window lives on the main thread only")
        self._title = title
        self._opened = False
        self._closed = False
        self._fullscreen = False

    @property
    def closed(self) -> bool:
        """Whether the user has closed the window (or `close` was called)."""
        return self._closed

    def show(self, image: ImageArray) -> int | None:
        """Display (H, W, 3) uint8 BGR and return the key pressed meanwhile, 0..255, or None.

        Does nothing once the user has closed the window (`closed`).

        Raises:
            OutputError: the window cannot be opened.
        """
        if self._closed:
            return None
        try:
            if self._opened:
                cv2.imshow(self._title, image)
            else:
                self._open(image)
        except cv2.error as error:
            raise OutputError(f"The window cannot be opened; use --headless ({error.err}).") from error
        return self.poll()

    def poll(self) -> int | None:
        """Process window events between pictures (ten times a second or more); return the key, or None."""
        if not self._opened or self._closed:
            return None
        key = cv2.waitKey(1)
        with contextlib.suppress(cv2.error):
            # Below 1: hidden or gone. -1 also from window systems that do not support the property.
            if cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1:
                return key & 0xFF if key >= 0 else None
        self._closed = True
        return key & 0xFF if key >= 0 else None

    def set_fullscreen(self, wanted: bool) -> None:
        """Enter or leave full screen; does nothing if that is so already or no window is open."""
        if wanted != self._fullscreen and self._opened and not self._closed:
            self._fullscreen = wanted
            mode = cv2.WINDOW_FULLSCREEN if wanted else cv2.WINDOW_NORMAL
            with contextlib.suppress(cv2.error):  # unsupported: the window stays as it is
                cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, mode)

    def close(self) -> None:
        """Close the window. Idempotent."""
        if self._opened:
            self._opened = False
            with contextlib.suppress(cv2.error):
                cv2.destroyWindow(self._title)
                cv2.waitKey(1)  # it disappears only once its events are processed
        self._closed = True

    def _open(self, image: ImageArray) -> None:
        height, width = image.shape[:2]
        scale = min(1.0, _LARGEST_FIRST_SIZE[0] / width, _LARGEST_FIRST_SIZE[1] / height)
        with held_display() as problem:
            if problem is not None:
                raise OutputError(f"The window cannot be opened: {problem}; use --headless.")
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
            cv2.resizeWindow(self._title, max(1, round(width * scale)), max(1, round(height * scale)))
            cv2.imshow(self._title, image)
        self._opened = True
