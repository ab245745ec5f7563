from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shufflecam.live import display
from shufflecam.live.display import display_problem
from shufflecam.live.window import LiveWindow

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 is asked on Linux only")


@pytest.fixture(scope="module")
def x_server() -> Iterator[str]:
    """The DISPLAY of a virtual X server of our own."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed (apt install xvfb)")
    ready, tell = os.pipe()
    with subprocess.Popen(
        ["Xvfb", "-displayfd", str(tell), "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
        pass_fds=[tell],
        stderr=subprocess.DEVNULL,
    ) as server:
        os.close(tell)
        with os.fdopen(ready) as numbers:
            number = numbers.readline().strip()  # comes when it is ready, or empty when it failed
        if not number:
            server.kill()
            pytest.skip("Xvfb does not start here")
        try:
            yield f":{number}"
        finally:
            server.terminate()


def in_window(display: str, code: str) -> subprocess.Popen:
    """A process of its own: OpenCV's window system lives and dies with one."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "DISPLAY": display, "QT_LOGGING_RULES": "*=false"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


SHOW_UNTIL_KEY_OR_CLOSED = """
import numpy as np
from shufflecam.live.display import display_problem
from shufflecam.live.window import LiveWindow
assert display_problem() is None
image = np.zeros((240, 320, 3), np.uint8)
image[:, :160] = (255, 0, 0)
live = LiveWindow("shufflecam test")
shown = 0
while True:
    key = live.show(image)
    shown += 1
    if shown == 5:
        print("shown", flush=True)
    if key is not None:
        print("key", key, flush=True)
        break
    if live.closed:
        print("closed", flush=True)
        break
live.close()
live.close()
assert live.closed and live.show(image) is None
print("end", flush=True)
"""


ASK_TO_CLOSE = """
import ctypes, sys
x = ctypes.CDLL("libX11.so.6")
x.XOpenDisplay.restype = ctypes.c_void_p
x.XInternAtom.restype = ctypes.c_ulong
x.XInternAtom.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
x.XSendEvent.argtypes = [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_long, ctypes.c_void_p]
x.XSync.argtypes = [ctypes.c_void_p, ctypes.c_int]
class Event(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("sent", ctypes.c_int),
                ("display", ctypes.c_void_p), ("window", ctypes.c_ulong), ("kind", ctypes.c_ulong),
                ("format", ctypes.c_int), ("data", ctypes.c_long * 5), ("room", ctypes.c_long * 24)]
display, window = x.XOpenDisplay(None), int(sys.argv[1])
kind, delete = (x.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
event = Event(33, 0, 1, display, window, kind, 32, (delete, 0))
assert x.XSendEvent(display, window, 0, 0, ctypes.byref(event))
x.XSync(display, 0)
"""


