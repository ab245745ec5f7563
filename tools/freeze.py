"""Keep what the program does, and say what a change of the code has changed.

    python tools/freeze.py keep FILE.json        before a change that is to change nothing
    python tools/freeze.py compare FILE.json     after it; exit status 1 where something differs

Kept are help texts, and exit codes, messages, records and pictures of runs on clips that it makes itself:
every command once, the usual mistakes, and the demo. Speeds, times and folders in messages are left out.
Numbers in records and the colours of decoded pictures may differ by `TOLERANCE`: colour conversion rounds
by where in memory a picture lies.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COMMANDS = (
    *("webcam", "video", "images", "demo", "inspect", "convert", "render", "plot", "cameras", "doctor"),
    *("bench", "config", "completion", "models", "models:list", "models:get", "export", "eval", "eval:coco"),
    *("eval:mpii", "eval:detector", "train", "train:pose", "train:label", "train:detector"),
)
"""Whose help is kept; a colon stands before a command's own command."""

TOLERANCE = 1.5
"""Pixels, levels of grey, degrees."""

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")

RUNS: dict[str, str] = {
    "video": "video clip.mp4 --out out/video.mp4 --json out/video.jsonl",
    "video document": "video clip.mp4 --json out/video.json --angles --no-smooth",
    "video fast": "video clip.mp4 --preset fast --style openpose --json out/fast.jsonl --out out/fast.mkv",
    "video offline": "video clip.mp4 --smooth offline --json out/offline.jsonl",
    "video cut": "video clip.mp4 --start 0.2 --end 0.8 --step 2 --crop 0,0,200,200 --json out/cut.jsonl",
    "video csv": "video clip.mp4 --format csv --json out/rows.csv --detector none",
    "video turned": "video clip.mp4 --rotate 90 --json out/turned.jsonl --blur-faces --out out/turned.mp4",
    "video again": "video clip.mp4 --json out/video.jsonl",
    "video many": "video clip.mp4 short.mp4 --out out/many --json out/many",
    "video many again": "video clip.mp4 short.mp4 --out out/many --json out/many --skip-existing",
    "video broken": "video text.mp4 --json out/none.jsonl",
    "video missing": "video nowhere.mp4 --json out/none.jsonl",
    "video cut short": "video cut.mp4 --json out/short.jsonl",
    "video crf": "video clip.mp4 --out out/x.mp4 --crf 99",
    "images": "images pictures --out out/pictures --json out/pictures.jsonl",
    "images coco": "images pictures --format coco --json out/coco.json",
    "images stdout": "images pictures/bus.jpg --json -",
    "images empty": "images empty --json -",
    "webcam": "webcam --replay short.mp4 --headless --json out/live.jsonl --max-frames 5",
    "render": "render clip.mp4 out/video.jsonl --style minimal --out out/render.mp4",
    "render other": "render short.mp4 out/video.jsonl --out out/other.mp4",
    "convert csv": "convert out/video.jsonl --format csv --angles --out out/convert.csv",
    "convert trc": "convert out/video.jsonl --format trc --out out/convert.trc",
    "convert openpose": "convert out/video.jsonl --format openpose --out out/openpose",
    "inspect": "inspect out/video.jsonl",
    "plot": "plot out/video.jsonl --angle left_knee --out out/plot.png",
    "config": "config show video",
    "models": "models list",
    "completion": "completion bash",
    "weights": "video clip.mp4 --weights text.mp4 --json out/none.jsonl",
    "demo": "demo",
    "nothing": "",
    "unknown": "vidoe clip.mp4",
}


def main() -> int:
    """Keep or compare."""
    if len(sys.argv) != 3 or sys.argv[1] not in ("keep", "compare"):
        print(__doc__, file=sys.stderr)
        return 2
    target = Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        now = observed(Path(folder))
    if sys.argv[1] == "keep":
        target.write_text(json.dumps(now, indent=1, ensure_ascii=False), encoding="utf-8")
        print(f"{len(now)} observations -> {target}")
        return 0
    before = json.loads(target.read_text(encoding="utf-8"))
    different = list(differences(before, now))
    print("\n".join(different) or f"{len(now)} observations, all as before")
    return 1 if different else 0


def observed(folder: Path) -> dict[str, str]:
    """Everything that is kept, by a name of its own."""
    make_inputs(folder)
    seen: dict[str, str] = {}
    for command in COMMANDS:
        words = command.split(":")
        seen[f"help {command}"] = run(folder, [*words, "--help"])
        seen[f"all help {command}"] = run(folder, [*words, "--help-all"])
    for name, line in RUNS.items():
        seen[f"run {name}"] = run(folder, line.split())
    for path in sorted([*(folder / "out").rglob("*"), *(folder / "shufflecam-demo").rglob("*")]):
        if path.is_file():
            seen[f"file {path.relative_to(folder)}"] = content(path, folder)
    return seen


