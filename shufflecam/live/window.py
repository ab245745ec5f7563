"""The live window: OpenCV's, on the main thread only.

Whether there is a display is decided before the first window call, because a missing one aborts the
whole process, which nobody can catch. OpenCV's wheels for Linux speak X11 (on Wayland through
XWayland), so there the X server is asked in its own words, with the user's own key.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from shufflecam.core.errors import OutputError
from shufflecam.core.types import ImageArray

ESCAPE = 27
_ANSWER_TIMEOUT_S = 2.0  # a display that takes longer to say hello is no place for live pictures
_LARGEST_FIRST_SIZE = (1280, 960)  # a 4K picture must not open larger than the screen
_COOKIE = b"MIT-MAGIC-COOKIE-1"
_COME_IN, _STAY_OUT, _STARTING_ANEW = b"\1", b"\0", b""  # the first byte of an X server's answer


def has_display() -> bool:
    """Whether a window can be opened here. Calls nothing of OpenCV's window system."""
    return display_problem() is None


def display_problem() -> str | None:
    """Why no window can be opened here, in one sentence; None where one can."""
    if "GUI:                           NONE" in cv2.getBuildInformation():
        return "this OpenCV was built without windows (opencv-python-headless); install opencv-python"
    if not sys.platform.startswith("linux"):
        return None  # macOS and Windows always have one, as far as a program can tell
    name = os.environ.get("DISPLAY", "")
    if not name:
        if os.environ.get("WAYLAND_DISPLAY"):
            return "Wayland without XWayland: DISPLAY is not set; start XWayland, or use --headless"
        return "no display: DISPLAY is not set"
    with _held_display() as problem:
        return problem


