"""What every source promises, whatever it reads from."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from shufflecam.core.errors import SourceBrokeOff
from shufflecam.core.protocols import FrameSource
from shufflecam.sources import ReplaySource, open_images, open_source, open_video
from shufflecam.sources.live.latest import LatestFrames
from shufflecam.sources.live.network import StreamCapture
from shufflecam.sources.open import open_live
from tests.sources.fakes import FakeCapture
from tests.sources.mjpeg_server import serve

KINDS = ["video", "cut video", "images", "replay", "camera", "stream"]


@pytest.fixture(params=KINDS)
def make_source(
    request: pytest.FixtureRequest, small_clips: Path, pictures: Path
) -> Iterator[Callable[[], FrameSource]]:
    kind = request.param
    if kind == "stream":
        with serve(good=30) as camera:
            # Not eager: the server's few pictures would be gone before `frames` begins.
            yield lambda: LatestFrames(StreamCapture(camera.url), camera.url, "stream", eager=False)
        return
    yield {
        "video": lambda: open_video(small_clips / "plain.mp4"),
        "cut video": lambda: open_video(small_clips / "plain.mkv", 0.5, 1.0),
        "images": lambda: open_images([pictures]),
        "replay": lambda: ReplaySource(small_clips / "plain.mp4"),
        "camera": lambda: LatestFrames(FakeCapture(*range(30), None), "0", "camera", eager=False),
    }[kind]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from PIL import Image

    folder = tmp_path_factory.mktemp("pictures")
    for i in range(12):
        Image.new("RGB", (20 + i, 30)).save(folder / f"{i}.png")
    return folder


def drained(source: FrameSource) -> list:
    frames = []
    try:
        frames.extend(source.frames())
    except SourceBrokeOff:
        assert source.info.kind == "stream"  # a server that closes the connection
    return frames


def test_it_is_a_source_that_knows_itself(make_source: Callable[[], FrameSource]) -> None:
    source = make_source()
    assert isinstance(source, FrameSource)
    assert source.info.path
    assert source.info.live == (source.info.kind in ("camera", "stream", "replay"))
    source.close()


def test_frames_in_order_with_rising_numbers_and_times(make_source: Callable[[], FrameSource]) -> None:
    source = make_source()
    frames = drained(source)
    assert frames
    indices = [frame.index for frame in frames]
    assert indices == sorted(set(indices))
    if not source.info.live:
        assert indices == list(range(len(indices)))
    times = [frame.timestamp_s for frame in frames]
    assert times == sorted(times)
    for frame in frames:
        assert frame.image.dtype == np.uint8
        assert frame.image.ndim == 3
        assert frame.image.shape[2] == 3
        assert (frame.captured_s is not None) == source.info.live
        assert (frame.file is not None) == (source.info.kind == "images")
        if source.info.size is not None:
            assert frame.size == source.info.size
    source.close()


def test_pictures_are_not_overwritten_by_later_ones(make_source: Callable[[], FrameSource]) -> None:
    source = make_source()
    kept = []
    with contextlib.suppress(SourceBrokeOff):
        kept.extend((frame.image, frame.image.copy()) for frame in source.frames())
    assert kept
    assert all(np.array_equal(image, copy) for image, copy in kept)


def test_close_before_frames(make_source: Callable[[], FrameSource]) -> None:
    source = make_source()
    source.close()
    assert list(source.frames()) == []


def test_close_twice_and_in_the_middle(make_source: Callable[[], FrameSource]) -> None:
    source = make_source()
    frames = source.frames()
    next(frames)
    source.close()
    source.close()
    assert list(frames) == []


def test_close_after_the_end(make_source: Callable[[], FrameSource]) -> None:
    source = make_source()
    drained(source)
    source.close()
    source.close()


def test_close_from_another_thread_ends_frames(make_source: Callable[[], FrameSource]) -> None:
    source = make_source()
    first = threading.Event()

    def read() -> None:
        with contextlib.suppress(SourceBrokeOff):
            for _ in source.frames():
                first.set()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert first.wait(20)
    source.close()
    thread.join(20)
    assert not thread.is_alive()


def test_open_source_knows_what_is_meant(small_clips: Path, pictures: Path) -> None:
    kinds = {small_clips / "plain.mp4": "video", pictures: "images", pictures / "3.png": "images"}
    for path, kind in kinds.items():
        assert open_source(path).info.kind == kind
    assert open_source(str(pictures / "*.png")).info.kind == "images"
    with serve(good=5) as camera:
        assert open_source(camera.url).info.kind == "stream"
    with pytest.raises(Exception, match="There is no camera /dev/video98"):
        open_source(98)
    with pytest.raises(Exception, match="There is no camera /dev/video98"):
        open_live("/dev/video98")


def test_importing_sources_loads_nothing_heavy() -> None:
    code = "import sys, shufflecam.sources; print([m for m in ('cv2', 'av', 'PIL') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
