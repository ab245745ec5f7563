"""Training data: concatenated COCO-format keypoint sets, drawn in an order that a resumed run reproduces.

Keypoints are mapped to the network's skeleton by name; a joint that a set lacks has weight 0. Besides
COCO's own fields an annotation may have `keypoint_weights` (K numbers in 0..1): the confidence of
pseudo-labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from shufflecam.core.errors import SourceError, UsageError
from shufflecam.core.geometry import box_to_center_scale
from shufflecam.core.skeleton import COCO_17, MPII_16, Skeleton
from shufflecam.core.types import FloatArray
from shufflecam.evaluate.annotations import check_size, read_coco
from shufflecam.train.pose.augment import Augmentation, Region, cut, jitter
from shufflecam.train.sets import SetSpec

LSP_14 = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
    "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
    "neck", "head_top",
)  # fmt: skip
"""The keypoint order of Leeds Sports Poses (Johnson and Everingham, 2010)."""

NAMES_BY_COUNT = {17: COCO_17.keypoints, 16: MPII_16.keypoints, 14: LSP_14}
"""Number of keypoints -> names assumed for a file without names."""

ALIASES = {"neck": "upper_neck"}
"""LSP's neck is MPII's upper neck."""


@dataclass(frozen=True, eq=False)
class People:
    """N people of one or more sets."""

    paths: tuple[Path, ...]
    sizes: tuple[tuple[int, int] | None, ...]
    """Stated (width, height) of each person's picture."""
    boxes_xyxy: FloatArray
    """(N, 4) image pixels."""
    keypoints: FloatArray
    """(N, K, 2) image pixels; NaN where not annotated."""
    weights: FloatArray
    """(N, K) in 0..1; 0 where not annotated."""
    repeats: FloatArray
    """(N,) how often each is drawn in an epoch."""

    def __len__(self) -> int:
        return len(self.paths)


def read_people(specs: list[SetSpec], skeleton: Skeleton) -> People:
    """Return all people with at least one keypoint.

    Raises:
        SourceError: a file or picture is missing.
        UsageError: a file is invalid, or no person has a keypoint of the skeleton.
    """
    paths: list[Path] = []
    sizes: list[tuple[int, int] | None] = []
    boxes: list[list[float]] = []
    points: list[FloatArray] = []
    weights: list[FloatArray] = []
    repeats: list[float] = []
    for spec in specs:
        data = read_coco(spec.annotations, spec.images, keypoints=None)
        pictures = {picture.id: picture for picture in data.pictures}
        for index, person in enumerate(data.annotations):
            if person.get("iscrowd") or not person["num_keypoints"]:
                continue
            where = f"annotation {index} of {spec.annotations}"
            mapped, trust = _mapped(person, data.keypoint_names, skeleton, where)
            picture = pictures[person["image_id"]]
            x, y, w, h = person["bbox"]
            paths.append(picture.path)
            sizes.append(picture.size)
            boxes.append([x, y, x + w, y + h])
            points.append(mapped)
            weights.append(trust)
            repeats.append(spec.weight)
    if not paths or not any(weight.any() for weight in weights):
        raise UsageError("The sets hold nobody with keypoints that this skeleton has.")
    return People(
        tuple(paths),
        tuple(sizes),
        np.array(boxes, np.float32),
        np.stack(points),
        np.stack(weights),
        np.array(repeats, np.float32),
    )