def run(folder: Path, words: list[str]) -> str:
    """Exit code, standard output and messages of a command line."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SHUFFLECAM", "YOLO"))}
    root = str(Path(__file__).resolve().parents[1])
    environment = kept | {"HOME": str(folder), "SHUFFLECAM_CACHE": str(folder / "cache"), "COLUMNS": "120"}
    for command in ("VIDEO", "IMAGES", "WEBCAM", "DEMO"):
        environment[f"SHUFFLECAM_{command}_BACKEND"] = "torch"
    environment["OMP_NUM_THREADS"] = "1"  # sums in one order
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, kept.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "shufflecam", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    return plain(f"exit {done.returncode}\n{done.stdout}--- messages\n{done.stderr}", folder)


def plain(text: str, folder: Path) -> str:
    """Without what differs from run to run."""
    text = text.replace(str(folder), "FOLDER")
    text = re.sub(r"\d+\.\d+(?= fps)|│ +\d+\.\d+ │$|\d+(\.\d+)?(?= ms)", "N", text, flags=re.M)
    text = (
        re.sub(r'"(version|latency|time)": ?("[^"]*"|[-\d.]+)', r'"\1":N', text)
        if "latency" in text
        else text
    )
    return re.sub(r"(detector ran )(?:once|\d+ times) \(every [\d.]+ frames\)|\d+ dropped", r"\1N", text)


def content(path: Path, folder: Path) -> str:
    """What is in a file: text as it is, pictures and sound by their digests."""
    if path.suffix in (".mp4", ".mkv"):
        return media(path)
    data = path.read_bytes()
    try:
        text = plain(data.decode(), folder)
    except UnicodeDecodeError:
        return hashlib.sha256(data).hexdigest()
    if path.name == "live.jsonl":  # which pictures it takes depends on the machine's speed
        return re.sub(r"\d+(\.\d+)?", "N", text.splitlines()[0])
    return text


def media(path: Path) -> str:
    """A line for each picture: its time and the mean colours of sixteen parts; and the sound's packets."""
    import av
    import cv2

    lines = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            parts = cv2.resize(frame.to_ndarray(format="bgr24"), (4, 4), interpolation=cv2.INTER_AREA)
            lines.append(f"{frame.width}x{frame.height} {frame.time:.6f} {parts.ravel().tolist()}")
    with av.open(str(path)) as container:
        if container.streams.audio:
            sound = [bytes(packet) for packet in container.demux(audio=0)]
            lines.append(f"sound: {len(sound)} packets {hashlib.sha256(b''.join(sound)).hexdigest()[:16]}")
    return "\n".join(lines)


def differences(before: dict[str, str], now: dict[str, str]) -> Iterator[str]:
    """A unified diff of every observation that is not as before, shortened."""
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if old == new or (
            old is not None and new is not None and name.startswith("file") and close(old, new)
        ):
            continue
        yield f"=== {name}" + (" is new" if old is None else " is gone" if new is None else "")
        if old is not None and new is not None:
            diff = difflib.unified_diff(old.splitlines(), new.splitlines(), "before", "now", n=0, lineterm="")
            yield from (line[:300] for line, _ in zip(diff, range(40), strict=False))


def close(old: str, new: str) -> bool:
    """Whether two texts are the same but for numbers that differ by no more than `TOLERANCE`."""
    if NUMBER.sub("N", old) != NUMBER.sub("N", new):
        return False
    pairs = zip(NUMBER.findall(old), NUMBER.findall(new), strict=True)
    return all(abs(float(a) - float(b)) <= TOLERANCE for a, b in pairs)


def make_inputs(folder: Path) -> None:
    """Clips with people and sound, pictures, and files that are not what they are called."""
    import av
    import cv2
    import numpy as np

    photo = photograph()
    (folder / "pictures" / "below").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "out").mkdir()
    cv2.imwrite(str(folder / "pictures" / "bus.jpg"), cv2.resize(photo, (405, 540)))
    cv2.imwrite(str(folder / "pictures" / "grey.png"), cv2.resize(photo, (202, 270))[:, :, 1])
    (folder / "pictures" / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (folder / "text.mp4").write_text("no video\n" * 99)
    whole = cv2.resize(photo, (405, 540))
    for name, count in (("clip.mp4", 24), ("short.mp4", 8)):
        with av.open(str(folder / name), "w") as out:
            video: Any = out.add_stream("libx264", rate=24)
            video.width, video.height, video.pix_fmt = 300, 400, "yuv420p"
            video.options = {"g": "12", "threads": "1"}
            sound: Any = out.add_stream("aac", rate=48000)
            for number in range(count):
                picture = np.ascontiguousarray(
                    whole[60 + number : 460 + number, 2 * number : 300 + 2 * number]
                )
                # OpenCV's conversion: FFmpeg's rounds by where in memory a picture lies.
                yuv = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
                frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
                frame.pts = number
                out.mux(video.encode(frame))
            tone = np.sin(np.arange(48000 * count // 24) * 0.05).astype(np.float32)[None]
            samples = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            samples.sample_rate = 48000
            out.mux(sound.encode(samples))
            out.mux(video.encode())
            out.mux(sound.encode())
    data = (folder / "clip.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(data[: len(data) // 2])


def photograph() -> Any:
    """(H, W, 3) uint8 BGR: the photo of people at a bus that ultralytics brings along."""
    from importlib.util import find_spec

    import cv2

    spec = find_spec("ultralytics")
    assert spec is not None
    assert spec.origin is not None
    return cv2.imread(str(Path(spec.origin).parent / "assets" / "bus.jpg"))


if __name__ == "__main__":
    sys.exit(main())
