"""Small annotation files whose right answers are known by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from shufflecam.core.geometry import box_to_center_scale
from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import FloatArray
from shufflecam.pose.decode import encode

BOX = [60.0, 30.0, 90.0, 180.0]
SIZE = (240, 260)


def person_keypoints(offset: float = 0.0) -> FloatArray:
    """(17, 2) whole pixels within BOX."""
    grid = [(70 + 16 * (i % 5), 40 + 40 * (i // 5)) for i in range(17)]
    return np.array(grid, np.float32) + offset


def annotation(number: int, image_id: int, keypoints: FloatArray, **more: Any) -> dict[str, Any]:
    flat = [float(v) for x, y in keypoints for v in (x, y, 2)]
    area = BOX[2] * BOX[3] * 0.53
    return {
        "id": number,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": BOX,
        "area": area,
        "keypoints": flat,
        "num_keypoints": 17,
        **more,
    }


def write_set(folder: Path, people: list[dict[str, Any]], images: int, **more: Any) -> Path:
    """Grey pictures and their annotation file; returns the file, the pictures lie in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number in range(1, images + 1):
        cv2.imwrite(str(folder / f"{number:03d}.png"), np.full((SIZE[1], SIZE[0], 3), 128, np.uint8))
        entries.append({"id": number, "file_name": f"{number:03d}.png", "width": SIZE[0], "height": SIZE[1]})
    file = folder / "people.json"
    document = {"images": entries, "annotations": people, "categories": [{"id": 1, "name": "person"}], **more}
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


class Oracle:
    """An engine that draws the heatmaps of known keypoints, one set a crop, in the crops' order."""

    name = "oracle"

    def __init__(self, box_xyxy: list[float], answers: list[FloatArray], heights: list[float]) -> None:
        self.center, self.scale = box_to_center_scale(np.array([box_xyxy], np.float32), 192 / 256)
        self.answers, self.heights = answers, heights
        self.batches: list[int] = []

    def run(self, inputs: FloatArray) -> FloatArray:
        done = sum(self.batches)
        self.batches.append(len(inputs))
        maps = np.zeros((len(inputs), len(COCO_17.keypoints), 64, 48), np.float32)
        for row in range(len(inputs)):
            points = (self.answers[done + row] - self.center + self.scale / 2) / self.scale * (48, 64)
            drawn, _ = encode(
                points[None].astype(np.float32), np.ones((1, 17), np.float32), (48, 64), 2, unbiased=True
            )
            maps[row] = drawn[0] * self.heights[done + row]
        return maps
