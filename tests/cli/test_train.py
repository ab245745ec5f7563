from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from shufflecam.cli.main import run
from shufflecam.models.load import pose_tensors
from tests.helpers.annotated import annotation, person_keypoints, write_set


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        run([str(argument) for argument in arguments])
    return int(end.value.code or 0)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_train_measures_exports_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, target = tmp_path / "set", tmp_path / "mine.safetensors"
    people = [annotation(number, number, person_keypoints()) for number in (1, 2)]
    file = write_set(folder, people, 2)
    common = [
        "train", "pose", "--data", f"{file}:{folder}:2", "--out", tmp_path / "run", "--epochs", 1,
        "--batch", 2,
        "--size", "64x64", "--head-width", "16,16,16", "--loss", "ce-mse", "--device", "cpu",
        "--augmentation", "gentle", "--val", f"{file}:{folder}",
    ]  # fmt: skip
    assert call(*common, "--export", target) == 0
    lines = [json.loads(line) for line in (tmp_path / "run/history.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 2
    assert any("ap" in line for line in lines)
    card = pose_tensors(target).metadata
    assert card["input_size"] == "64x64"
    assert card["architecture"] == "shufflenetv1-heatmap"
    assert card["result"].startswith("AP ")
    # The same command again: nothing is left to do. Another batch: refused.
    assert call(*common) == 0
    assert call(*common, "--batch", 4) == 2
    assert "batch was 2 and is 4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--data", "nowhere.json:nowhere"], 3),
        (["--data", "nowhere.json"], 2),
        (["--data", "a:b", "--size", "100x100"], 2),
        (["--data", "a:b", "--head-width", "1,2"], 2),
        (["--data", "a:b", "--progressive", "96x128"], 2),
        (["--data", "a:b", "--export", "x.pth"], 2),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, arguments: list[str], code: int) -> None:
    assert call("train", "pose", "--out", tmp_path / "run", *arguments) == code
    assert not (tmp_path / "run").exists()


def test_an_empty_set_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_set(tmp_path, [], 1)
    assert call("train", "pose", "--out", tmp_path / "run", "--data", f"{file}:{tmp_path}") == 3
    assert "No person" in capsys.readouterr().err


def test_labels_of_an_openvino_teacher_can_be_trained_on(tmp_path: Path, shared_dir: Path) -> None:
    """The teacher at hand on one photo of ultralytics' with a detector from the shared folder."""
    pytest.importorskip("openvino")
    import shutil
    from importlib.util import find_spec

    from shufflecam.core.skeleton import COCO_17
    from shufflecam.train.pose.data import read_people
    from shufflecam.train.sets import SetSpec

    spec = find_spec("ultralytics")
    assert spec is not None
    photo = Path(next(iter(spec.submodule_search_locations or []))) / "assets/bus.jpg"
    photos, labels = tmp_path / "photos", tmp_path / "labels.json"
    photos.mkdir()
    shutil.copy(photo, photos)
    (photos / "broken.jpg").write_bytes(b"no picture")
    weights = shared_dir / "data/weights"
    teacher = weights / "pp_tinypose_256_192_openvino_fp16.xml"
    arguments = ["--out", labels, "--teacher", teacher, "--detector", weights / "yolov8n.pt"]
    assert call("train", "label", photos, *arguments) == 0
    people = read_people([SetSpec(labels, photos)], COCO_17)
    assert len(people) == 3  # the three largest
    assert (people.weights > 0.9).sum(axis=1).min() >= 6


def test_train_detector_measures_exports_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.torch import save_file

    from shufflecam.models.yolo import build_network, load_network

    folder, target, teacher = tmp_path / "set", tmp_path / "mine.safetensors", tmp_path / "t.safetensors"
    person = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "bbox": [10.0, 10.0, 100.0, 120.0]}
    file = write_set(folder, [person], 2)
    torch.manual_seed(0)
    save_file(build_network("yolov8n", 2).state_dict(), teacher, {"architecture": "yolov8n"})
    common = [
        "train", "detector", folder, "--teacher", teacher, "--out", tmp_path / "run", "--views", 4,
        "--size", 64, "--epochs", 1, "--batch", 2, "--device", "cpu", "--val", f"{file}:{folder}",
    ]  # fmt: skip
    assert call(*common, "--export", target) == 0
    lines = [json.loads(line) for line in (tmp_path / "run/history.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 2
    assert any("ap" in line for line in lines)
    assert load_network(target).metadata["teacher"] == "t.safetensors"
    # The same command again: nothing is left to do. Other settings: refused, as is a folder without pictures.
    assert call(*common) == 0
    assert call(*common, "--lr", 1) == 2
    (tmp_path / "empty").mkdir()
    arguments = ["train", "detector", tmp_path / "empty", "--teacher", teacher, "--out", tmp_path / "other"]
    assert call(*arguments) == 3
    assert "no pictures below" in capsys.readouterr().err
