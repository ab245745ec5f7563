"""The person detector: every family builds, loads without running anything, and finds people."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from shufflecam.core.errors import UsageError, WeightsError
from shufflecam.core.protocols import PersonDetector
from shufflecam.core.types import Frame
from shufflecam.detect.decode import NMS_IOU, letterbox
from shufflecam.detect.open import open_detector
from shufflecam.detect.whole import WholeFrame
from shufflecam.detect.yolo import YoloDetector
from shufflecam.models import catalogue
from shufflecam.models.yolo import build_network, load_network

FAMILIES = ("yolov8n", "yolo11n", "yolo26n")


@pytest.fixture(scope="session")
def modules() -> dict[str, nn.Module]:
    """A network with random weights of each family, one class."""
    torch.manual_seed(0)
    made = {}
    for name in FAMILIES:
        module = build_network(name, 1)
        for parameter in module.parameters():
            # The random draw of a network that is to be trained finds nothing: make it say something.
            parameter.data += torch.randn_like(parameter) * 0.02
        made[name] = module.eval()
    return made


@pytest.fixture(scope="session")
def files(modules: dict[str, nn.Module], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same as `.pt` in ultralytics' manner: the module itself, in half precision."""
    import copy

    folder = tmp_path_factory.mktemp("detectors")
    for name, module in modules.items():
        half = copy.deepcopy(module).half()
        torch.save(
            {"epoch": -1, "model": half, "ema": None, "train_args": {"model": name}}, folder / f"{name}.pt"
        )
    return {name: folder / f"{name}.pt" for name in modules}


def picture() -> np.ndarray:
    squares = np.random.RandomState(3).randint(0, 256, (12, 16, 3))
    return np.kron(squares, np.ones((10, 10, 1))).astype(np.uint8)


@pytest.mark.parametrize("name", FAMILIES)
def test_ultralytics_own_files(name: str, files: dict[str, Path], modules: dict[str, nn.Module]) -> None:
    network = load_network(files[name])
    assert network.architecture == name
    assert network.person == 0
    inputs = letterbox(picture(), 160).inputs
    modules[name].end2end = name == "yolo26n"
    with torch.inference_mode():
        ours = network.module(torch.from_numpy(inputs))
        theirs = modules[name](torch.from_numpy(inputs))[0]
    assert ours.shape == theirs.shape
    if name == "yolo26n":
        assert ours.shape[2] == 6
        # Its rows are sorted by score: half precision may swap neighbours, so compare the scores alone.
        ours, theirs = ours[..., 4].sort().values, theirs[..., 4].sort().values
    else:
        assert ours.shape[1] == 5
    assert (ours - theirs).abs().max() < 0.01 * theirs.abs().max()


@pytest.mark.parametrize("name", FAMILIES)
def test_our_own_files(name: str, modules: dict[str, nn.Module], tmp_path: Path) -> None:
    path = tmp_path / "person.safetensors"
    state = {k: v.half() if v.is_floating_point() else v for k, v in modules[name].state_dict().items()}
    save_file(state, path, {"architecture": name, "nc": "1"})
    detector = YoloDetector.from_file(path, det_size=160, det_conf=0.0, max_people=4)
    assert isinstance(detector, PersonDetector)
    found = detector.detect(Frame(picture(), 0, 0.0))
    assert 0 < len(found) <= 4
    assert (np.diff(found.scores) <= 0).all()
    assert (found.boxes_xyxy >= 0).all()
    assert (found.boxes_xyxy <= [160, 120, 160, 120]).all()
    assert (found.boxes_xyxy[:, 2:] > found.boxes_xyxy[:, :2]).all()


def test_pictures_of_any_size(files: dict[str, Path]) -> None:
    detector = YoloDetector.from_file(files["yolov8n"], det_size=64)
    for size in ((1, 1), (1, 500), (500, 1), (64, 64), (1000, 700)):
        detector.detect(Frame(np.zeros((size[1], size[0], 3), np.uint8), 0, 0.0))


