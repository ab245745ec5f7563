"""A network camera on 127.0.0.1: MJPEG over HTTP, under the test's control."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import cv2

from tests.helpers.clips import number_picture
from tests.helpers.serving import Quiet, serving_http


class Camera:
    """What the server does after `good` pictures: "end", "stall" or "half" (a cut picture, then the end).

    With `then` = "pace" it gives fifty pictures a second until `hang_up`. `size` may be changed on the way.
    """

    def __init__(self, good: int, then: str, size: tuple[int, int]) -> None:
        self.good, self.then, self.size = good, then, size
        self.hang_up = threading.Event()
        self.resume = threading.Event()
        self.url = ""


@contextmanager
def serve(good: int, then: str = "end", size: tuple[int, int] = (96, 64), port: int = 0) -> Iterator[Camera]:
    """Serve `/video` (pictures), `/page` (HTML) and 404 for the rest, on a free port or on `port`."""
    camera = Camera(good, then, size)

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/page"):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<html>no camera here</html>" * 100)
                return
            if not self.path.startswith("/video"):
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with contextlib.suppress(OSError):  # the client left
                self._pictures()

        def _pictures(self) -> None:
            for number in range(camera.good):
                self._send(number)
            if camera.then == "pace":
                number = camera.good
                while not camera.hang_up.wait(0.02):
                    self._send(number % 200)
                    number += 1
            elif camera.then == "stall":
                camera.resume.wait(60)
                self._send(camera.good)
            elif camera.then == "half":
                self.wfile.write(part(camera.good, camera.size)[:300])
                return
            self.wfile.write(b"--frame--\r\n")

        def _send(self, number: int) -> None:
            self.wfile.write(part(number, camera.size))
            self.wfile.flush()

    with serving_http(Handler, port) as place:
        camera.url = f"http://{place}/video"
        try:
            yield camera
        finally:
            camera.resume.set()
            camera.hang_up.set()


def part(number: int, size: tuple[int, int]) -> bytes:
    """One picture of the multipart stream."""
    _, data = cv2.imencode(".jpg", number_picture(number, size), [cv2.IMWRITE_JPEG_QUALITY, 95])
    jpeg = data.tobytes()
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg)