def _mapped(
    person: dict[str, Any], names: tuple[str, ...], skeleton: Skeleton, where: str
) -> tuple[FloatArray, FloatArray]:
    """Return a person's keypoints (K, 2) and weights (K,) in the skeleton's order."""
    values = np.array(person["keypoints"], np.float32).reshape(-1, 3)
    names = names or NAMES_BY_COUNT.get(len(values), ())
    if len(names) != len(values):
        raise UsageError(f"The {len(values)} keypoints of {where} have no names; give them in 'categories'.")
    trust = np.array(person.get("keypoint_weights", np.ones(len(values))), np.float32)
    if trust.shape != (len(values),) or not ((trust >= 0) & (trust <= 1)).all():
        raise UsageError(f"The keypoint_weights of {where} are not {len(values)} numbers in 0..1.")
    place = {ALIASES.get(name, name): index for index, name in enumerate(names)}
    points = np.full((len(skeleton.keypoints), 2), np.nan, np.float32)
    weights = np.zeros(len(skeleton.keypoints), np.float32)
    for target, name in enumerate(skeleton.keypoints):
        source = place.get(name)
        if source is not None and values[source, 2] > 0:
            points[target] = values[source, :2]
            weights[target] = trust[source]
    return points, weights


@dataclass(frozen=True)
class Order:
    """The order of the draws: a function of the seed and the draw's number, so that runs can resume."""

    repeats: tuple[float, ...]
    seed: int

    @property
    def epoch_length(self) -> int:
        """Number of draws in one epoch."""
        return max(1, round(float(np.sum(self.repeats))))

    def epoch(self, number: int) -> list[int]:
        """Return the people of one epoch, shuffled; fractions of a repeat are drawn at random."""
        generator = np.random.default_rng([self.seed, number])
        repeats = np.asarray(self.repeats)
        whole = np.repeat(np.arange(len(repeats)), np.floor(repeats).astype(int))
        part = repeats - np.floor(repeats)
        missing = self.epoch_length - len(whole)
        extra = (
            generator.choice(len(repeats), missing, replace=False, p=part / part.sum())
            if 0 < missing <= np.count_nonzero(part)
            else np.zeros(0, int)
        )
        return [int(index) for index in generator.permutation(np.concatenate([whole, extra]))]


class Crops(Dataset[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]):
    """Maps a draw to crop, keypoints and weights. Each draw has its own random generator."""

    def __init__(self, people: People, skeleton: Skeleton, augmentation: Augmentation, seed: int) -> None:
        self._people = people
        self._skeleton = skeleton
        self._augmentation = augmentation
        self._seed = seed

    def __getitem__(
        self, draw: tuple[int, int, int, int, int]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return one crop.

        Args:
            draw: (person, epoch, position in the epoch, input width, input height).

        Returns:
            crop (H, W, 3) uint8 BGR; keypoints (K, 2) float32 in crop pixels; weights (K,) float32.

        Raises:
            SourceError: the picture is invalid, or its size differs from that stated.
        """
        person, epoch, position, width, height = draw
        dice = np.random.default_rng([self._seed, 1, epoch, position])
        path = self._people.paths[person]
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise SourceError(f"The training picture {path} cannot be read; replace it or remove its entry.")
        stated = self._people.sizes[person]
        if stated is not None and stated != (image.shape[1], image.shape[0]):
            from shufflecam.evaluate.annotations import Picture

            check_size(Picture(0, path, stated), (image.shape[1], image.shape[0]))
        centers, scales = box_to_center_scale(self._people.boxes_xyxy[person : person + 1], width / height)
        keypoints, weights = self._people.keypoints[person], self._people.weights[person]
        region = Region(centers[0], scales[0])
        region = self._augmentation.move(region, keypoints, self._skeleton, width / height, dice)
        crop, keypoints = cut(image, region, keypoints, (width, height))
        if dice.random() < self._augmentation.flip:
            crop = crop[:, ::-1]
            keypoints = keypoints[list(self._skeleton.flip_order)]
            weights = weights[list(self._skeleton.flip_order)]
            keypoints = np.stack([width - 1 - keypoints[:, 0], keypoints[:, 1]], axis=1)
        crop = jitter(crop, self._augmentation, dice)
        return (
            torch.from_numpy(np.ascontiguousarray(crop)),
            torch.from_numpy(keypoints.astype(np.float32)),
            torch.from_numpy(weights.copy()),
        )