class LiveWindow:
    """Shows pictures and takes keys. Make it and call it on the main thread, after `has_display()`."""

    def __init__(self, title: str) -> None:
        """Nothing is opened before the first picture."""
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
        """Show (H, W, 3) uint8 BGR and give the key that was pressed meanwhile, 0..255, or None.

        Once the user has closed the window, `closed` is True and this does nothing.

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
        """Let the window live without a new picture (ten times a second or more); the key, or None."""
        if not self._opened or self._closed:
            return None
        key = cv2.waitKey(1)
        with contextlib.suppress(cv2.error):
            # Below 1: hidden or gone. -1 as well from window systems that do not know the property.
            if cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1:
                return key & 0xFF if key >= 0 else None
        self._closed = True
        return key & 0xFF if key >= 0 else None

    def set_fullscreen(self, wanted: bool) -> None:
        """Fill the screen, or be a window again; nothing where that is so already or nothing is open."""
        if wanted != self._fullscreen and self._opened and not self._closed:
            self._fullscreen = wanted
            mode = cv2.WINDOW_FULLSCREEN if wanted else cv2.WINDOW_NORMAL
            with contextlib.suppress(cv2.error):  # a window system that cannot: the window stays as it is
                cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, mode)

    def close(self) -> None:
        """Take the window away. May be called again."""
        if self._opened:
            self._opened = False
            with contextlib.suppress(cv2.error):
                cv2.destroyWindow(self._title)
                cv2.waitKey(1)  # it goes only when its events are handled
        self._closed = True

    def _open(self, image: ImageArray) -> None:
        height, width = image.shape[:2]
        scale = min(1.0, _LARGEST_FIRST_SIZE[0] / width, _LARGEST_FIRST_SIZE[1] / height)
        with _held_display() as problem:
            if problem is not None:
                raise OutputError(f"The window cannot be opened: {problem}; use --headless.")
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
            cv2.resizeWindow(self._title, max(1, round(width * scale)), max(1, round(height * scale)))
            cv2.imshow(self._title, image)
        self._opened = True


@dataclass(frozen=True)
class _Display:
    """A parsed DISPLAY: host (empty: this machine's socket) and number."""

    host: str
    number: int


def _parse_display(name: str) -> _Display | None:
    match = re.fullmatch(r"(?:(?P<host>[^:]*|\[.*\]):)(?P<number>[0-9]{1,5})(?:\.[0-9]+)?", name)
    if match is None:
        return None
    host = match["host"].strip("[]")
    return _Display("" if host == "unix" else host, int(match["number"]))


@contextlib.contextmanager
def _held_display() -> Iterator[str | None]:
    """Stay connected to the X server meanwhile; gives why that cannot be, or None (also where there is no X).

    A bare X server starts anew when its last client leaves, and turns away whoever comes meanwhile. So
    nobody may be the last to leave just before the window connects: that would abort the process.
    """
    name = os.environ.get("DISPLAY", "")
    if not name or not sys.platform.startswith("linux"):
        yield None
        return
    connection, problem = _enter(name)
    try:
        yield problem
    finally:
        if connection is not None:
            connection.close()


def _enter(name: str) -> tuple[socket.socket | None, str | None]:
    """An accepted connection to the X server of DISPLAY=`name`, or the problem."""
    display = _parse_display(name)
    if display is None:
        return None, f"no display: DISPLAY={name!r} is not understood"
    # Without a key last: many servers on the same machine let their user in without one.
    keys = [*_x_keys(display.number), b""]
    deadline = time.monotonic() + _ANSWER_TIMEOUT_S
    problem = "does not answer"
    while keys:
        answer, connection = _knock(display, keys[0])
        if answer == _COME_IN:
            return connection, None
        if connection is not None:
            connection.close()
        if answer == _STAY_OUT:
            keys.pop(0)
            problem = "does not let this user in (XAUTHORITY)"
        elif answer == _STARTING_ANEW and time.monotonic() < deadline:
            time.sleep(0.02)
        else:
            problem = "does not answer"
            break
    return None, f"no display: the X server of DISPLAY={name} {problem}"


def _knock(display: _Display, key: bytes) -> tuple[bytes | None, socket.socket | None]:
    """The first byte of the server's answer, empty where it hung up, None where it is out of reach."""
    connection = None
    try:
        connection = _connect(display)
        return _answer(connection, key), connection
    except ConnectionResetError:
        return _STARTING_ANEW, connection
    except OSError:
        return None, connection


def _connect(display: _Display) -> socket.socket:
    if display.host:
        return socket.create_connection((display.host, 6000 + display.number), _ANSWER_TIMEOUT_S)
    path = f"/tmp/.X11-unix/X{display.number}"
    failure: OSError = FileNotFoundError(2, os.strerror(2))
    # Linux servers also listen in the abstract name space, which a container may not share.
    for address in ("\0" + path, path):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(_ANSWER_TIMEOUT_S)
        try:
            connection.connect(address)
            return connection
        except OSError as error:
            connection.close()
            failure = error
    raise failure


def _answer(connection: socket.socket, key: bytes) -> bytes:
    """Say hello as X.Org's "X Window System Protocol", section 8, has it; the first byte of the answer."""
    method = _COOKIE if key else b""
    request = struct.pack("<2sHHHH2s", b"l\0", 11, 0, len(method), len(key), b"\0\0")
    connection.sendall(request + _padded(method) + _padded(key))
    return connection.recv(1)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _x_keys(number: int) -> Iterator[bytes]:
    """The user's keys for display `number`, from the file that Xlib reads as well."""
    path = Path(os.environ.get("XAUTHORITY") or Path.home() / ".Xauthority")
    try:
        data = path.read_bytes()
    except (OSError, RuntimeError):
        return
    # Records of: family, then address, display number, method, key, each as a big-endian length and bytes.
    at = 2
    while at < len(data):
        fields = []
        for _ in range(4):
            (length,) = struct.unpack_from(">H", data.ljust(at + 2, b"\0"), at)
            fields.append(data[at + 2 : at + 2 + length])
            at += 2 + length
        at += 2
        _, display, method, key = fields
        if method == _COOKIE and display in (b"", str(number).encode()):
            yield key
