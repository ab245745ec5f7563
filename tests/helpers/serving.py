"""A server on 127.0.0.1 for the time of a block."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any


class Quiet:
    """For a request handler: writes no line about each request."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving_http(handler: Any, port: int = 0) -> Iterator[str]:
    """HOST:PORT of an HTTP server with a thread for each request, on a free port or on `port`."""
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    with _running(server) as place:
        yield place


@contextmanager
def serving_tcp(handler: Any) -> Iterator[str]:
    """HOST:PORT of a server of anything, with a thread for each connection, on a free port."""

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with _running(Server(("127.0.0.1", 0), handler)) as place:
        yield place


@contextmanager
def _running(server: socketserver.TCPServer) -> Iterator[str]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host, port = server.socket.getsockname()[:2]
    try:
        yield f"{host}:{port}"
    finally:
        server.shutdown()
        server.server_close()
