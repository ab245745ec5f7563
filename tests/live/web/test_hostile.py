"""The live page's server under requests that nobody sane sends: a GET of ours is answered, and it lives."""

from __future__ import annotations

import contextlib
import hmac
import http.client
import logging
import re
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

pytest.importorskip("uvicorn", reason="needs shufflecam[serve]")
pytest.importorskip("starlette", reason="needs shufflecam[serve]")

from shufflecam.live.web import connections, guard
from shufflecam.live.web.broadcast import Broadcast
from shufflecam.live.web.server import LiveServer
from tests.live.test_saving import HEADER

MANY = 200


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """One for the whole module: whatever it has been sent before, it must go on."""
    server = LiveServer(0, "127.0.0.1")
    server.start(Broadcast(HEADER))
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def nothing_breaks(server: LiveServer, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """After each test the server still serves, and no exception was logged anywhere in it."""
    yield
    assert is_alive(server)
    assert [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.ERROR] == []


def is_alive(server: LiveServer) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", f"/page.js?token={server.token}")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status == 200


def exchange(server: LiveServer, data: bytes, most: int = 1 << 16) -> bytes:
    """Send these bytes, then nothing more; what comes back until the server closes, or falls silent."""
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        got = b""
        with contextlib.suppress(OSError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        connection.settimeout(1)
        with contextlib.suppress(OSError):
            while len(got) < most and (piece := connection.recv(1 << 16)):
                got += piece
                if b"\r\n\r\n" in got and b" 200 " not in got[:20]:
                    break  # a refusal: its status is enough
                if b"text/event-stream" in got or b"multipart" in got or b"javascript" in got:
                    break
        return got


def statuses(answer: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]


plain = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12).map(str.encode)
METHODS = st.sampled_from(
    [
        b"GET",
        b"get",
        b"POST",
        b"HEAD",
        b"PUT",
        b"DELETE",
        b"OPTIONS",
        b"TRACE",
        b"CONNECT",
        b"PRI",
        b"G\x00T",
        b"",
    ]
) | st.binary(max_size=6)
PATHS = st.sampled_from(
    [b"/", b"/poses", b"/stream.mjpg", b"/page.js", b"/page.js%0A", b"/%0a", b"//", b"/..%2f..%2fetc/passwd",
     b"http://evil.example/", b"*", b"", b"/%ff%fe", b"/\xff", b"/poses%00", b"/page.css/"]
) | st.binary(max_size=30)  # fmt: skip
NAMES = st.sampled_from(
    [b"Host", b"Origin", b"Authorization", b"Sec-Fetch-Site", b"Content-Length", b"Transfer-Encoding",
     b"Connection", b"Upgrade", b"Expect", b"Range", b"Cookie"]
) | plain  # fmt: skip
VALUES = (
    st.sampled_from(
        [b"localhost", b"127.0.0.1", b"evil.example", b"[::1", b"localhost:99999", b"http://evil.example",
         b"null", b"Bearer x", b"cross-site", b"-1", b"99999999999999999999", b"chunked", b"Upgrade",
         b"websocket", b"100-continue", b"\xff\xfe", b"a\x00b", b"", b"h2c", b"close"]
    )
    | st.binary(max_size=20)
    | st.integers(1, 40_000).map(lambda count: b"x" * count)
)  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Something like a request, more or less."""
    line = b" ".join(
        [draw(METHODS), draw(PATHS), draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2", b"X"]))]
    )
    headers = draw(st.lists(st.tuples(NAMES, VALUES), max_size=6))
    end = draw(st.sampled_from([b"\r\n", b"\n", b"\r"]))
    data = end.join(
        [line, *(name + b": " + value for name, value in headers), b"", draw(st.binary(max_size=40))]
    )
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


@pytest.mark.parametrize("count", [60, pytest.param(3000, marks=pytest.mark.slow)])
def test_any_bytes_are_refused_and_nothing_breaks(count: int, server: LiveServer) -> None:
    @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @example(b"GET /page.js%0A HTTP/1.1\r\nHost: localhost\r\n\r\n")
    @example(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
    @example(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    @example(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    @example(b"GET " * 20_000)
    @given(st.one_of(requests(), st.binary(max_size=200), st.lists(requests(), max_size=3).map(b"".join)))
    def check(data: bytes) -> None:
        codes = statuses(exchange(server, data))
        # Nobody has the token: no request gets anything, and none makes the server fail.
        assert all(400 <= code < 500 for code in codes), (data, codes)

    check()


@pytest.mark.parametrize("count", [40, pytest.param(2000, marks=pytest.mark.slow)])
def test_with_the_token_only_a_get_of_ours_is_answered(count: int, server: LiveServer) -> None:
    @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @example(b"GET", b"/page.js%0A", b"localhost", None)
    @example(b"GET", b"/%0A", b"localhost", None)
    @example(b"GET", b"/page.css/", b"localhost", None)
    @example(b"HEAD", b"/", b"localhost", None)
    @given(
        METHODS,
        PATHS,
        st.sampled_from([b"localhost", b"127.0.0.1:1", b"evil.example", b"", b"localhost\xff", b"[::1]"]),
        st.none() | st.sampled_from([b"http://localhost", b"http://evil.example", b"null"]),
    )
    def check(method: bytes, path: bytes, host: bytes, origin: bytes | None) -> None:
        assert server.token is not None
        head = [b" ".join([method, path, b"HTTP/1.1"]), b"Host: " + host]
        head += [b"Authorization: Bearer " + server.token.encode()]
        head += [] if origin is None else [b"Origin: " + origin]
        codes = statuses(exchange(server, b"\r\n".join([*head, b"", b""])))
        ours = host in (b"localhost", b"127.0.0.1:1", b"[::1]") and origin in (None, b"http://" + host)
        for code in codes:
            assert code == 200 or 400 <= code < 500
            assert code != 200 or (method.strip() == b"GET" and ours), (method, path, host, origin)

    check()


def test_huge_heads_and_bodies(server: LiveServer) -> None:
    for data in (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 4_000_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 4_000_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 500_000 + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n" + bytes(4_000_000),
    ):
        assert all(400 <= code < 500 for code in statuses(exchange(server, data)))


def test_more_clients_than_there_may_be(server: LiveServer) -> None:
    """Half requests take no place for ever, and at no time more places than there are."""
    half = b"GET / HTTP/1.1\r\nHost: loc"
    clients = [socket.create_connection(("127.0.0.1", server.port), 30) for _ in range(MANY)]
    try:
        closed = 0
        for client in clients:
            client.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                try:
                    client.sendall(half)
                    closed += client.recv(1) == b""
                except (ConnectionResetError, BrokenPipeError):
                    closed += 1
        assert closed >= MANY - connections.MOST_CONNECTIONS
    finally:
        for client in clients:
            client.close()


def test_a_request_that_does_not_arrive_is_given_up(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    for first in (b"", b"GET / HTTP/1.1\r\n", b"GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\nGET /"):
        with socket.create_connection(("127.0.0.1", server.port), 30) as client:
            client.sendall(first)
            with contextlib.suppress(ConnectionResetError):
                while client.recv(1 << 16):
                    pass


def test_a_stream_may_last(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.1)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", f"/poses?token={server.token}")
    answer = connection.getresponse()
    while b"still here" not in answer.readline():  # said after two seconds without news
        pass
    connection.close()


def test_the_token_is_compared_in_constant_time(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, real = [], hmac.compare_digest

    def compare(given: bytes, token: bytes) -> bool:
        seen.append((given, token))
        return real(given, token)

    monkeypatch.setattr(guard.hmac, "compare_digest", compare, raising=True)
    assert statuses(exchange(server, b"GET /?token=wrong HTTP/1.1\r\nHost: localhost\r\n\r\n")) == [401]
    assert server.token is not None
    assert seen == [(b"wrong", server.token.encode())]
