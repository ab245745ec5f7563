"""Other tools on the same frames, for `shufflecam bench --peers`: times only, without their weights."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from shufflecam.bench.passes import Part
from shufflecam.core.errors import SourceError
from shufflecam.models.yolo import quiet_ultralytics

if TYPE_CHECKING:
    from shufflecam.core.types import ImageArray

YOLO_POSE = "yolo11n-pose"
YOLO_POSE_SIZE = 640
"""Default of its predictor."""


class YoloPose:
    """Ultralytics' `yolo11n-pose` with its defaults on the CPU.

    Its architecture from the package, with random weights: as fast as with trained ones. Each frame takes the
    steps of its predictor: decode with OpenCV, letterbox to 640, run the network in float32, suppress.
    Nothing is drawn or written. (Its predictor itself imports torchvision, which is not needed here.)
    """

    def __init__(self) -> None:
        with quiet_ultralytics():
            from pathlib import Path

            import ultralytics
            from ultralytics.nn.tasks import PoseModel
            from ultralytics.utils import YAML

        folder = Path(ultralytics.__file__).parent / "cfg" / "models" / "11"
        description = {
            **YAML.load(folder / "yolo11-pose.yaml"),
            "scale": "n",
            "yaml_file": f"{YOLO_POSE}.yaml",
        }
        self._net = PoseModel(description, verbose=False).eval()
        self._net.fuse(verbose=False)
        self._look(np.zeros((YOLO_POSE_SIZE, YOLO_POSE_SIZE, 3), np.uint8))  # the first run is always slow

    def __call__(self, part: Part) -> float:
        """Run one pass over the frames of a part; return milliseconds per frame. Raises SourceError."""
        import cv2

        capture = cv2.VideoCapture(part.clip)
        if part.start_s is not None:
            capture.set(cv2.CAP_PROP_POS_MSEC, 1000 * part.start_s)
        done = 0
        began = time.perf_counter()
        while done < part.frames:
            read, image = capture.read()
            if not read:
                break
            self._look(image)
            done += 1
        seconds = time.perf_counter() - began
        capture.release()
        if not done:
            raise SourceError(f"OpenCV, with which {YOLO_POSE} reads, finds no picture in {part.clip}.")
        return 1000 * seconds / done

    def _look(self, image: ImageArray) -> None:
        import torch
        from ultralytics.utils.nms import non_max_suppression

        from shufflecam.detect.decode import letterbox

        with torch.inference_mode():
            output = self._net(torch.from_numpy(letterbox(image, YOLO_POSE_SIZE).inputs))
            non_max_suppression(output[0] if isinstance(output, tuple) else output, nc=1)
