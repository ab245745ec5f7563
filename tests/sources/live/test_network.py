"""Network cameras, against a server on 127.0.0.1."""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from shufflecam.core.errors import SourceBrokeOff, SourceError
from shufflecam.sources import open_live, open_stream
from shufflecam.sources.live.latest import LatestFrames
from shufflecam.sources.live.network import StreamCapture, is_url, without_secrets
from tests.helpers.clips import read_number, video_last
from tests.sources.mjpeg_server import serve
from tests.sources.rtsp_server import serve_rtsp


def test_addresses() -> None:
    assert is_url("rtsp://10.0.0.2/stream")
    assert is_url("HTTP://camera.local/video")
    assert not is_url("/dev/video0")
    assert not is_url("C:/x.mp4")
    assert not is_url("file:///etc/passwd")
    assert without_secrets("rtsp://me:secret@cam:554/live?token=1") == "rtsp://cam:554/live"


def test_pictures_come_through_and_the_end_is_said() -> None:
    with serve(good=40) as camera:
        source = open_live(camera.url)
        assert isinstance(source, LatestFrames)
        assert source.info.kind == "stream"
        assert source.info.size == (96, 64)
        numbers = []
        with pytest.raises(SourceBrokeOff, match="ended"):
            numbers.extend(read_number(frame.image) for frame in source.frames())
        assert numbers == sorted(set(numbers))
        source.close()


def test_every_picture_is_numbered_whether_taken_or_not() -> None:
    with serve(good=40) as camera:
        source = LatestFrames(StreamCapture(camera.url), camera.url, "stream", eager=False)
        indices = []
        with pytest.raises(SourceBrokeOff):
            indices.extend(frame.index for frame in source.frames())
        assert source.given == 40 == len(indices) + source.dropped
        assert indices[-1] == 39


def test_close_does_not_wait_for_a_server_that_stalls() -> None:
    with serve(good=20, then="stall") as camera:
        source = LatestFrames(StreamCapture(camera.url), camera.url, "stream", eager=False)
        got: list[int] = []
        last = threading.Event()

        def read() -> None:
            for frame in source.frames():
                got.append(frame.index)
                if frame.index >= 18:  # nobody can know the last one before the next begins
                    last.set()

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        assert last.wait(20)
        source.close()
        thread.join(20)
        assert not thread.is_alive()
        assert source.given == len(got) + source.dropped


def test_a_server_that_stalls_and_returns_is_waited_for() -> None:
    with serve(good=20, then="stall") as camera:
        source = LatestFrames(StreamCapture(camera.url), camera.url, "stream", eager=False)
        frames = source.frames()
        assert read_number(next(frames).image) >= 0
        camera.resume.set()
        numbers = []
        with pytest.raises(SourceBrokeOff):
            numbers.extend(read_number(frame.image) for frame in frames)
        assert numbers[-1] == 20


def test_a_server_that_stays_silent_is_given_up() -> None:
    with serve(good=20, then="stall") as camera:
        capture = StreamCapture(camera.url, read_timeout_s=0.3)
        source = LatestFrames(capture, camera.url, "stream", eager=False)
        with pytest.raises(SourceBrokeOff, match="broke off: no answer in time"):
            list(source.frames())


def test_half_a_picture_ends_cleanly() -> None:
    with serve(good=20, then="half") as camera:
        source = open_stream(camera.url)
        with pytest.raises(SourceBrokeOff):
            list(source.frames())


def test_what_is_no_camera_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        free = taken.getsockname()[1]
    with pytest.raises(SourceError, match="cannot be opened"):
        open_stream(f"http://user:secret@127.0.0.1:{free}/video")
    with serve(good=1) as camera:
        for path in ("page", "nothing"):
            with pytest.raises(SourceError, match="cannot be opened") as caught:
                open_stream(camera.url.replace("video", path))
            assert caught.value.exit_code == 3


def test_a_password_is_never_shown() -> None:
    with pytest.raises(SourceError) as caught:
        open_stream("rtsp://me:secret@127.0.0.1:1/live")
    assert "secret" not in str(caught.value)


def test_a_file_on_a_server_plays_at_its_own_pace_to_its_end(small_clips: Path) -> None:
    handler = functools.partial(QuietFiles, directory=str(small_clips))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    began = time.monotonic()
    source = open_stream(f"http://127.0.0.1:{server.server_port}/plain.mp4")
    last = [frame.image for frame in source.frames()][-1]
    assert read_number(last) == 39
    assert time.monotonic() - began > 39 / 30 - 0.05
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("suffix", "first"), [("mp4", "sound"), ("mp4", "preview"), ("ts", "sound")])
def test_the_video_may_be_any_stream(tmp_path: Path, plain_clip: Path, suffix: str, first: str) -> None:
    path = video_last(tmp_path / f"{first}.{suffix}", plain_clip, first)
    capture = StreamCapture(str(path))
    capture.open()
    numbers = []
    with contextlib.suppress(SourceBrokeOff):  # a transport stream has no end
        while (grabbed := capture.grab()) is not None:
            numbers.append(read_number(grabbed.to_image()))
    capture.close()
    assert numbers == list(range(40))


def test_rtsp_pictures_come_through_and_the_end_is_said() -> None:
    with serve_rtsp() as camera:
        source = open_live(camera.url)
        assert source.info.kind == "stream"
        assert source.info.size == (96, 64)
        frames = source.frames()
        numbers = [read_number(next(frames).image) for _ in range(20)]
        camera.hang_up.set()
        with pytest.raises(SourceBrokeOff, match="ended: the other side closed the connection"):
            numbers.extend(read_number(frame.image) for frame in frames)
        assert numbers == sorted(set(numbers))


def test_rtsp_goes_on_after_a_lost_connection_and_the_gap_is_marked() -> None:
    with serve_rtsp() as camera:
        source = open_live(camera.url, reconnect_s=20)
        gaps, after = [], 0
        for frame in source.frames():
            if frame.gap is not None:
                gaps.append(frame.gap)
            after += bool(gaps)
            if after == 5:
                break
            if camera.clients == 1 and frame.index >= 10:
                camera.hang_up.set()
        source.close()
        assert [gap.reason for gap in gaps] == [
            f"The stream {camera.url} ended: the other side closed the connection."
        ]
        assert camera.clients == 2


def test_an_rtsp_recording_ends_where_it_ends_and_nowhere_else() -> None:
    """One whose server went away was once taken for one that had ended: exit code 0 and a complete record."""
    with serve_rtsp(length_s=4) as camera:
        numbers = [read_number(frame.image) for frame in open_stream(camera.url).frames()]
        assert numbers[-1] == 199
    with serve_rtsp(length_s=8) as camera:
        source = open_stream(camera.url)
        frames = source.frames()
        next(frames)
        camera.hang_up.set()
        with pytest.raises(SourceBrokeOff, match="ended"):
            list(frames)


class QuietFiles(SimpleHTTPRequestHandler):
    """Serves a folder without a log."""

    def log_message(self, *_: object) -> None:
        pass
