"""Views of pictures with a teacher's outputs for them, made once and cached on disk.

The teacher takes longer than the student's whole step, so its outputs are cached: a folder of shards, each
a set of `.npy` files that are read through memory maps. Memory does not grow with their number.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from shufflecam.core.errors import OutputError, ShufflecamError, SourceError, UsageError
from shufflecam.core.reasons import reason
from shufflecam.core.text import read_text
from shufflecam.core.types import FloatArray, ImageArray
from shufflecam.detect.decode import NMS_IOU, non_max_suppression
from shufflecam.sources.pictures.picture import read_picture
from shufflecam.train.person.crops import cut_view, draw_view, whole_view
from shufflecam.train.person.nets import TAPS, Answers, Teacher, anchor_strides, anchors

SHARD = 500
"""Views per shard."""

FEATURE_STEP = 1 / 40
FEATURE_ZERO = -0.3
"""Features are stored in one byte each: SiLU's outputs start at -0.28, and few of a teacher's exceed 6."""


class Views:
    """The cached views of a folder."""

    def __init__(self, folder: Path) -> None:
        """Open the shards.

        Raises:
            SourceError: there are none, or they are damaged.
        """
        self.folder = folder
        try:
            self.size = int(json.loads(read_text(folder / "views.json"))["size"])
            self._shards = [
                {name: np.load(path / f"{name}.npy", mmap_mode="r") for name in _names()}
                for path in sorted(folder.glob("shard-*"))
                if (path / "whole").exists()
            ]
        except (OSError, ValueError, KeyError) as error:
            raise SourceError(
                f"The views in {folder} cannot be read ({reason(error)}); remove the folder, and they are "
                "made anew."
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
        """Return the number of views."""
        return int(self._starts[-1])

    def views(self, indices: list[int]) -> ImageArray:
        """Return views as (N, size, size, 3) uint8 BGR."""
        return np.stack([self._get("view", index) for index in indices])

    def answers(self, indices: list[int]) -> Answers:
        """Return the teacher's outputs, the features normalised to zero mean and unit deviation."""
        logits = np.stack([self._get("logits", index) for index in indices]).astype(np.float32)
        sides = np.stack([self._get("sides", index) for index in indices]).astype(np.float32)
        features = []
        for tap, (mean, deviation) in zip(TAPS, self._norms, strict=True):
            part = np.stack([self._get(f"tap{tap}", index) for index in indices]).astype(np.float32)
            features.append(torch.from_numpy((part - mean[:, None, None]) / deviation[:, None, None]))
        return Answers(torch.from_numpy(logits), torch.from_numpy(sides), tuple(features))

    def channels(self) -> list[int]:
        """Return the numbers of channels of the teacher's taps."""
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
    cut: float = 0.0,
    stop: Callable[[], bool] = lambda: False,
    on_view: Callable[[], None] = lambda: None,
) -> Views | None:
    """Draw views of the pictures, run the teacher, and store both; resumes where an earlier call stopped.

    Args:
        pictures: all are drawn from equally often; invalid ones are omitted.
        folder: where the shards are written.
        teacher: computes the outputs.
        count: number of views.
        size: their side in pixels, a multiple of 32.
        seed: of the random draws.
        cut: fraction of the views in which a person is truncated by the frame; the teacher finds the people.
        stop: called before every view.
        on_view: called after each, made now or before.

    Returns:
        The views; None if `stop` returned true.

    Raises:
        UsageError: `size` is no multiple of 32, or the folder holds views with other settings.
        SourceError: no picture could be read.
        OutputError: the folder cannot be written.
    """
    if size % 32:
        raise UsageError(f"Views of {size} pixels are no multiple of 32.")
    _claim(folder, size, seed, cut)
    done = sum(1 for path in folder.glob("shard-*") if (path / "whole").exists())
    for _ in range(min(done * SHARD, count)):
        on_view()
    for shard in range(done, -(-count // SHARD)):
        rows: list[ImageArray] = []
        draw = functools.partial(_draw, teacher, size, cut)
        for image in _drawn(pictures, seed, shard, min(SHARD, count - shard * SHARD), draw):
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


def _claim(folder: Path, size: int, seed: int, cut: float) -> None:
    """Store the settings of the views in the folder. Raises UsageError if it holds views with others."""
    mark = folder / "views.json"
    wanted = {"size": size, "seed": seed, "cut": cut}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not mark.exists():
            mark.write_text(json.dumps(wanted), encoding="utf-8")
        found = {"cut": 0.0, **json.loads(read_text(mark))}  # earlier versions did not store it
    except (OSError, ValueError, TypeError) as error:
        raise OutputError(f"Cannot use the folder {folder}: {reason(error)}.") from error
    if found != wanted:
        theirs = " ".join(f"--{name} {value}" for name, value in found.items())
        raise UsageError(f"{folder} holds views made with {theirs}; give the same, or name another folder.")


def people_in(teacher: Teacher, image: ImageArray, size: int) -> FloatArray:
    """Return (N, 4) boxes in the picture's pixels of people with a score above 0.5, highest score first.

    Args:
        teacher: the detector.
        image: (H, W, 3) uint8 BGR.
        size: side in pixels of the view passed to it, a multiple of 32.
    """
    logits, sides, *_ = _ask(teacher, whole_view(image, size)[None])
    sure = np.flatnonzero(logits[0] > 0)  # scores above a half
    sure = sure[np.argsort(-logits[0, sure], kind="stable")]
    middle, strides = anchors(size).numpy()[sure], anchor_strides(size).numpy()[sure, None]
    reach = sides[0].T[sure]
    boxes = np.concatenate([middle - reach[:, :2], middle + reach[:, 2:]], 1) * strides
    boxes = boxes[non_max_suppression(boxes, NMS_IOU)]
    height, width = image.shape[:2]
    zoom = size / max(height, width)
    margin = (size - np.array([width, height, width, height]) * zoom) / 2
    return ((boxes - margin) / zoom).astype(np.float32)


def _draw(teacher: Teacher, size: int, cut: float, image: ImageArray, rng: np.random.Generator) -> ImageArray:
    if cut and rng.random() < cut:
        people = people_in(teacher, image, size)
        if len(people):
            return cut_view(image, people[int(rng.integers(len(people)))], size, rng)
    return draw_view(image, size, rng)


def _drawn(
    pictures: list[Path],
    seed: int,
    shard: int,
    count: int,
    draw: Callable[[ImageArray, np.random.Generator], ImageArray],
) -> Iterator[ImageArray]:
    """Yield the views of a shard; the draws depend only on the seed, the shard's number and `draw`."""
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
        yield draw(image, rng)


def _write(target: Path, views: ImageArray, teacher: Teacher) -> None:
    """Write one shard; `whole` is created last, so that an incomplete shard does not count."""
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
        raise OutputError(f"Cannot write {target}: {reason(error)}.") from error
