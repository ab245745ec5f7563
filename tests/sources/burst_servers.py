"""Live streams on 127.0.0.1 whose pictures come in bursts: HLS, and a transport stream over HTTP."""

from __future__ import annotations

import functools
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.helpers.serving import Quiet, serving_http

FPS = 30


class _Files(Quiet, SimpleHTTPRequestHandler):
    """A folder's files."""


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
    writer.start()
    deadline = time.monotonic() + 60
    while not playlist.exists() or playlist.read_text().count("#EXTINF") < 3:
        assert time.monotonic() < deadline, "no playlist"
        time.sleep(0.02)
    try:
        with serving_http(functools.partial(_Files, directory=str(folder))) as place:
            yield f"http://{place}/live.m3u8"
    finally:
        stopped.set()
        writer.join(30)


@contextmanager
def serve_bursts(burst_s: float, seconds: float) -> Iterator[str]:
    """The address of a transport stream without end or length, sent `burst_s` at a time."""

    class Handler(Quiet, BaseHTTPRequestHandler):
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

    with serving_http(Handler) as place:
        yield f"http://{place}/live.ts"


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
