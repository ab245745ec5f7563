"""Views of pictures with a teacher's answers to them, made once and kept on disk.

The teacher costs more than the student's whole step, so its answers are cached: a folder of shards, each
a set of `.npy` files that are read through memory maps. Memory does not grow with their number.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from shufflecam.core.errors import OutputError, ShufflecamError, SourceError, UsageError
from shufflecam.core.types import ImageArray
from shufflecam.sources.picture import read_picture
from shufflecam.train.detector_nets import TAPS, Answers, Teacher

GREY = 114
"""What detectors of this family are padded with."""

SHARD = 500
"""Views in one set of files."""

WHOLE, SQUARE = 0.3, 0.45
"""Shares of the views that show the whole picture, padded, and its largest square; the others are closer,
as a webcam sees people: from the waist up, and cut by the picture's edge."""

FEATURE_STEP = 1 / 40
FEATURE_ZERO = -0.3
"""Features are kept in a byte each: SiLU's outputs start at -0.28, and few of a teacher's exceed 6."""


def draw_view(image: ImageArray, size: int, rng: np.random.Generator) -> ImageArray:
    """A square part of a picture, or all of it padded with grey; (size, size, 3) uint8 BGR."""
    height, width = image.shape[:2]
    short, kind = min(height, width), rng.random()
    if kind < WHOLE:
        zoom = size / max(height, width)
        new_w, new_h = max(1, round(width * zoom)), max(1, round(height * zoom))
        view = np.full((size, size, 3), GREY, np.uint8)
        x, y = (size - new_w) // 2, (size - new_h) // 2
        view[y : y + new_h, x : x + new_w] = _resize(image, (new_w, new_h))
        return view
    side = short if kind < WHOLE + SQUARE else int(short * rng.uniform(0.45, 0.9))
    x, y = int(rng.integers(width - side + 1)), int(rng.integers(height - side + 1))
    return _resize(image[y : y + side, x : x + side], (size, size))


