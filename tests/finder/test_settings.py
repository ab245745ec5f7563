"""One list of settings: options, `load` and presets have its defaults; it pickles and imports quickly."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from shufflecam.cli.commands.video import command
from shufflecam.core.errors import UsageError
from shufflecam.core.reporting import Quiet
from shufflecam.core.types import Detections, Frame
from shufflecam.detect.given import GivenBoxes
from shufflecam.finder.open import load
from shufflecam.finder.settings import AUTO, PRESETS, FinderSettings
from shufflecam.finder.view import View
from shufflecam.models.catalogue import DEFAULT_PERSON, DEFAULT_POSE, entry
from tests.cli.conftest import pose_weights

__all__ = ["pose_weights"]

NOT_TRACKED = {"track", "smooth"}
"""`load` is for unrelated pictures too, and documents that it does neither."""


def test_load_has_the_defaults_of_the_settings() -> None:
    parameters = inspect.signature(load).parameters
    for field in fields(FinderSettings):
        if field.name == "boxes":  # becomes a detector
            continue
        default = parameters[field.name].default
        assert default == (False if field.name in NOT_TRACKED else field.default), field.name


def test_options_have_the_defaults_of_the_settings() -> None:
    defaults = {option.name: option.default for option in command.params}
    for field in fields(FinderSettings):
        if field.name not in ("view", "weights", "boxes"):  # without a default
            assert defaults[field.name] == field.default, field.name


def test_presets_set_fields_and_give_way_to_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shufflecam.models.automatic.locate", lambda entry: None)
    assert FinderSettings.preset("balanced") == FinderSettings()
    assert FinderSettings.preset("fast").det_every == AUTO
    assert FinderSettings.preset("accurate") == FinderSettings(flip_test=True)
    assert not FinderSettings.preset("accurate", flip_test=False).flip_test
    for values in PRESETS.values():
        assert set(values) <= {field.name for field in fields(FinderSettings)}
    with pytest.raises(UsageError, match="no preset"):
        FinderSettings.preset("slow")  # type: ignore[arg-type]


def test_boxes_become_the_detector(tmp_path: Path) -> None:
    file = tmp_path / "boxes.json"
    file.write_text('{"0": [[1, 2, 30, 40]]}')
    settings = FinderSettings(boxes=file).read_boxes()
    assert settings.boxes is None
    assert isinstance(settings.detector, GivenBoxes)
    assert settings.read_boxes() is settings


class Everywhere:
    """An own detector: the same box in each picture."""

    name = "everywhere"

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def detect(self, frame: Frame) -> Detections:
        self.sizes.append(frame.size)
        return Detections(np.array([[0, 0, *frame.size]], np.float32), np.ones(1, np.float32))


def test_an_own_detector_looks_through_the_view(pose_weights: Path) -> None:
    own = Everywhere()
    settings = FinderSettings(
        "coco-256x192", pose_weights, own, backend="torch", device="cpu", view=View((10, 4, 30, 20), 90)
    )
    settings.check_names()
    finder = settings.load(Quiet())
    finder.warm_up((60, 40))
    result = finder.find(Frame(np.zeros((40, 60, 3), np.uint8), 0, 0.0))
    assert own.sizes == [(20, 30), (20, 30)]
    assert result.frame.size == (60, 40)
    np.testing.assert_allclose(result.poses[0].box_xyxy, (10, 4, 40, 24))
    assert finder.identity.detector == {"name": "everywhere"}
    with pytest.raises(UsageError, match="reaches past the picture"):
        finder(np.zeros((20, 20, 3), np.uint8))


def test_a_view_whose_rotation_is_open_cannot_be_looked_through(pose_weights: Path) -> None:
    with pytest.raises(UsageError, match="rotation"):
        load("coco-256x192", weights=pose_weights, detector="none", view=View(rotate=AUTO))


def test_settings_pickle_and_import_no_numpy() -> None:
    settings = FinderSettings(view=View((0, 0, 20, 30), 180))
    assert pickle.loads(pickle.dumps(settings)) == settings
    program = (
        "import sys; import shufflecam.finder.settings as s; s.FinderSettings(view=s.View(rotate=90));"
        "sys.exit(bool({'numpy', 'cv2', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0


class Says(Quiet):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str, *, as_is: bool = False) -> None:
        self.said.append(text)


def test_what_auto_stands_for_is_said_once_and_how_to_get_better(pose_weights: Path) -> None:
    says = Says()
    FinderSettings(backend="torch", device="cpu").load(says)
    assert says.said == [
        "poses by shufflecam-256x192, people found by shufflecam-person; "
        "more accurate: shufflecam models get best"
    ]
    says.said.clear()
    named = FinderSettings(model=DEFAULT_POSE, detector="none", backend="torch", device="cpu")
    assert named.load(says).identity.model["name"] == DEFAULT_POSE
    assert says.said == []


def test_auto_is_settled_by_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHUFFLECAM_CACHE", str(tmp_path))
    assert FinderSettings().resolved() == FinderSettings(model=DEFAULT_POSE, detector=DEFAULT_PERSON)
    assert FinderSettings(detector="none", model="mpii-256x256").resolved().detector == "none"
    (tmp_path / entry("coco-384x288").file).write_bytes(b"")
    (tmp_path / entry("yolo11n").file).write_bytes(b"")
    resolved = FinderSettings().resolved()
    assert (resolved.model, resolved.detector) == ("coco-384x288", "yolo11n")
    # Own weights are of the embedded model's architecture unless another is named.
    assert FinderSettings(weights=Path("own.pth")).resolved().model == DEFAULT_POSE
