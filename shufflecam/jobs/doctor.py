"""Diagnoses the installation: what is present, what is missing and what to do about it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shufflecam.core.reasons import told
from shufflecam.core.version import __version__

if TYPE_CHECKING:
    import av


PACKAGES = (
    *("torch", "openvino", "opencv-python", "ultralytics", "numpy", "av", "pillow", "pillow-heif"),
    *("safetensors", "click", "rich"),
)


EXTRAS = {
    "onnx": (("onnxruntime", "onnx"), "another engine, and export onnx"),
    "serve": (("starlette", "uvicorn"), "webcam --serve"),
    "parquet": (("pyarrow",), "convert --format parquet"),
    "mpii": (("h5py", "scipy"), "eval mpii with the published files"),
    "ray": (("ray",), "video --cluster ray"),
}
"""The packages that `pip install 'shufflecam[NAME]'` adds, and their purpose."""


# The codecs of recordings, phones and the web; without a decoder such files cannot be read.
DECODERS = ("h264", "hevc", "vp9", "av1", "mjpeg", "mpeg4")


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report."""

    name: str
    ok: bool
    found: str
    todo: str = ""
    """What to do if it is not ok."""
    needed: bool = True
    """Whether the main jobs fail without it."""


def findings_of(examine: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """Run an examination; one that fails itself is a finding, not the end of the report."""
    try:
        yield from examine()
    except Exception as error:
        name = examine.__name__.strip("_")
        yield Check(name, False, f"it fails ({told(error)})", "reinstall shufflecam with pip")


def _versions() -> Iterator[Check]:
    from importlib.metadata import PackageNotFoundError, version

    yield Check(
        "shufflecam", True, f"{__version__}, Python {platform.python_version()}, {platform.platform()}"
    )
    for package in PACKAGES:
        try:
            yield Check(package, True, version(package))
        except PackageNotFoundError:
            yield Check(package, False, "not installed", f"pip install {package}")


def _extras() -> Iterator[Check]:
    from importlib.util import find_spec

    for name, (packages, purpose) in EXTRAS.items():
        missing = [package for package in packages if find_spec(package) is None]
        found = f"for {purpose}" + (f" (not here: {', '.join(missing)})" if missing else "")
        yield Check(f"extra {name}", not missing, found, f"pip install 'shufflecam[{name}]'", needed=False)


def _engines() -> Iterator[Check]:
    """Find which engine runs the networks, by opening one as every run does."""
    from shufflecam.engines.names import BACKENDS
    from shufflecam.engines.open import installed
    from shufflecam.models.catalogue import DEFAULT_POSE
    from shufflecam.pose.open import load_pose_engine

    engine, _, _, notes = load_pose_engine(DEFAULT_POSE, None, backend="auto", device="auto")
    others = [name for name in BACKENDS if installed(name)]
    found = f"{engine.name} runs the networks (--backend can be {', '.join(others)})"
    yield Check("engine", True, "; ".join((found, *notes)))


def _devices() -> Iterator[Check]:
    import torch

    yield Check("cpu", True, f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        yield Check("cuda", True, names)
    else:
        yield Check("cuda", False, "none", "works without; slower", needed=False)
    if sys.platform == "darwin":
        yield Check(
            "mps", torch.backends.mps.is_available(), "Apple GPU", "works without; slower", needed=False
        )


def _display() -> Iterator[Check]:
    from shufflecam.live.display import display_problem

    problem = display_problem()
    todo = "webcam runs with --headless; over SSH: ssh -X"
    yield Check("display", problem is None, problem or "found", todo, needed=False)


def _cameras() -> Iterator[Check]:
    from shufflecam.sources.live.cameras import list_cameras

    cameras = list_cameras()
    for camera in cameras:
        yield Check(f"camera {camera.path}", camera.readable, camera.name, camera.problem, needed=False)
    if not cameras:
        yield Check(
            "camera", False, "none", "plug one in, or play a file: webcam --replay FILE", needed=False
        )


def _codecs() -> Iterator[Check]:
    import av

    todo = "reinstall PyAV with pip install --force-reinstall av"
    for encoder, describe in (("libx264", "H.264 video"), ("aac", "AAC sound")):
        problem = _try_encoder(av, encoder)
        yield Check(f"write {describe}", not problem, problem or f"{encoder} encodes", todo)
    missing = [name for name in DECODERS if not _has_decoder(av, name)]
    found = "missing " + ", ".join(missing) if missing else ", ".join(DECODERS)
    yield Check("read video", not missing, found, todo)


def _try_encoder(av: av, name: str) -> str:
    """Encode one frame; return the reason if that fails, otherwise an empty string."""
    import io

    import numpy as np

    try:
        with av.open(io.BytesIO(), "w", format="matroska") as container:
            if name == "aac":
                stream = container.add_stream(name, rate=48000)
                sound = np.zeros((1, 1024), np.float32)
                frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="mono")
                frame.sample_rate = 48000
            else:
                stream = container.add_stream(name, rate=30)
                stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
                frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="bgr24")
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except Exception as error:
        return f"it fails ({told(error)})"
    return ""


def _has_decoder(av: av, name: str) -> bool:
    try:
        av.Codec(name, "r")
    except Exception:
        return False
    return True


def _weights() -> Iterator[Check]:
    from shufflecam.core.errors import WeightsError
    from shufflecam.models.catalogue import DEFAULT_POSE, all_entries, locate, state_of
    from shufflecam.models.fetch import check_sha256

    for entry in all_entries():
        state: str = state_of(entry)
        path, damaged = locate(entry), False
        if path is not None:
            try:
                check_sha256(path, entry)
            except WeightsError:
                state, damaged = f"{path} is damaged", True
        remedy = "comes with a later release" if entry.embedded else f"shufflecam models get {entry.name}"
        yield Check(
            f"weights {entry.name}",
            state in ("embedded", "cached"),
            state,
            f"{remedy}, or delete it" if damaged and not entry.embedded else remedy,
            needed=entry.name == DEFAULT_POSE or damaged,  # the commands take what is in the cache
        )


EXAMINATIONS = (_versions, _extras, _devices, _engines, _display, _cameras, _codecs, _weights)
