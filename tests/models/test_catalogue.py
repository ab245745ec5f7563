"""The catalogue holds what DESIGN promises, and knows where files are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shufflecam.core.errors import UsageError, WeightsError
from shufflecam.models import automatic, catalogue
from shufflecam.models.catalogue import (
    DEFAULT_POSE,
    PERSONS,
    POSES,
    all_entries,
    cache_dir,
    entry,
    locate,
    person_entry,
    pose_entry,
    require,
    state_of,
)


def test_the_promised_names() -> None:
    assert [model.name for model in POSES] == [
        "shufflecam-256x192",
        "coco-256x192",
        "coco-384x288",
        "mpii-256x256",
        "coco-256x192-2022",
        "coco-384x288-2022",
    ]
    assert [model.name for model in PERSONS] == [
        "shufflecam-person",
        "yolov8n",
        "yolov8s",
        "yolo11n",
        "yolo26n",
    ]


@pytest.mark.parametrize("model", all_entries(), ids=lambda model: model.name)
def test_entries_are_sound(model) -> None:
    assert model.url is None or model.url.startswith("https://")
    assert model.url is None or model.url.endswith("/" + model.file)
    assert len(model.sha256) in (0, 8, 64)
    assert set(model.sha256) <= set("0123456789abcdef")
    assert model.published
    assert model.licence
    if model.kind == "pose" and model.url:
        assert f"-{model.sha256}_" in model.file  # OpenMMLab writes the digits into the name
        width, height = model.input_size
        assert f"{height}x{width}" in model.name


@pytest.mark.parametrize(
    ("name", "size", "sigma", "keypoints"),
    [
        ("shufflecam-256x192", (192, 256), 2, 17),
        ("coco-384x288", (288, 384), 3, 17),
        ("mpii-256x256", (256, 256), 2, 16),
    ],
)
def test_pose_entries(name: str, size: tuple[int, int], sigma: float, keypoints: int) -> None:
    model = pose_entry(name)
    assert (model.input_size, model.sigma, len(model.skeleton.keypoints)) == (size, sigma, keypoints)


def test_names_that_there_are_not() -> None:
    for look_up, what in ((entry, "model"), (pose_entry, "pose model"), (person_entry, "detector")):
        with pytest.raises(UsageError, match=f"there is no {what} 'hrnet'; choose one of"):
            look_up("hrnet")
    with pytest.raises(UsageError):
        pose_entry("yolov8n")
    with pytest.raises(UsageError):
        person_entry("coco-256x192")


def test_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHUFFLECAM_CACHE", raising=False)
    assert cache_dir().name.startswith("shufflecam")
    monkeypatch.setenv("SHUFFLECAM_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
    model = entry("yolov8n")
    assert (locate(model), state_of(model)) == (None, "to fetch")
    with pytest.raises(WeightsError, match="shufflecam models get yolov8n"):
        require(model)
    (tmp_path / "yolov8n.pt").write_bytes(b"x")
    assert (locate(model), state_of(model)) == (tmp_path / "yolov8n.pt", "cached")
    assert require(model) == tmp_path / "yolov8n.pt"


def test_an_embedded_file_is_never_looked_for_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHUFFLECAM_CACHE", str(tmp_path))
    model = entry(DEFAULT_POSE)
    (tmp_path / model.file).write_bytes(b"x")
    found = locate(model)
    assert found is None or found.parent != tmp_path
    assert state_of(model) in ("embedded", "missing")


def test_no_torch_here() -> None:
    code = "import sys, shufflecam.models.catalogue, shufflecam.models.fetch; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_auto_takes_what_was_fetched_before_what_is_embedded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SHUFFLECAM_CACHE", str(tmp_path))
    assert (automatic.auto_pose(), automatic.auto_pose(large=True)) == (catalogue.DEFAULT_POSE,) * 2
    assert automatic.auto_person() == catalogue.DEFAULT_PERSON
    for name in ("coco-384x288", "mpii-256x256", "yolov8s", "yolov8n"):
        path = tmp_path / catalogue.entry(name).file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    assert automatic.auto_pose() == automatic.auto_pose(large=True) == "coco-384x288"
    assert automatic.auto_person() == "yolov8n"
    (tmp_path / catalogue.entry("coco-256x192").file).write_bytes(b"")
    assert (automatic.auto_pose(), automatic.auto_pose(large=True)) == ("coco-256x192", "coco-384x288")


def test_what_auto_takes_and_best_fetches_is_in_the_catalogue() -> None:
    for name in (*automatic.AUTO_POSES, automatic.BEST[0]):
        assert catalogue.pose_entry(name).skeleton.name == "coco17"
    for name in (*automatic.AUTO_PERSONS, automatic.BEST[1]):
        assert catalogue.person_entry(name).url
