"""Detects whether a window can be opened, without opening one."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

_ANSWER_TIMEOUT_S = 2.0  # a display that replies more slowly is unfit for live pictures


_COOKIE = b"MIT-MAGIC-COOKIE-1"


_COME_IN, _STAY_OUT, _STARTING_ANEW = b"\1", b"\0", b""  # the first byte of an X server's reply


def display_problem() -> str | None:
    """Return why no window can be opened here, in one sentence; None if one can."""
    if "GUI:                           NONE" in cv2.getBuildInformation():
        return "this OpenCV was built without windows (opencv-python-headless); install opencv-python"
    if not sys.platform.startswith("linux"):
        return None  # macOS and Windows always have one, as far as a program can tell
    name = os.environ.get("DISPLAY", "")
    if not name:
        if os.environ.get("WAYLAND_DISPLAY"):
            return "Wayland without XWayland: DISPLAY is not set; start XWayland, or use --headless"
        return "no display: DISPLAY is not set"
    with held_display() as problem:
        return problem


@dataclass(frozen=True)
class _Display:
    """A parsed DISPLAY: host (empty: the local socket) and display number."""

    host: str
    number: int


def _parse_display(name: str) -> _Display | None:
    match = re.fullmatch(r"(?:(?P<host>[^:]*|\[.*\]):)(?P<number>[0-9]{1,5})(?:\.[0-9]+)?", name)
    if match is None:
        return None
    host = match["host"].strip("[]")
    return _Display("" if host == "unix" else host, int(match["number"]))


@contextlib.contextmanager
def held_display() -> Iterator[str | None]:
    """Hold a connection to the X server; yield why that is impossible, or None (also without X).

    A bare X server resets when its last client disconnects, and rejects connections meanwhile. A probe that
    disconnected just before the window connects could be that client, and a rejected window would abort the
    process.
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
    """Return an accepted connection to the X server of DISPLAY=`name`, or the problem."""
    display = _parse_display(name)
    if display is None:
        return None, f"no display: DISPLAY={name!r} is not understood"
    # Without a cookie last: many local servers accept their user without one.
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
    """Return the first byte of the reply (empty: hung up; None: unreachable), and the connection."""
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
    # Linux servers also listen in the abstract socket namespace, which a container may not share.
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
    """Request a connection (X.Org, "X Window System Protocol", section 8); return the reply's first byte."""
    method = _COOKIE if key else b""
    request = struct.pack("<2sHHHH2s", b"l\0", 11, 0, len(method), len(key), b"\0\0")
    connection.sendall(request + _padded(method) + _padded(key))
    return connection.recv(1)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _x_keys(number: int) -> Iterator[bytes]:
    """Yield the user's cookies for display `number`, from the file that Xlib reads as well."""
    path = Path(os.environ.get("XAUTHORITY") or Path.home() / ".Xauthority")
    try:
        data = path.read_bytes()
    except (OSError, RuntimeError):
        return
    # Records: family, then address, display number, method, cookie, each a big-endian length and bytes.
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
