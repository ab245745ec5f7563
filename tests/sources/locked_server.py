"""Cameras on 127.0.0.1 that ask for a user and a password: MJPEG over HTTP, and the first words of RTSP."""

from __future__ import annotations

import base64
import contextlib
import itertools
import socketserver
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from tests.helpers.serving import Quiet, serving_http, serving_tcp
from tests.sources.mjpeg_server import part


@contextmanager
def serve_locked(user: str, password: str, refusal: int = 401) -> Iterator[str]:
    """HOST:PORT of an HTTP camera that answers `refusal` to everybody else."""
    wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != wanted:
                self.send_response(refusal)
                if refusal == 401:
                    self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with contextlib.suppress(OSError):  # the client left
                for number in itertools.count():  # until then, as a camera does
                    self.wfile.write(part(number % 256, (96, 64)))
                    time.sleep(0.02)

    with serving_http(Handler) as place:
        yield place


@contextmanager
def serve_locked_rtsp(status: str = "401 Unauthorized") -> Iterator[str]:
    """HOST:PORT of an RTSP camera that lets nobody in."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                number = ""
                while line := self.rfile.readline().decode(errors="replace"):
                    if line.lower().startswith("cseq:"):
                        number = line.split(":", 1)[1].strip()
                    if line == "\r\n":
                        ask = 'WWW-Authenticate: Basic realm="camera"\r\n' if "401" in status else ""
                        self.wfile.write(f"RTSP/1.0 {status}\r\nCSeq: {number}\r\n{ask}\r\n".encode())

    with serving_tcp(Handler) as place:
        yield place
