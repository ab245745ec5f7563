"""The weights that come with the package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from shufflecam.core.types import Frame
from shufflecam.detect.open import open_detector
from shufflecam.models.catalogue import (
    DEFAULT_PERSON,
    DEFAULT_POSE,
    embedded_path,
    person_entry,
    pose_entry,
)
from shufflecam.models.fetch import file_sha256
from shufflecam.models.load import load_pose
from shufflecam.models.yolo import load_network
from shufflecam.sources.pictures.picture import read_picture


def test_the_embedded_pose_network_is_the_one_of_the_catalogue() -> None:
    path = embedded_path(DEFAULT_POSE)
    assert path is not None
    assert file_sha256(path) == pose_entry(DEFAULT_POSE).sha256
    assert path.stat().st_size <= 14_000_000
    load_pose(path, pose_entry(DEFAULT_POSE))


def test_the_embedded_detector_is_the_one_of_the_catalogue_and_finds_people() -> None:
    path = embedded_path(DEFAULT_PERSON)
    assert path is not None
    assert file_sha256(path) == person_entry(DEFAULT_PERSON).sha256
    assert path.stat().st_size <= 6 * 2**20
    assert load_network(path).architecture == "yolov8n"
    detector, described = open_detector("auto", device="cpu", backend="torch")
    assert described["name"] == DEFAULT_PERSON
    # Two photos that ultralytics ships, six people in them.
    spec = find_spec("ultralytics")
    assert spec is not None
    assert spec.origin is not None
    assets = Path(spec.origin).parent / "assets"
    found = {
        name: len(detector.detect(Frame(read_picture(assets / name), 0, 0.0)))
        for name in ("bus.jpg", "zidane.jpg")
    }
    assert found["bus.jpg"] >= 2
    assert found["zidane.jpg"] >= 1