def test_the_class_called_person(files: dict[str, Path], tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = build_network("yolov8n", 3)
    module.names = {0: "cat", 1: "dog", 2: "person"}
    torch.save({"model": module}, tmp_path / "three.pt")
    assert load_network(tmp_path / "three.pt").person == 2
    module.names = {0: "cat", 1: "dog", 2: "horse"}
    torch.save({"model": module}, tmp_path / "three.pt")
    with pytest.raises(WeightsError, match="none of its 3 classes is called person"):
        load_network(tmp_path / "three.pt")


def test_the_description_in_a_file_is_not_used(tmp_path: Path) -> None:
    """Ultralytics runs the `activation` of a description as Python: ours must not even look at it."""
    sign = tmp_path / "it-ran"
    module = build_network("yolov8n", 1)
    module.yaml["activation"] = f"open({str(sign)!r}, 'w')"
    torch.save({"model": module}, tmp_path / "net.pt")
    load_network(tmp_path / "net.pt")
    assert not sign.exists()


def test_a_description_in_the_working_directory_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = tmp_path / "it-ran"
    for name in ("yolov8n.yaml", "yolov8.yaml"):
        (tmp_path / name).write_text(f"nc: 1\nactivation: open({str(sign)!r}, 'w')\nbackbone: []\nhead: []\n")
    monkeypatch.chdir(tmp_path)
    build_network("yolov8n", 1)
    assert not sign.exists()


class Payload:
    def __reduce__(self) -> Any:
        return os.system, ("touch it-ran",)


@pytest.mark.parametrize("where", ["meta", "model"])
def test_a_payload_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.chdir(tmp_path)
    module = nn.Sequential(nn.Conv2d(3, 4, 3))
    if where == "model":
        module.payload = Payload()
    torch.save({"model": module, "meta": Payload() if where == "meta" else None}, "net.pt")
    with pytest.raises(WeightsError, match="was refused"):
        load_network(Path("net.pt"))
    assert not Path("it-ran").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"model": nn.Sequential(nn.Conv2d(3, 4, 3))}, "not a person detector of the yolov8"),
        ({"model": 7}, "no network is in it"),
        ([1], "no network is in it"),
        ({"weight": torch.zeros(1)}, "not a person detector of the yolov8"),
    ],
)
def test_not_a_detector(tmp_path: Path, content: Any, says: str) -> None:
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(WeightsError, match=says):
        load_network(tmp_path / "net.pt")


def test_a_detector_with_a_tensor_missing(tmp_path: Path, modules: dict[str, nn.Module]) -> None:
    state = dict(modules["yolov8n"].state_dict())
    del state["model.1.conv.weight"]
    save_file(state, tmp_path / "net.safetensors", {"architecture": "yolov8n"})
    with pytest.raises(WeightsError, match=r"not a yolov8n detector; .* 1 missing: model\.1\.conv\.weight"):
        load_network(tmp_path / "net.safetensors")
    save_file(state, tmp_path / "net.safetensors", {"architecture": "../../yolov8n"})
    with pytest.raises(WeightsError, match="not a person detector of the yolov8"):
        load_network(tmp_path / "net.safetensors")


def test_importing_ultralytics_changes_nothing_else(tmp_path: Path) -> None:
    """No network, nothing in the home folder, threads and environment as before."""
    code = """
import os, socket, sys
def forbidden(*args, **kwargs):
    raise AssertionError("the network was asked for")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = forbidden
import cv2, numpy, torch
before = (torch.get_num_threads(), cv2.getNumThreads(), torch.save, numpy.get_printoptions())
from shufflecam.models.yolo import build_network
build_network("yolov8n", 1)
after = (torch.get_num_threads(), cv2.getNumThreads(), torch.save, numpy.get_printoptions())
assert before == after, (before, after)
assert "OMP_NUM_THREADS" not in os.environ
assert "torchvision" not in sys.modules
from ultralytics.utils import SETTINGS
assert SETTINGS["sync"] is False
"""
    home, cache = tmp_path / "home", tmp_path / "cache"
    home.mkdir()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("YOLO_", "OMP_", "XDG_"))
    }
    environment |= {"HOME": str(home), "SHUFFLECAM_CACHE": str(cache), "PYTEST_CURRENT_TEST": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert not [path for path in home.rglob("*") if "ltralytics" in path.name]


def test_choose_by_file_and_none(files: dict[str, Path]) -> None:
    detector, described = open_detector(str(files["yolov8n"]), det_conf=0.3, det_size=96, device="cpu")
    assert isinstance(detector, YoloDetector)
    assert described["name"] == "yolov8n.pt"
    assert len(described["sha256"]) == 64
    assert (described["conf"], described["size"], described["max_people"]) == (0.3, 96, 20)
    detector, described = open_detector("none")
    assert isinstance(detector, WholeFrame)
    assert described == {"name": "none"}


def test_choose_what_there_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHUFFLECAM_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="there is no detector 'yolo3'; choose one of"):
        open_detector("yolo3")
    with pytest.raises(WeightsError, match="there is no weights file"):
        open_detector("none/such.pt")
    with pytest.raises(WeightsError, match="shufflecam models get yolo11n"):
        open_detector("yolo11n")