def _resize(image: ImageArray, size: tuple[int, int]) -> ImageArray:
    shrinks = image.shape[1] > size[0]
    # Area: without it a photo of 24 megapixels would come out as noise.
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def degrade(view: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """What cameras do to a picture: dim or bright light, a tint, grey, blur, noise. (H, W, 3), 0..255.

    The teacher has seen the clean view: the student learns to answer the same.
    """
    view = view * rng.uniform(0.55, 1.35) * rng.uniform(0.92, 1.08, 3).astype(np.float32)
    view = view + np.float32(rng.uniform(-20, 20))
    if rng.random() < 0.1:
        view = np.repeat(view.mean(2, keepdims=True), 3, 2)
    if rng.random() < 0.12:
        view = cv2.GaussianBlur(view, (0, 0), rng.uniform(0.5, 1.4))
    if rng.random() < 0.15:
        view = view + rng.normal(0, rng.uniform(2, 12), view.shape).astype(np.float32)
    return np.clip(view, 0, 255).astype(np.float32)


class Views:
    """The cached views of a folder."""

    def __init__(self, folder: Path) -> None:
        """Open the shards.

        Raises:
            SourceError: there are none, or they are damaged.
        """
        self.folder = folder
        try:
            self.size = int(json.loads((folder / "views.json").read_text(encoding="utf-8"))["size"])
            self._shards = [
                {name: np.load(path / f"{name}.npy", mmap_mode="r") for name in _names()}
                for path in sorted(folder.glob("shard-*"))
                if (path / "whole").exists()
            ]
        except (OSError, ValueError, KeyError) as error:
            raise SourceError(
                f"The views in {folder} cannot be read ({error}); remove the folder, and they are made anew."
            ) from error
        if not self._shards:
            raise SourceError(f"There are no views in {folder}.")
        self._starts = np.cumsum([0, *(len(shard["view"]) for shard in self._shards)])
        first = self._shards[0]
        #: Mean and deviation of each channel of each tap, over the first shard's first views.
        self._norms = []
        for tap in TAPS:
            part = first[f"tap{tap}"][:200].astype(np.float32)
            self._norms.append((part.mean((0, 2, 3)), part.std((0, 2, 3)) + 2.0))

    def __len__(self) -> int:
        """How many views there are."""
        return int(self._starts[-1])

    def views(self, indices: list[int]) -> ImageArray:
        """(N, size, size, 3) uint8 BGR."""
        return np.stack([self._get("view", index) for index in indices])

    def answers(self, indices: list[int]) -> Answers:
        """The teacher's answers, the features normalised to zero mean and unit deviation."""
        logits = np.stack([self._get("logits", index) for index in indices]).astype(np.float32)
        sides = np.stack([self._get("sides", index) for index in indices]).astype(np.float32)
        features = []
        for tap, (mean, deviation) in zip(TAPS, self._norms, strict=True):
            part = np.stack([self._get(f"tap{tap}", index) for index in indices]).astype(np.float32)
            features.append(torch.from_numpy((part - mean[:, None, None]) / deviation[:, None, None]))
        return Answers(torch.from_numpy(logits), torch.from_numpy(sides), tuple(features))

    def channels(self) -> list[int]:
        """Of the teacher's taps."""
        return [int(self._shards[0][f"tap{tap}"].shape[1]) for tap in TAPS]

    def _get(self, name: str, index: int) -> NDArray[np.generic]:
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        view: NDArray[np.generic] = self._shards[shard][name][index - self._starts[shard]]
        return view


def make_views(
    pictures: list[Path],
    folder: Path,
    teacher: Teacher,
    *,
    count: int,
    size: int,
    seed: int,
    stop: Callable[[], bool] = lambda: False,
    on_view: Callable[[], None] = lambda: None,
) -> Views | None:
    """Draw views of the pictures, ask the teacher, and keep both; goes on where an earlier call stopped.

    Args:
        pictures: every one is drawn from equally often; broken ones are left out.
        folder: where the shards go.
        teacher: whom to ask.
        count: how many views.
        size: their side in pixels, a multiple of 32.
        seed: of what is drawn.
        stop: asked before every view.
        on_view: called after each, made now or before.

    Returns:
        The views; None where `stop` said so.

    Raises:
        UsageError: the folder holds views of another size.
        SourceError: no picture could be read.
        OutputError: the folder cannot be written.
    """
    if size % 32:
        raise UsageError(f"Views of {size} pixels are no multiple of 32.")
    _claim(folder, size, seed)
    done = sum(1 for path in folder.glob("shard-*") if (path / "whole").exists())
    for _ in range(min(done * SHARD, count)):
        on_view()
    for shard in range(done, -(-count // SHARD)):
        rows: list[ImageArray] = []
        for image in _drawn(pictures, seed, shard, min(SHARD, count - shard * SHARD), size):
            if stop():
                return None
            rows.append(image)
            on_view()
        if not rows:
            raise SourceError("None of the pictures could be read.")
        _write(folder / f"shard-{shard:05d}", np.stack(rows), teacher)
    return Views(folder)


def _ask(teacher: Teacher, views: ImageArray) -> list[NDArray[np.float32]]:
    rgb = torch.from_numpy(np.ascontiguousarray(views[..., ::-1])).permute(0, 3, 1, 2).float() / 255
    device = next(teacher.parameters()).device
    return [output.float().cpu().numpy() for output in teacher(rgb.to(device))]


def _names() -> list[str]:
    return ["view", "logits", "sides", *(f"tap{tap}" for tap in TAPS)]


def _claim(folder: Path, size: int, seed: int) -> None:
    """Say whose views these are. Raises UsageError where they are others'."""
    mark = folder / "views.json"
    wanted = {"size": size, "seed": seed}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not mark.exists():
            mark.write_text(json.dumps(wanted), encoding="utf-8")
        found = json.loads(mark.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"Cannot use the folder {folder}: {error}.") from error
    if found != wanted:
        raise UsageError(f"{folder} holds views made with {found}, not {wanted}; name another folder.")


def _drawn(pictures: list[Path], seed: int, shard: int, count: int, size: int) -> Iterator[ImageArray]:
    """The views of a shard; what is drawn depends on the seed and the shard's number alone."""
    order = np.random.default_rng(seed).permutation(len(pictures))
    rng = np.random.default_rng((seed, shard))
    position, given, failures = shard * SHARD, 0, 0
    while given < count and failures < len(pictures):
        path = pictures[order[position % len(pictures)]]
        position += 1
        try:
            image = read_picture(path)
        except ShufflecamError:
            failures += 1
            continue
        failures = 0
        given += 1
        yield draw_view(image, size, rng)


def _write(target: Path, views: ImageArray, teacher: Teacher) -> None:
    """One shard; `whole` is written last, so that one that was cut off does not count."""
    answers = [_ask(teacher, views[start : start + 8]) for start in range(0, len(views), 8)]
    logits, sides, *features = (np.concatenate(parts) for parts in zip(*answers, strict=True))
    arrays: dict[str, NDArray[np.generic]] = {
        "view": views,
        "logits": logits.astype(np.float16),
        "sides": sides.astype(np.float16),
    }
    for tap, feature in zip(TAPS, features, strict=True):
        arrays[f"tap{tap}"] = np.clip((feature - FEATURE_ZERO) / FEATURE_STEP, 0, 255).astype(np.uint8)
    try:
        target.mkdir(exist_ok=True)
        for name, array in arrays.items():
            np.save(target / f"{name}.npy", array)
        (target / "whole").touch()
    except OSError as error:
        raise OutputError(f"Cannot write {target}: {os.strerror(error.errno or 0)}.") from error
