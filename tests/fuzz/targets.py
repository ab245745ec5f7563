"""Readers of strangers' files, each as a function of bytes: it may refuse them in one sentence, no more."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from shufflecam.core.errors import ShufflecamError
from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import SourceInfo
from shufflecam.records import schema as record

FRAMES = 20
"""Frames that are read of a video; a real one has no end."""

FORBIDDEN = frozenset(
    {"os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect"}
)
"""Audit events (PEP 578) that reading a file never causes."""


@dataclass(frozen=True)
class Target:
    """One reader and real files to begin with."""

    read: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


class CodeRan(BaseException):
    """A file made this process do something that no reader does. Not an Exception: nobody may swallow it."""


_watching = False


def _watch(event: str, _: tuple[Any, ...]) -> None:
    if _watching and event in FORBIDDEN:
        raise CodeRan(event)


@cache
def _install_watch() -> None:
    sys.addaudithook(_watch)


def run(target: Target, data: bytes) -> bool:
    """Whether the bytes were read; False where they were refused as they should be. Else raises."""
    global _watching
    _install_watch()
    _watching = True
    try:
        target.read(data)
    except ShufflecamError as error:
        said = str(error)
        if not said.strip() or "\n" in said:
            raise AssertionError(f"a refusal that is not one line: {said!r}") from error
        return False
    finally:
        _watching = False
    return True


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-"))


def _file(data: bytes, name: str) -> Path:
    path = _folder() / name
    path.write_bytes(data)
    return path


def _weights(suffix: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        from shufflecam.models.load import pose_tensors

        pose_tensors(_file(data, f"x{suffix}"))

    return read


def _detector(data: bytes) -> None:
    from shufflecam.models.yolo import load_network

    load_network(_file(data, "x.pt"))


def _boxes(data: bytes) -> None:
    from shufflecam.detect.given import GivenBoxes

    GivenBoxes.read(_file(data, "x.json"))


def _annotations(data: bytes) -> None:
    from shufflecam.evaluate.annotations import ground_truth_boxes, read_coco, read_detections

    _file(_picture_bytes("PNG"), "1.png")
    coco = read_coco(_file(data, "x.json"), _folder(), keypoints=None, allow_missing=True)
    ground_truth_boxes(coco)
    read_detections(_file(data, "x.json"), coco)


def _mpii(data: bytes) -> None:
    from shufflecam.evaluate.mpii_files import read_mpii

    read_mpii(_file(data, "x.json"))


def _picture(data: bytes) -> None:
    from shufflecam.sources.pictures.picture import read_picture

    image = read_picture(_file(data, "x.jpg"))
    assert image.dtype == np.uint8
    assert image.ndim == 3


def _video(data: bytes) -> None:
    from shufflecam.sources.open import open_source

    source = open_source(str(_file(data, "x.mp4")))
    try:
        for frame, _ in zip(source.frames(), range(FRAMES), strict=False):
            assert frame.image.shape[2] == 3
    finally:
        source.close()


def _record(data: bytes) -> None:
    from shufflecam.plot.series import collect
    from shufflecam.records.open import read_record
    from shufflecam.records.summary import summarize

    saved = read_record(_file(data, "x.jsonl"))
    summarize(saved)
    collect(saved, saved.skeleton.keypoints[:1], ["left_knee"])


def _settings(data: bytes) -> None:
    from shufflecam.cli.registry import Commands
    from shufflecam.cli.settings import SettingsFile, defaults, read_file

    path = _file(data, "shufflecam.toml")
    commands = Commands()
    defaults(commands["video"], "video", [SettingsFile(path, read_file(path))], commands)


def _records() -> list[bytes]:
    people = [
        {"id": 1, "score": 0.5, "box": [1, 2, 30, 40], "box_score": None, "keypoints": [[1, 2, 0.5]] * 17}
    ]
    header = record.header(
        SourceInfo("a.mp4", "video", (64, 48), None, 2), model={}, detector={}, skeleton=COCO_17, version="0"
    )
    frames = [{"type": "frame", "frame": i, "time": i / 30, "people": people} for i in range(2)]
    lines = [header, frames[0], {"type": "gap", "from": 0, "to": 1, "reason": "x"}, frames[1]]
    footer = record.footer(2, 0, True)
    document = {"header": header, "frames": frames, "footer": footer}
    return [b"".join(one + b"\n" for one in _json(*lines, footer)), *_json(document)]


def _picture_bytes(kind: str, **options: Any) -> bytes:
    draw = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(draw).save(stream, kind, **options)
    return stream.getvalue()


def _video_bytes(container: str, codec: str) -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", format=container) as target:
        video = target.add_stream(codec, rate=10)
        video.width, video.height = 32, 32
        video.pix_fmt = {"gif": "rgb8", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
        for number in range(3):
            picture = np.full((32, 32, 3), 60 * number, np.uint8)
            target.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        target.mux(video.encode(None))
    return stream.getvalue()


def _checkpoints() -> list[bytes]:
    state = {"backbone.conv1.conv.weight": torch.zeros(2, 3, 1, 1), "meta": torch.ones(2)}
    files = []
    for content in (state, {"state_dict": state, "meta": {"epoch": 1}}, torch.nn.Linear(2, 2)):
        for modern in (True, False):
            stream = io.BytesIO()
            torch.save(content, stream, _use_new_zipfile_serialization=modern)
            files.append(stream.getvalue())
    return files


def _json(*documents: Any) -> list[bytes]:
    return [json.dumps(document).encode() for document in documents]


def _coco() -> list[bytes]:
    person = {"id": 1, "image_id": 1, "bbox": [1, 2, 3, 4], "keypoints": [1, 2, 2] * 17, "category_id": 1}
    image = {"id": 1, "file_name": "1.png", "width": 16, "height": 12}
    category = {"id": 1, "name": "person", "keypoints": ["nose"] * 17}
    whole = {"images": [image], "annotations": [person], "categories": [category]}
    return _json(whole, [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}])


def _mpii_lists() -> list[bytes]:
    person = {
        "image": "a.jpg",
        "center": [5, 5],
        "scale": 0.4,
        "joints": [[1, 2]] * 16,
        "joints_vis": [1] * 16,
    }
    other = {
        "img_paths": "a.jpg", "objpos": [5, 5], "scale_provided": 0.4, "joint_self": [[1, 2, 1]] * 16,
        "isValidation": 1.0,
    }  # fmt: skip
    return [*_json([person], [other]), gzip.compress(_json([other])[0])]


TARGETS: dict[str, Target] = {
    "pth": Target(_weights(".pth"), _checkpoints),
    "safetensors": Target(
        _weights(".safetensors"), lambda: [save({"a.weight": torch.zeros(2, 2)}, {"architecture": "x"})]
    ),
    "detector": Target(_detector, _checkpoints),
    "boxes": Target(_boxes, lambda: _json({"a.jpg": [[1, 2, 3, 4]], "0": []}, {})),
    "annotations": Target(_annotations, _coco),
    "mpii": Target(_mpii, _mpii_lists),
    "record": Target(_record, _records),
    "settings": Target(
        _settings,
        lambda: [
            b"kpt-thr = 0.4\n[video]\npreset = \"fast\"\ncrf = 18\nangles = true\n[plot]\njoint = ['nose']\n"
        ],
    ),
    "picture": Target(
        _picture,
        lambda: [
            _picture_bytes(kind)
            for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "JPEG2000")
        ],
    ),
    "video": Target(
        _video,
        lambda: [
            _video_bytes(*pair)
            for pair in (
                ("mp4", "libx264"),
                ("matroska", "libx264"),
                ("avi", "mpeg4"),
                ("gif", "gif"),
                ("avi", "mjpeg"),
            )
        ],
    ),
}
