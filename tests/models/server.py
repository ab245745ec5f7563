"""A real HTTP server on 127.0.0.1 that behaves as badly as it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What the server gives, and what it was asked for."""

    content: bytes
    status: int = 200
    ranges: bool = True
    """Whether it understands requests for a part."""
    breaks: list[int] = field(default_factory=list)
    """Of each request in turn: after how many bytes the connection is cut. Empty: it never is."""
    redirect: str = ""
    """Where every request is sent on to."""
    length: bool = True
    """Whether it says how long its answer is."""
    hang: threading.Event | None = None
    """Answer only after this is set."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """(path, Range header) of every request so far."""
    url: str = ""


@contextmanager
def serve(site: Site) -> Iterator[Site]:
    """Run the server until the end of the block; `site.url` is its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, site)

        def log_message(self, format: str, *args: object) -> None:
            """Tests are quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        if site.hang is not None:
            site.hang.set()
        server.shutdown()
        thread.join()
        server.server_close()


def answer(handler: BaseHTTPRequestHandler, site: Site) -> None:
    wanted = handler.headers.get("Range", "")
    site.requests.append((handler.path, wanted))
    if site.hang is not None:
        site.hang.wait()
    if site.redirect:
        handler.send_response(302)
        handler.send_header("Location", site.redirect)
        handler.end_headers()
        return
    if site.status != 200:
        handler.send_error(site.status)
        return
    body, status = site.content, 200
    if wanted and site.ranges:
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(body):
            handler.send_error(416)
            return
        body, status = body[start:], 206
    handler.send_response(status)
    if status == 206:
        handler.send_header("Content-Range", f"bytes {start}-{len(site.content) - 1}/{len(site.content)}")
    if site.length:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if site.breaks:
        body = body[: site.breaks.pop(0)]
    handler.wfile.write(body)
