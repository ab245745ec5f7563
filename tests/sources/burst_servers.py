"""Live streams on 127.0.0.1 whose pictures come in bursts: HLS, and a transport stream over HTTP."""

from __future__ import annotations

import functools
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import numpy as np

FPS = 30


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def serve_hls(folder: Path, segment_s: float) -> Iterator[str]:
    """The address of a playlist of three segments that moves on as time passes, as of a camera."""
    playlist = folder / "live.m3u8"
    stopped = threading.Event()
    options = {
        "hls_time": str(segment_s),
        "hls_list_size": "3",
        "hls_flags": "delete_segments",
        "hls_segment_filename": str(folder / "part%05d.ts"),
    }

    def record() -> None:
        with av.open(str(playlist), "w", format="hls", options=options) as out:
            began = time.monotonic()
            for number, packets in enumerate(_encoded(out, segment_s)):
                # Four segments are there from the start, so that nobody has to wait for the first ones.
                if stopped.wait(max(0.0, began + number / FPS - 4 * segment_s - time.monotonic())):
                    return
                for packet in packets:
                    out.mux(packet)

    writer = threading.Thread(target=record, daemon=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    writer.start()
    deadline = time.monotonic() + 60
    while not playlist.exists() or playlist.read_text().count("#EXTINF") < 3:
        assert time.monotonic() < deadline, "no playlist"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.server_port}/live.m3u8"
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()
        writer.join(30)


@contextmanager
def serve_bursts(burst_s: float, seconds: float) -> Iterator[str]:
    """The address of a transport stream without end or length, sent `burst_s` at a time."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            began = time.monotonic()
            for number, piece in enumerate(_bursts(burst_s, seconds)):
                time.sleep(max(0.0, began + number * burst_s - time.monotonic()))
                try:
                    self.wfile.write(piece)
                    self.wfile.flush()
                except OSError:
                    return

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/live.ts"
    finally:
        server.shutdown()
        server.server_close()


def _encoded(out: Any, key_every_s: float) -> Iterator[list[Any]]:
    """The packets of one picture after the other, without end, with a key frame at each segment's start."""
    stream = out.add_stream("libx264", rate=FPS)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    key_every = round(key_every_s * FPS)
    stream.options = {"preset": "ultrafast", "tune": "zerolatency", "sc_threshold": "0", "g": str(key_every)}
    number = 0
    while True:
        picture = np.full((48, 64, 3), (number * 5) % 256, np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts = number
        yield stream.encode(frame)
        number += 1


def _bursts(burst_s: float, seconds: float) -> Iterator[bytes]:
    """Transport stream bytes, `burst_s` of pictures at a time."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mpegts", options={"flush_packets": "1"}) as out:
        per_burst, sent = round(burst_s * FPS), 0
        for number, packets in enumerate(_encoded(out, burst_s)):
            for packet in packets:
                out.mux(packet)
            if (number + 1) % per_burst == 0:
                yield buffer.getvalue()[sent:]
                sent = len(buffer.getvalue())
            if number >= seconds * FPS:
                return
