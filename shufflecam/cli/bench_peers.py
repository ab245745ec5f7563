"""Other tools on the same frames, for `shufflecam bench --peers`: times only, without weights of theirs."""

from __future__ import annotations

import statistics
import time
from typing import Any

from shufflecam.cli.bench_passes import Part
from shufflecam.detect.yolo import quiet_ultralytics

YOLO_POSE = "yolo11n-pose"
YOLO_POSE_SIZE = 640
"""Its predictor's default."""


def time_yolo_pose(part: Part, runs: int) -> dict[str, Any]:
    """Ultralytics' `yolo11n-pose` over the frames of a part, at its defaults on the CPU.

    Its architecture from the package, with random weights: as fast as with trained ones. What its predictor
    does for each frame: decode with OpenCV, letterbox to 640, the network in float32, suppression. Nothing
    is drawn or written, which flatters it. (Its predictor itself imports torchvision: not needed here.)

    Returns:
        {"frame_ms", "fps"}: medians over the runs.
    """
    with quiet_ultralytics():
        from pathlib import Path

        import torch
        import ultralytics
        from ultralytics.nn.tasks import PoseModel
        from ultralytics.utils import YAML
        from ultralytics.utils.nms import non_max_suppression
    import cv2

    from shufflecam.detect.decode import letterbox

    folder = Path(ultralytics.__file__).parent / "cfg" / "models" / "11"
    description = {**YAML.load(folder / "yolo11-pose.yaml"), "scale": "n", "yaml_file": f"{YOLO_POSE}.yaml"}
    net = PoseModel(description, verbose=False).eval()
    net.fuse(verbose=False)
    times = []
    for _ in range(runs):
        capture = cv2.VideoCapture(part.clip)
        if part.start_s is not None:
            capture.set(cv2.CAP_PROP_POS_MSEC, 1000 * part.start_s)
        done = 0
        began = time.perf_counter()
        while done < part.frames:
            read, image = capture.read()
            if not read:
                break
            with torch.inference_mode():
                output = net(torch.from_numpy(letterbox(image, YOLO_POSE_SIZE).inputs))
                non_max_suppression(output[0] if isinstance(output, tuple) else output, nc=1)
            done += 1
        if done:
            times.append(1000 * (time.perf_counter() - began) / done)
        capture.release()
    frame_ms = statistics.median(times) if times else float("nan")
    return {"frame_ms": frame_ms, "fps": 1000 / frame_ms}
