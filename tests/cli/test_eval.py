from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from shufflecam.cli.main import run
from shufflecam.models.shufflenet import PoseNet
from tests.helpers.annotated import BOX, annotation, person_keypoints, write_set


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A network that says the same everywhere: enough to run all of it."""
    torch.manual_seed(0)
    net = PoseNet(17)
    torch.nn.init.constant_(net.head.final_layer.bias, 0.5)
    file = tmp_path / "random.safetensors"
    save_file(net.state_dict(), file)
    return file


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        run([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_coco_prints_figures_and_writes_what_pycocotools_loads(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pycocotools.coco import COCO

    folder, out = tmp_path / "set", tmp_path / "results.json"
    file = write_set(folder, [annotation(1, 1, person_keypoints()), annotation(2, 2, person_keypoints())], 2)
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps([{"image_id": 2, "category_id": 1, "bbox": BOX, "score": 0.9}]))
    common = ["--images", folder, "--annotations", file, "--weights", weights]
    code, text, _ = call(capsys, "eval", "coco", *common, "--boxes", boxes, "--json", out, "--no-flip-test")
    assert code == 0
    assert [line.split()[0] for line in text.splitlines()[:7]] == [
        "AP", "AP50", "AP75", "AP(M)", "AP(L)", "AR", "AR50",
    ]  # fmt: skip
    assert ".585" in text  # the published row beside ours
    results = json.loads(out.read_text())
    assert [entry["image_id"] for entry in results] == [2]
    assert len(COCO(str(file)).loadRes(str(out)).anns) == 1
    # Never silently replaced.
    code, _, error = call(capsys, "eval", "coco", *common, "--boxes", boxes, "--json", out)
    assert code == 1
    assert "--overwrite" in error


def test_coco_says_which_pictures_are_missing(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = [annotation(1, 1, person_keypoints()), annotation(2, 2, person_keypoints())]
    file = write_set(tmp_path, people, 2)
    (tmp_path / "001.png").unlink()
    common = [
        "eval",
        "coco",
        "--images",
        tmp_path,
        "--annotations",
        file,
        "--weights",
        weights,
        "--no-flip-test",
    ]
    code, text, error = call(capsys, *common)
    assert (code, text) == (3, "")
    assert "001.png" in error
    code, text, _ = call(capsys, *common, "--allow-missing")
    assert code == 0
    assert "left out, not on disk: 1" in text


def test_models_of_other_keypoints_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--images", tmp_path, "--annotations", tmp_path / "a.json"]
    assert call(capsys, "eval", "coco", *arguments, "--model", "mpii-256x256")[0] == 2
    assert call(capsys, "eval", "mpii", *arguments, "--model", "coco-256x192")[0] == 2


def test_mpii_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import cv2
    import numpy as np

    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((100, 120, 3), np.uint8))
    joints = [[20.0 + 4 * i, 30.0 + i] for i in range(16)]
    person = {"image": "a.jpg", "center": [50, 50], "scale": 0.4, "joints": joints, "joints_vis": [1] * 16}
    file = tmp_path / "val.json"
    file.write_text(json.dumps([person, {**person, "image": "gone.jpg"}]))
    net = PoseNet(16)
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    code, text, _ = call(
        capsys, "eval", "mpii", "--images", tmp_path, "--annotations", file, "--weights",
        tmp_path / "net.safetensors", "--allow-missing", "--no-flip-test",
    )  # fmt: skip
    assert code == 0
    figures = dict(line.split()[:2] for line in text.splitlines())
    assert figures["people"] == "1"
    assert {"head", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "mean", "mean@0.1"} <= set(figures)
    assert 0 <= float(figures["mean"]) <= 1


def test_detector_prints_both_columns_and_their_ratio(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pycocotools.coco import COCO

    from shufflecam.models.yolo import build_network

    torch.manual_seed(0)
    net = build_network("yolov8n", 1)
    # Sure of something everywhere, so that boxes come out.
    for layer in net.model[-1].cv3:
        torch.nn.init.constant_(layer[-1].bias, 2.0)
    weights, other = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    for file in (weights, other):
        save_file(net.state_dict(), file, {"architecture": "yolov8n"})
    folder, out = tmp_path / "set", tmp_path / "boxes.json"
    person = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "bbox": BOX}  # no keypoints
    file = write_set(folder, [person], 1)
    common = ["--images", folder, "--annotations", file, "--det-size", 96, "--backend", "torch", "--quiet"]
    code, text, _ = call(
        capsys, "eval", "detector", *common, "--detector", weights, "--beside", other, "--json", out
    )
    assert code == 0
    rows = [line.split() for line in text.splitlines()]
    assert rows[0] == ["a.safetensors", "b.safetensors", "ratio"]
    assert ["AP50", "from", "96x96"] in [row[:3] for row in rows]
    assert COCO(str(file)).loadRes(str(out)).anns
    assert sum(row[0] == "AP" and row[1] == row[2] for row in rows) == 1  # the same network twice


def test_detector_without_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--images", tmp_path, "--annotations", tmp_path / "a.json", "--detector", "none"]
    code, _, error = call(capsys, "eval", "detector", *arguments)
    assert code == 2
    assert "finds nobody to measure" in error