def window_number(display: str) -> str:
    found = subprocess.run(
        ["xdotool", "search", "--sync", "--onlyvisible", "--name", "shufflecam test"],
        env={**os.environ, "DISPLAY": display},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return found.stdout.split()[-1]


@pytest.fixture
def shown(x_server: str) -> Iterator[tuple[subprocess.Popen, str]]:
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed (apt install xdotool)")
    with in_window(x_server, SHOW_UNTIL_KEY_OR_CLOSED) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "shown\n", process.stderr.read() if process.stderr else ""
            yield process, window_number(x_server)
        finally:
            process.kill()


@pytest.mark.parametrize(("name", "code"), [("q", ord("q")), ("Escape", 27), ("space", 32)])
def test_keys_arrive(x_server: str, shown: tuple, name: str, code: int) -> None:
    process, number = shown
    environment = {**os.environ, "DISPLAY": x_server}
    # No window manager gives the focus here.
    subprocess.run(
        ["xdotool", "windowfocus", "--sync", number, "key", name], env=environment, timeout=30, check=True
    )
    out, _ = process.communicate(timeout=30)
    assert out == f"key {code}\nend\n"
    assert process.returncode == 0


def test_a_window_closed_by_the_user_is_noticed(x_server: str, shown: tuple) -> None:
    process, number = shown
    environment = {**os.environ, "DISPLAY": x_server}
    # What a window manager's X button sends; xdotool has no such command everywhere.
    subprocess.run([sys.executable, "-c", ASK_TO_CLOSE, number], env=environment, timeout=30, check=True)
    out, _ = process.communicate(timeout=30)
    assert out == "closed\nend\n"
    assert process.returncode == 0


@linux_only
def test_an_x_server_that_answers_is_a_display(x_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", x_server)
    assert display_problem() is None
    monkeypatch.setenv("DISPLAY", x_server + ".0")
    assert display_problem() is None


@linux_only
def test_an_x_server_with_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("Xvfb") is None or shutil.which("xauth") is None:
        pytest.skip("Xvfb or xauth is not installed")
    key = "0123456789abcdef" * 2
    authority, users = tmp_path / "authority", tmp_path / "users"

    def add(file: Path, display: str, value: str) -> None:
        command = ["xauth", "-f", str(file), "add", display, ".", value]
        subprocess.run(command, check=True, capture_output=True, timeout=30)

    ready, tell = os.pipe()
    add(authority, "unix:0", key)
    add(users, "unix:7777", "f" * 32)
    # The server takes any key in its file; the reader must find the one for its display.
    with subprocess.Popen(
        ["Xvfb", "-displayfd", str(tell), "-auth", str(authority), "-nolisten", "tcp"],
        pass_fds=[tell],
        stderr=subprocess.DEVNULL,
    ) as server:
        os.close(tell)
        try:
            with os.fdopen(ready) as numbers:
                number = numbers.readline().strip()
            monkeypatch.setenv("DISPLAY", f":{number}")
            monkeypatch.setenv("XAUTHORITY", str(tmp_path / "none"))
            monkeypatch.setenv("HOME", str(tmp_path))
            assert "does not let this user in" in (display_problem() or "")
            add(users, f"unix:{number}", key)
            monkeypatch.setenv("XAUTHORITY", str(users))
            assert display_problem() is None
        finally:
            server.terminate()


@linux_only
@pytest.mark.parametrize(
    ("display", "says"),
    [("", "DISPLAY is not set"), ("nonsense", "not understood"), (":6543", "does not answer")],
)
def test_without_an_x_server_there_is_no_display(
    monkeypatch: pytest.MonkeyPatch, display: str, says: str
) -> None:
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert says in (display_problem() or "")


@linux_only
def test_wayland_alone_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert "XWayland" in (display_problem() or "")


@linux_only
def test_something_that_listens_but_is_no_x_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        if port < 6000:
            pytest.skip("the system gave a port below X11's")
        monkeypatch.setattr(display, "_ANSWER_TIMEOUT_S", 0.2)
        monkeypatch.setenv("DISPLAY", f"127.0.0.1:{port - 6000}")
        assert "does not answer" in (display_problem() or "")


@linux_only
@pytest.mark.parametrize("content", [b"", b"\1", b"\1\0\0\4ab", bytes(range(256)) * 20, b"\xff" * 1000])
def test_a_damaged_key_file_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    file = tmp_path / "authority"
    file.write_bytes(content)
    monkeypatch.setenv("XAUTHORITY", str(file))
    assert list(display._x_keys(0)) == []


@pytest.mark.parametrize(
    ("name", "host", "number"),
    [
        (":0", "", 0),
        (":10.0", "", 10),
        ("unix:1", "", 1),
        ("localhost:10.0", "localhost", 10),
        ("[::1]:3", "::1", 3),
    ],
)
def test_display_names(name: str, host: str, number: int) -> None:
    parsed = display._parse_display(name)
    assert parsed is not None
    assert (parsed.host, parsed.number) == (host, number)


def test_a_window_belongs_to_the_main_thread() -> None:
    said: list[BaseException] = []

    def elsewhere() -> None:
        try:
            LiveWindow("x")
        except RuntimeError as error:
            said.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert said
    assert "main thread" in str(said[0])


def test_deciding_calls_no_window_function() -> None:
    code = (
        "import cv2\n"
        "for name in ('namedWindow', 'imshow', 'waitKey', 'getWindowProperty', 'destroyAllWindows'):\n"
        "    setattr(cv2, name, None)\n"
        "from shufflecam.live.display import display_problem\n"
        "from shufflecam.live.window import LiveWindow\n"
        "print(display_problem() is None); live = LiveWindow('x'); print(live.poll()); live.close()\n"
    )
    environment = {
        key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")
    }
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert re.fullmatch(r"(True|False)\nNone\n", ran.stdout)
