"""The live page's server, asked over real connections."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="needs shufflecam[serve]")
pytest.importorskip("starlette", reason="needs shufflecam[serve]")

from shufflecam.core.errors import OutputError, UsageError
from shufflecam.live.web import server as server_module
from shufflecam.live.web.broadcast import Broadcast
from shufflecam.live.web.server import LiveServer
from shufflecam.records import schema as record
from tests.helpers.people import figure, pose_of, result_of
from tests.live.test_saving import HEADER


@pytest.fixture
def broadcast() -> Broadcast:
    return Broadcast(HEADER)


@pytest.fixture
def server(broadcast: Broadcast) -> Iterator[LiveServer]:
    server = LiveServer(0)
    server.start(broadcast)
    yield server
    server.stop()


def get(
    server: LiveServer, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
    return connection, connection.getresponse()


def event(answer: http.client.HTTPResponse) -> tuple[str, dict]:
    """The next server-sent event that is not a mere sign of life: its name and its data."""
    name = "message"
    while True:
        line = answer.readline().decode().rstrip("\n")
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            assert answer.readline() == b"\n"
            return name, json.loads(line[6:])
        assert line or name == "message"


def part(answer: http.client.HTTPResponse) -> np.ndarray:
    """The next picture of the multipart stream."""
    line = answer.readline()
    while not line.startswith(b"Content-Length"):
        assert line
        line = answer.readline()
    answer.readline()
    return cv2.imdecode(np.frombuffer(answer.read(int(line.split()[1])), np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize(
    ("path", "kind", "holds"),
    [
        ("/", "text/html", "page.js"),
        ("/page.js", "text/javascript", "EventSource"),
        ("/page.css", "text/css", "#plot"),
    ],
)
def test_the_page_and_nothing_from_elsewhere(server: LiveServer, path: str, kind: str, holds: str) -> None:
    _, answer = get(server, path)
    text = answer.read().decode()
    assert answer.status == 200
    assert (answer.getheader("Content-Type") or "").startswith(kind)
    assert holds in text
    assert "://" not in text
    assert "%QUERY%" not in text
    assert answer.getheader("Cache-Control") == "no-store"
    assert "default-src 'self'" in (answer.getheader("Content-Security-Policy") or "")


def test_what_is_not_there(server: LiveServer) -> None:
    for path in ("/etc/passwd", "/page/../server.py", "/page.html", "//"):
        assert get(server, path)[1].status == 404


def test_refusals_come_over_the_wire(server: LiveServer) -> None:
    assert get(server, "/poses", Host="evil.example")[1].status == 421
    assert get(server, "/", Origin="http://evil.example")[1].status == 403
    _, answer = get(server, "/", "POST")
    assert answer.status == 405
    assert answer.getheader("Allow") == "GET"
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b" 421 " in connection.recv(100)


def test_poses_are_the_record(server: LiveServer, broadcast: Broadcast) -> None:
    _, answer = get(server, "/poses")
    assert (answer.getheader("Content-Type") or "").startswith("text/event-stream")
    assert event(answer) == ("message", HEADER)
    assert broadcast.listening == 1
    line = record.frame(result_of([pose_of(figure(30, 40, 30), track_id=2)], 7, 0.25))
    broadcast.hud({"numbers": "not for programs"})
    broadcast.record(line)
    assert event(answer) == ("message", line)
    footer = record.footer(1, 0, complete=True)
    broadcast.close(footer)
    assert event(answer) == ("message", footer)
    assert answer.read() == b""


def test_the_page_gets_the_figures_too(server: LiveServer, broadcast: Broadcast) -> None:
    _, answer = get(server, "/poses?hud=1")
    event(answer)
    broadcast.hud({"numbers": "latency 1 ms"})
    assert event(answer) == ("hud", {"numbers": "latency 1 ms"})


def test_pictures(server: LiveServer, broadcast: Broadcast) -> None:
    _, answer = get(server, "/stream.mjpg")
    assert answer.readline() == b"--frame\r\n"
    assert broadcast.watching == 1
    for shade in (40, 200):
        broadcast.picture(np.full((48, 64, 3), shade, np.uint8))
        picture = part(answer)
        assert picture.shape == (48, 64, 3)
        assert abs(int(picture.mean()) - shade) < 4


def test_a_slow_client_misses_records_and_nothing_grows(server: LiveServer, broadcast: Broadcast) -> None:
    _, slow = get(server, "/poses")
    event(slow)
    padding = "x" * 20_000
    count = 2000  # 40 MB: more than any socket's buffers
    for number in range(count):
        broadcast.record({"number": number, "padding": padding})
    numbers = []
    while not numbers or numbers[-1] != count - 1:
        numbers.append(event(slow)[1]["number"])
    assert numbers == sorted(set(numbers))
    assert len(numbers) < count


def test_clients_that_leave_are_noticed_and_too_many_are_turned_away(
    server: LiveServer, broadcast: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "MOST_STREAMS", 1)
    connection, first = get(server, "/poses")
    event(first)
    _, second = get(server, "/poses")
    assert second.status == 503
    assert b"close another page" in second.read()
    first.close()
    connection.close()
    while broadcast.listening:
        broadcast.record({})  # writing is what finds out
    while True:
        _, third = get(server, "/poses")
        if third.status == 200:
            break
    assert event(third)[1] == HEADER


def test_stopping_ends_every_stream(broadcast: Broadcast) -> None:
    server = LiveServer(0)
    server.start(broadcast)
    streams = [get(server, path)[1] for path in ("/poses", "/stream.mjpg", "/poses?hud")]
    assert all(stream.readline() for stream in streams)
    server.stop()
    server.stop()
    for stream in streams:
        stream.read()
    with pytest.raises(OSError, match=r"refused|reset"):
        get(server, "/")


def test_with_a_host_there_is_a_token(broadcast: Broadcast) -> None:
    server = LiveServer(0, "127.0.0.1")
    server.start(broadcast)
    token = server.url.split("?token=")[1]
    assert len(token) >= 20
    assert get(server, "/")[1].status == 401
    assert get(server, "/poses?token=" + token[:-1])[1].status == 401
    page = get(server, f"/?token={token}")[1].read().decode()
    assert f"page.js?token={token}" in page
    assert get(server, f"/page.js?token={token}")[1].status == 200
    assert get(server, "/page.js", Authorization=f"Bearer {token}")[1].status == 200
    server.stop()
    assert LiveServer(0, "127.0.0.1").token != token


def test_ports_and_hosts_that_cannot_be_had(server: LiveServer) -> None:
    with pytest.raises(OutputError, match=rf"Port {server.port} is in use .*--serve {server.port + 1}"):
        LiveServer(server.port)
    with pytest.raises(UsageError, match="not an address of this machine"):
        LiveServer(0, "203.0.113.77")
    with pytest.raises(UsageError, match="not an address"):
        LiveServer(0, "no such host")


def test_without_clients_nothing_is_kept(broadcast: Broadcast) -> None:
    broadcast.record({})
    broadcast.hud({})
    broadcast.close()
    assert broadcast.watching == broadcast.listening == 0
