"""The same predictions through the reference's own metric: figures of mmpose 1.3.2's CocoMetric, run once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shufflecam.core.geometry import box_to_center_scale
from shufflecam.core.skeleton import COCO_17
from shufflecam.evaluate.annotations import CocoSet, read_coco
from shufflecam.evaluate.coco import Scored, oks_nms, result_entry, score
from shufflecam.pose.estimator import instance_score

MMPOSE = {
    "dev": (
        0.74914,
        0.96789,
        0.90543,
        0.76405,
        0.75027,
        0.85122,
        0.99187,
        0.95935,
        0.86515,
        0.83214,
    ),
    "train": (
        0.73389,
        0.96449,
        0.84144,
        0.7558,
        0.73108,
        0.84945,
        0.99725,
        0.92857,
        0.85,
        0.84933,
    ),
}
"""AP, AP50, AP75, AP(M), AP(L), AR, AR50, AR75, AR(M), AR(L); score_mode bbox_keypoint, oks_nms at 0.9."""


def noisy(data: CocoSet) -> dict[int, list[Scored]]:
    """Two predictions a person: the truth with noise, some joints unsure, boxes scored."""
    dice = np.random.RandomState(7)
    people: dict[int, list[Scored]] = {}
    for person in data.annotations:
        points = np.array(person["keypoints"], np.float64).reshape(17, 3)
        x, y, w, h = person["bbox"]
        _, scales = box_to_center_scale(np.array([[x, y, x + w, y + h]], np.float32), 0.75)
        for spread in (0.01, 0.05):
            noise = dice.normal(0, spread * np.sqrt(person["area"]), (17, 2))
            keypoints = (np.where(points[:, 2:] > 0, points[:, :2], [x + w / 2, y + h / 2]) + noise).astype(
                np.float32
            )
            scores = dice.uniform(0, 1, 17).astype(np.float32)
            value = instance_score(float(dice.uniform(0.1, 1)), scores)
            people.setdefault(person["image_id"], []).append(
                Scored(keypoints, scores, value, float(scales[0].prod()))
            )
    return people


@pytest.mark.parametrize("split", ["dev", "train"])
def test_figures_are_the_reference_s(split: str, shared_dir: Path) -> None:
    folder = shared_dir / "data/coco-people"
    data = read_coco(folder / f"person_keypoints_{split}.json", folder / "images")
    people = noisy(data)
    results = [
        result_entry(image_id, found[index])
        for image_id, found in people.items()
        for index in oks_nms(found, COCO_17.sigmas)
    ]
    assert len(data.annotations) < len(results) < 2 * len(data.annotations)  # the NMS had something to do
    figures = score(results, data, COCO_17)
    assert list(figures.as_dict().values()) == pytest.approx(MMPOSE[split], abs=5e-4)
