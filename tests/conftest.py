"""What tests of several rooms share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

# Before torch is imported: threads that spin while they wait double the time of small networks.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
from hypothesis import settings

from tests.helpers.clips import make_clip

# Slow machines are no failures; pytest-timeout catches what hangs.
settings.register_profile("shufflecam", deadline=None)
settings.load_profile("shufflecam")

# A suite that was started in the background ignores Ctrl-C, and so would every program that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of reference data beside the checkout; the test is skipped where there is none."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("needs the reference data in ../shared, which is not here")
    return folder


@pytest.fixture(scope="session")
def small_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of 40 numbered pictures: plain, with sound, rotated, VFR, late start, other containers."""
    folder = tmp_path_factory.mktemp("clips")
    make_clip(folder / "plain.mp4", options={"movflags": "faststart"})
    make_clip(folder / "index_last.mp4")
    make_clip(folder / "sound.mp4", 90, sound="aac", options={"movflags": "faststart"})
    make_clip(folder / "rotated.mp4", rotation=-90)
    # Irregular steps between 1/120 s and 1/8 s, the first at half a second.
    steps = [128 + (i * 7919) % 1800 for i in range(39)]
    make_clip(folder / "vfr.mp4", times=[7680 + sum(steps[:i]) for i in range(40)])
    make_clip(folder / "plain.mkv", sound="libopus")
    make_clip(folder / "plain.avi", codec="mpeg4")
    make_clip(folder / "plain.ts", sound="aac")
    make_clip(folder / "plain.webm", codec="libvpx", sound="libopus")
    return folder


@pytest.fixture
def plain_clip(small_clips: Path) -> Path:
    """40 pictures, 96x64, 30 fps, H.264 with B-frames, index first."""
    return small_clips / "plain.mp4"


@pytest.fixture
def sound_clip(small_clips: Path) -> Path:
    """90 pictures in three seconds with AAC sound."""
    return small_clips / "sound.mp4"


@pytest.fixture
def rotated_clip(small_clips: Path) -> Path:
    """40 pictures stored 96x64, to be shown turned by a quarter clockwise, as phones write them."""
    return small_clips / "rotated.mp4"


@pytest.fixture
def vfr_clip(small_clips: Path) -> Path:
    """40 pictures at irregular times, the first at 0.5 s."""
    return small_clips / "vfr.mp4"
