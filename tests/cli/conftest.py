"""What the command line's tests work on: a network with drawn weights, and a small video."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from safetensors.torch import save_file

from shufflecam.cli import main
from tests.helpers.synthetic import synthetic_state

CLIP_FRAMES = 24
CLIP_SIZE = (96, 128)


@pytest.fixture(scope="session")
def pose_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic weights of the COCO network: they find joints somewhere, which is enough for plumbing."""
    path = tmp_path_factory.mktemp("weights") / "synthetic.safetensors"
    save_file({key: value.contiguous() for key, value in synthetic_state(17).items()}, path)
    return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short H.264 video of 24 frames at 12 fps whose picture moves."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(12))
        stream.width, stream.height, stream.pix_fmt = *CLIP_SIZE, "yuv420p"
        for number in range(CLIP_FRAMES):
            picture = np.full((CLIP_SIZE[1], CLIP_SIZE[0], 3), 60, np.uint8)
            cv2.circle(picture, (10 + 3 * number, 60), 12, (40, 200, 240), -1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three pictures, one of them in a folder below."""
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    for number, name in enumerate(("a.jpg", "b.png", "below/c.jpg")):
        picture = np.full((80 + 10 * number, 60, 3), 40 + 60 * number, np.uint8)
        assert cv2.imwrite(str(folder / name), picture)
    return folder


@pytest.fixture
def run_cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command line in this process, as `main` would: torch is imported once, not once a test."""
    for name in ("HOME", "SHUFFLECAM_CACHE"):
        monkeypatch.setenv(name, cli_environment(tmp_path)[name])

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main.run([str(argument) for argument in arguments])
        sys.stdout.flush()
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(list(arguments), int(end.value.code or 0), out, err)

    return run


@pytest.fixture
def run_process(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python -m shufflecam ...` as a real process with a cache and a home of its own."""

    def run(*arguments: object, stdin: bytes = b"", **extra: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "shufflecam", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env=cli_environment(tmp_path, **extra),
            timeout=120,
        )
        out, err = done.stdout.decode(), done.stderr.decode(errors="replace")
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    return run


def cli_environment(home: Path, **extra: str) -> dict[str, str]:
    """The environment of a user who has never run shufflecam."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SHUFFLECAM", "YOLO"))}
    return {**kept, "HOME": str(home), "SHUFFLECAM_CACHE": str(home / "cache"), **extra}
