"""Small videos made on the spot, each picture of which says which one it is."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIZE = (96, 64)
RATE = 30
TIME_BASE = Fraction(1, 15360)

# Corners of every picture, clockwise from the top left: told apart after any turn. BGR.
CORNERS = ((230, 30, 30), (30, 230, 30), (30, 30, 230), (230, 230, 230))


def number_picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Grey (H, W, 3) with four coloured corners and `number` in binary in the squares of its middle row."""
    width, height = size
    picture = np.full((height, width, 3), 90, np.uint8)
    q = max(1, min(width, height) // 4)
    picture[:q, :q], picture[:q, -q:] = CORNERS[0], CORNERS[1]
    picture[-q:, -q:], picture[-q:, :q] = CORNERS[2], CORNERS[3]
    top, bottom = height * 3 // 8, height * 5 // 8
    for bit in range(8):
        if number >> bit & 1:
            picture[top:bottom, width * bit // 8 : width * (bit + 1) // 8] = 255
        else:
            picture[top:bottom, width * bit // 8 : width * (bit + 1) // 8] = 0
    return picture


def with_grain(picture: np.ndarray, levels: int, seed: int) -> np.ndarray:
    """The picture with grain that another seed has not."""
    grain = np.random.default_rng(seed).integers(-levels, levels + 1, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def read_number(picture: np.ndarray) -> int:
    """The inverse of `number_picture`."""
    height, width = picture.shape[:2]
    row = picture[height // 2, :, 1]
    return sum((int(row[width * (2 * bit + 1) // 16]) > 127) << bit for bit in range(8))


def corners(picture: np.ndarray) -> tuple[int, int, int, int]:
    """Which of `CORNERS` stands in each corner, clockwise from the top left."""
    points = (picture[3, 3], picture[3, -4], picture[-4, -4], picture[-4, 3])
    differences = np.abs(np.array(points, int)[:, None] - np.array(CORNERS)[None]).sum(-1)
    return tuple(int(i) for i in differences.argmin(1))  # type: ignore[return-value]


def make_clip(
    path: Path,
    frames: int = 40,
    *,
    size: tuple[int, int] = SIZE,
    times: list[int] | None = None,
    sound: str | None = None,
    rotation: int | None = None,
    hflip: bool = False,
    codec: str = "libx264",
    gop: int = 12,
    pix_fmt: str = "yuv420p",
    rate: Fraction = Fraction(RATE),
    options: dict[str, str] | None = None,
    sample_aspect: Fraction | None = None,
    codec_options: dict[str, str] | None = None,
    noise: int = 0,
) -> Path:
    """Write a clip; `times` are PTS in `TIME_BASE`; `sound` names a codec of a 440 Hz tone as long as it.

    `sample_aspect` is width / height of a stored pixel. With `noise` every picture has grain of that many
    grey levels, and takes more bytes.
    """
    times = times if times is not None else [round(i / rate / TIME_BASE) for i in range(frames)]
    with av.open(str(path), "w", container_options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.gop_size = gop
        if sample_aspect is not None:
            stream.codec_context.sample_aspect_ratio = sample_aspect
        if codec == "libx264":
            stream.options.update({"crf": "12", "threads": "1"})
        stream.options.update(codec_options or {})
        if path.suffix != ".avi" and codec != "mpeg4" and codec != "mpeg2video":
            stream.codec_context.time_base = TIME_BASE
        if rotation is not None or hflip:
            stream.set_display_rotation(rotation or 0, hflip=hflip)
        tone = container.add_stream(sound, rate=48000, layout="mono") if sound else None
        for number, pts in enumerate(times):
            picture = number_picture(number % 256, size)
            if noise:
                picture = with_grain(picture, noise, number)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = (pts, TIME_BASE) if path.suffix != ".avi" else (number, 1 / rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            seconds = float((times[-1] - times[0]) * TIME_BASE + 1 / rate)
            for frame in tone_frames(seconds, float(times[0] * TIME_BASE)):
                container.mux(tone.encode(frame))
            container.mux(tone.encode(None))
    return path


def tone_frames(seconds: float, start_s: float = 0.0, rate: int = 48000) -> list[av.AudioFrame]:
    """A 440 Hz tone with a click (one loud half second in every full one) in frames of 1024 samples."""
    t = np.arange(round(seconds * rate)) / rate
    samples = (np.sin(2 * np.pi * 440 * t) * np.where(t % 1 < 0.5, 0.8, 0.05)).astype(np.float32)
    frames = []
    for begin in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, begin : begin + 1024], format="fltp", layout="mono")
        frame.sample_rate = rate
        frame.pts, frame.time_base = round(start_s * rate) + begin, Fraction(1, rate)
        frames.append(frame)
    return frames


def video_times(path: Path) -> list[float]:
    """PTS in seconds of every picture that can be decoded."""
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


def packets_positions(path: Path) -> list[tuple[int, int]]:
    """(position, size) in the file of each video packet."""
    with av.open(str(path)) as container:
        return [(p.pos, p.size) for p in container.demux(container.streams.video[0]) if p.size]


def video_last(path: Path, clip: Path, first: str = "sound") -> Path:
    """`clip` in another container, with another stream before its video: "sound", "cover" or "preview"."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as container:
        video = source.streams.video[0]
        if first == "sound":
            other = container.add_stream("aac" if path.suffix != ".avi" else "mp3", rate=48000, layout="mono")
        else:
            other = container.add_stream("mjpeg", rate=1)
            other.width, other.height, other.pix_fmt = 48, 32, "yuvj420p"
            other.codec_context.time_base = Fraction(1, RATE)
        packets = [packet for packet in source.demux(video) if packet.size]
        copy = container.add_stream_from_template(video)
        if first == "cover":
            other.disposition = av.stream.Disposition.attached_pic
        if first == "sound":
            for frame in tone_frames(float(packets[-1].dts * packets[-1].time_base)):
                container.mux(other.encode(frame))
        else:
            frame = av.VideoFrame.from_ndarray(number_picture(1, (48, 32)), format="bgr24")
            frame.pts, frame.time_base = 0, Fraction(1, RATE)
            container.mux(other.encode(frame))
        container.mux(other.encode(None))
        for packet in packets:
            packet.stream = copy
            container.mux(packet)
    return path


def without_chunks(avi: bytes, empty: set[int]) -> bytes:
    """An AVI file of one stream, some of whose chunks are empty now: "as before", say screen recorders."""
    movi, index = avi.index(b"movi"), avi.index(b"idx1")
    chunks, entries = b"movi", b""
    for number in range(struct.unpack_from("<I", avi, index + 4)[0] // 16):
        kind, flags, offset, size = struct.unpack_from("<4sIII", avi, index + 8 + 16 * number)
        data = b"" if number in empty else avi[movi + offset + 8 :][:size]
        entries += struct.pack("<4sIII", kind, flags if data else 0, len(chunks), len(data))
        chunks += struct.pack("<4sI", kind, len(data)) + data + b"\0" * (len(data) % 2)
    lists = [(b"LIST", chunks), (b"idx1", entries)]
    whole = avi[: movi - 8] + b"".join(name + struct.pack("<I", len(data)) + data for name, data in lists)
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]
