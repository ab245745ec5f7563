"""A network camera on 127.0.0.1: H.264 over RTSP, within its TCP connection, under the test's control.

Only what a client needs that asks for TCP: OPTIONS, DESCRIBE, SETUP, PLAY (RFC 2326; the packets: RFC 6184).
"""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import av

from tests.helpers.clips import number_picture
from tests.helpers.serving import serving_tcp

SIZE = (96, 64)
RATE = 50
CLOCK = 90000


class Camera:
    """Gives fifty pictures a second until `hang_up`; the next client begins at number 0 again.

    With `length_s` it is a recording that lasts so long, and says so.
    """

    def __init__(self, length_s: float | None) -> None:
        self.length_s = length_s
        self.hang_up = threading.Event()
        self.clients = 0
        self.url = ""


@contextmanager
def serve_rtsp(length_s: float | None = None) -> Iterator[Camera]:
    """Serve `rtsp://127.0.0.1:PORT/live` on a free port."""
    camera = Camera(length_s)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the client left
                while (method := self._answer()) not in ("", "PLAY"):
                    pass
                if method == "PLAY":
                    camera.clients += 1
                    camera.hang_up.clear()
                    self._pictures()

        def _answer(self) -> str:
            """Answer one request, and say which it was; "" where the client is gone."""
            lines = []
            while (line := self.rfile.readline().decode()) not in ("", "\r\n"):
                lines.append(line.strip())
            if not lines:
                return ""
            headers = dict(line.split(": ", 1) for line in lines[1:])
            method = lines[0].split()[0]
            more, body = "", ""
            if method == "OPTIONS":
                more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            elif method == "DESCRIBE":
                body = _description(camera.length_s)
                more = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
            elif method == "SETUP":
                more = f"Transport: {headers['Transport']}\r\n"
            answer = f"RTSP/1.0 200 OK\r\nCSeq: {headers['CSeq']}\r\nSession: 1\r\n{more}\r\n{body}"
            self.wfile.write(answer.encode())
            return method

        def _pictures(self) -> None:
            sequence = 0
            count = None if camera.length_s is None else round(camera.length_s * RATE)
            number = 0
            while not camera.hang_up.wait(1 / RATE) and number != count:
                units = encoded()[number % len(encoded())]
                for unit in units:
                    last = 0x80 if unit is units[-1] else 0
                    moment = number * CLOCK // RATE
                    packet = struct.pack(">BBHII", 0x80, last | 96, sequence & 0xFFFF, moment, 1) + unit
                    self.wfile.write(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
                    sequence += 1
                number += 1

    with serving_tcp(Handler) as place:
        camera.url = f"rtsp://{place}/live"
        try:
            yield camera
        finally:
            camera.hang_up.set()


def _description(length_s: float | None) -> str:
    span = "" if length_s is None else f"a=range:npt=0-{length_s}\r\n"
    return (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\n"
        f"{span}m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/{CLOCK}\r\na=fmtp:96 packetization-mode=1\r\n"
        "a=control:video\r\n"
    )


@cache
def encoded() -> list[list[bytes]]:
    """The NAL units of 200 numbered pictures, each of which can be decoded without the others."""
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = *SIZE, "yuv420p"
    codec.framerate = RATE
    codec.gop_size = 1
    codec.options = {"crf": "12", "tune": "zerolatency", "threads": "1"}
    pictures = []
    for number in range(200):
        frame = av.VideoFrame.from_ndarray(number_picture(number, SIZE), format="bgr24")
        frame.pts = number
        for packet in codec.encode(frame):
            stream = bytes(packet).replace(b"\0\0\0\1", b"\0\0\1")
            pictures.append([unit for unit in stream.split(b"\0\0\1") if unit])
    return pictures