def test_automatic(files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHUFFLECAM_CACHE", str(tmp_path))
    monkeypatch.setattr("shufflecam.models.catalogue.embedded_path", lambda name: None)
    with pytest.raises(WeightsError, match=r"models get yolo26n.*--boxes FILE.*--detector none") as caught:
        open_detector("auto")
    assert caught.value.exit_code == 4
    # Files of the right layout with drawn weights: their hashes are not the published ones.
    unknown = tuple(replace(model, sha256="") for model in catalogue.PERSONS)
    monkeypatch.setattr(catalogue, "PERSONS", unknown)
    (tmp_path / "yolo26n.pt").write_bytes(files["yolo26n"].read_bytes())
    (tmp_path / "yolo11n.pt").write_bytes(files["yolo11n"].read_bytes())
    detector, described = open_detector("auto", device="cpu")
    assert isinstance(detector, YoloDetector)
    assert described["name"] == "yolo26n"


ASSETS = {
    # By eye on the two photos that ultralytics ships: where each person stands, x1 y1 x2 y2.
    "bus.jpg": [[50, 398, 245, 903], [221, 405, 345, 860], [670, 390, 810, 880]],
    "zidane.jpg": [[120, 195, 1110, 720], [745, 40, 1150, 715]],
}


@pytest.mark.parametrize(
    ("name", "photo"), [("yolov8n", "bus.jpg"), ("yolov8n", "zidane.jpg"), ("yolov8s", "bus.jpg")]
)
def test_people_are_found_on_photos(name: str, photo: str, shared_dir: Path) -> None:
    from shufflecam.core.geometry import box_iou
    from shufflecam.models.yolo import quiet_ultralytics

    with quiet_ultralytics():
        import ultralytics
        from ultralytics.utils.nms import non_max_suppression
    image = cv2.imread(str(Path(ultralytics.__file__).parent / "assets" / photo))
    detector = YoloDetector.from_file(shared_dir / "data" / "weights" / f"{name}.pt")
    found = detector.detect(Frame(image, 0, 0.0))
    expected = np.array(ASSETS[photo], np.float32)
    assert len(found) == len(expected)
    assert (box_iou(expected, found.boxes_xyxy).max(axis=1) > 0.8).all()

    # And the same as the official weights, read by pickle, give with ultralytics' own suppression.
    official = torch.load(shared_dir / "data" / "weights" / f"{name}.pt", weights_only=False)["model"].float()
    box = letterbox(image, 416)
    with torch.inference_mode():
        output = official(torch.from_numpy(box.inputs))[0]
    theirs = non_max_suppression(output, 0.4, NMS_IOU, classes=[0])[0].numpy()
    np.testing.assert_allclose(found.boxes_xyxy, box.to_image(theirs[:, :4]), atol=0.1)
    np.testing.assert_allclose(found.scores, theirs[:, 4], atol=1e-3)


def test_the_pickles_here_are_what_torch_refuses(files: dict[str, Path]) -> None:
    """Without our inert classes torch refuses a detector's file, so that the tests above mean something."""
    with pytest.raises(pickle.UnpicklingError):
        torch.load(files["yolov8n"], weights_only=True)
