from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from shufflecam.core.errors import Interrupted, OutputError, UsageError, WeightsError
from shufflecam.core.skeleton import COCO_17
from shufflecam.engines.cpu import physical_cores
from shufflecam.engines.torch import TorchEngine
from shufflecam.evaluate.annotations import ground_truth_boxes, read_coco
from shufflecam.evaluate.coco import predict, score
from shufflecam.models.shufflenet import PoseNet
from shufflecam.models.yolo import build_network
from shufflecam.pose.estimator import HeatmapEstimator
from shufflecam.train.history import History
from shufflecam.train.pose import losses
from shufflecam.train.pose.augment import Augmentation
from shufflecam.train.pose.data import People, read_people
from shufflecam.train.pose.export import export
from shufflecam.train.pose.nets import CoordinateHead, build, widen
from shufflecam.train.pose.recipe import Recipe
from shufflecam.train.pose.run import Progress, Run
from shufflecam.train.sets import SetSpec
from tests.helpers.annotated import annotation, person_keypoints, write_set

SMALL = Recipe(
    input_size=(64, 64),
    batch=2,
    epochs=4,
    warmup_steps=2,
    schedule="cosine",
    loss="ce-mse",
    unbiased=True,
    ema=0.9,
    head_width=(16, 16, 16),
    coordinate_warmup=0.2,
    sizes=((32, 32, 0.4),),
    augmentation=Augmentation(colour=0.2, occlusion=0.5),
)


@pytest.fixture
def people(tmp_path: Path) -> People:
    entries = [annotation(number, number, person_keypoints(number)) for number in (1, 2, 3)]
    file = write_set(tmp_path / "set", entries, 3)
    return read_people([SetSpec(file, tmp_path / "set")], COCO_17)


def test_a_resumed_run_ends_where_an_unbroken_one_does(tmp_path: Path, people: People) -> None:
    whole = Run(tmp_path / "whole", people, COCO_17, SMALL)
    whole.run()
    steps = []
    first = Run(tmp_path / "parts", people, COCO_17, SMALL)
    with pytest.raises(Interrupted, match="after step 2"):
        first.run(stop=lambda: len(steps) == 2, on_step=steps.append)
    second = Run(tmp_path / "parts", people, COCO_17, SMALL)
    assert second.step == 2
    second.run()
    resumed = second.averaged().state_dict()
    for name, value in whole.averaged().state_dict().items():
        assert torch.equal(value, resumed[name]), name
    assert second.history.lines()[-1]["step"] == whole.steps == 6
    assert (tmp_path / "parts/curve.png").stat().st_size > 1000


def test_a_run_killed_before_its_first_checkpoint_begins_anew(tmp_path: Path, people: People) -> None:
    Run(tmp_path / "run", people, COCO_17, SMALL).history.add({"step": 6, "samples": 12, "loss": 99.0})
    run = Run(tmp_path / "run", people, COCO_17, SMALL)
    run.run()
    assert [line["step"] for line in run.history.lines()] == [*range(1, run.steps + 1)]
    assert run.history.lines()[0]["loss"] < 99


def test_other_settings_are_refused(tmp_path: Path, people: People) -> None:
    run = Run(tmp_path / "run", people, COCO_17, SMALL)
    run.save()
    with pytest.raises(UsageError, match=r"batch was 2 and is 4"):
        Run(tmp_path / "run", people, COCO_17, replace(SMALL, batch=4))


def test_a_full_disk_leaves_the_last_good_checkpoint(
    tmp_path: Path, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path / "run", people, COCO_17, SMALL)
    run.save()
    before = (tmp_path / "run/last.pt").read_bytes()

    def full(state: object, path: Path) -> None:
        path.write_bytes(before[:1000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match="No space left"):
        run.save()
    assert (tmp_path / "run/last.pt").read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["curve.png", "last.pt"]


def test_a_damaged_checkpoint_is_named(tmp_path: Path, people: People) -> None:
    run = Run(tmp_path / "run", people, COCO_17, SMALL)
    run.save()
    path = tmp_path / "run/last.pt"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(WeightsError, match=r"last\.pt is damaged"):
        Run(tmp_path / "run", people, COCO_17, SMALL)


def test_widened_heads_compute_the_same() -> None:
    torch.manual_seed(0)
    narrow = build(17, (16, 24, 8))
    for module in narrow.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.1)
    full = PoseNet(17)
    full.load_state_dict(widen(narrow.state_dict(), 17))
    inputs = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        assert torch.allclose(narrow.eval()(inputs), full.eval()(inputs), atol=1e-3)


def test_export_is_half_precision_with_a_card(tmp_path: Path) -> None:
    file = tmp_path / "weights/mine.safetensors"
    digest = export(build(17, (16, 16, 16)).state_dict(), 17, file, {"result": "none"})
    assert len(digest) == 64
    assert file.stat().st_mode & 0o777 == 0o644
    with safe_open(file, "pt") as read:
        assert read.metadata() == {"result": "none"}
        names = set(read.keys())
        assert read.get_tensor("head.final_layer.weight").dtype == torch.float16
    assert names == set(PoseNet(17).state_dict())
    broken = {**build(17).state_dict(), "head.final_layer.bias": torch.full((17,), 1e6)}
    with pytest.raises(OutputError, match="float16"):
        export(broken, 17, file, {})
    assert file.exists()


def test_a_detector_s_features_are_distilled(tmp_path: Path, people: People) -> None:
    detector = build_network("yolov8n", 1)
    recipe = replace(SMALL, distill=1.0, distill_share=1.0, coordinate_warmup=0, loss="mse")
    with pytest.raises(UsageError, match="--distill-from"):
        Run(tmp_path / "none", people, COCO_17, recipe)
    run = Run(tmp_path / "run", people, COCO_17, recipe, detector=detector)
    before = [value.clone() for value in detector.state_dict().values()]
    seen: list[Progress] = []
    run.run(on_step=seen.append)
    # Random projections miss the normalised features by about 2; the heatmap loss is tiny beside that.
    assert seen[0].loss > seen[-1].loss > 0
    assert all(torch.equal(a, b) for a, b in zip(before, detector.state_dict().values(), strict=True))


def test_losses_are_least_at_the_truth() -> None:
    targets = torch.zeros(1, 2, 8, 8)
    targets[0, 0, 3, 4] = 1
    targets[0, 1, 5, 5] = 1
    weights = torch.tensor([[1.0, 0.0]])
    good, bad = targets.clone(), targets.flip(3)
    for loss in (losses.mse, losses.cross_entropy):
        assert loss(good, targets, weights) < loss(bad, targets, weights)
        # The unknown joint counts for nothing.
        changed = good.clone()
        changed[0, 1] = 7
        assert loss(changed, targets, weights) == loss(good, targets, weights)
    assert losses.mse(good, targets, weights) == 0


def test_coordinate_classes_follow_the_input_s_size() -> None:
    head = CoordinateHead(17)
    x, y = head(torch.randn(2, 960, 8, 6))
    assert x.shape == (2, 17, 48)
    assert y.shape == (2, 17, 64)
    keypoints = torch.full((2, 17, 2), float("nan"))
    keypoints[:, 0] = torch.tensor([20.0, 40.0])
    weights = torch.zeros(2, 17)
    weights[:, 0] = 1
    right = (torch.zeros(2, 17, 48), torch.zeros(2, 17, 64))
    right[0][:, 0, 5] = right[1][:, 0, 10] = 9
    wrong = (right[0].flip(2), right[1].flip(2))
    assert losses.coordinates(right, keypoints, weights) < losses.coordinates(wrong, keypoints, weights)


def test_schedules() -> None:
    step = Recipe(warmup_steps=10)
    assert step.lr_at(0, 2100) == pytest.approx(5e-5)
    assert [step.lr_at(at, 2100) for at in (10, 1699, 1700, 2000)] == pytest.approx([5e-4, 5e-4, 5e-5, 5e-6])
    cosine = Recipe(schedule="cosine", warmup_steps=0)
    assert cosine.lr_at(0, 100) > cosine.lr_at(50, 100) > cosine.lr_at(99, 100) > 0
    sizes = Recipe(sizes=((96, 128, 0.5), (160, 224, 0.2)))
    assert [sizes.size_at(share) for share in (0, 0.49, 0.5, 0.69, 0.7, 1)] == [
        (96, 128), (96, 128), (160, 224), (160, 224), (192, 256), (192, 256),
    ]  # fmt: skip
    mixed = Recipe(loss="ce-mse", ce_share=0.5)
    assert [mixed.mse_share(share) for share in (0, 0.25, 0.5, 1)] == [0, 0.5, 1, 1]


@pytest.mark.parametrize(
    "settings",
    [
        {"input_size": (100, 256)},
        {"sizes": ((96, 128, 0.7), (192, 256, 0.7))},
        {"epochs": 0},
        {"batch": 1},
        {"head_width": (0, 1, 1)},
    ],
)
def test_recipes_that_cannot_be_meant(settings: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Recipe(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("points", [1, 2, 30])
def test_the_curve_of_a_short_run_shows_its_points(tmp_path: Path, points: int) -> None:
    """A line of one point is nothing to see."""
    history = History(tmp_path)
    for number in range(points):
        history.add({"step": number + 1, "samples": 8 * number + 8, "loss": 2.0 - number / points})
    path = history.plot()
    assert path is not None
    red, green, blue = np.moveaxis(np.asarray(Image.open(path)).astype(int), 2, 0)[:3]
    drawn = (blue > red + 60) & (blue > green + 20)
    assert drawn.sum() > 12
    rows, columns = np.nonzero(drawn)
    assert 20 < rows.mean() < 460
    assert points == 1 or np.ptp(columns) > 400


def test_history_survives_a_line_cut_short(tmp_path: Path) -> None:
    history = History(tmp_path)
    for step in (1, 2, 3):
        history.add({"step": step, "samples": step, "loss": 1 / step})
    with history.path.open("a") as file:
        file.write('{"step": 4, "lo')
    history.cut(2)
    assert [line["step"] for line in history.lines()] == [1, 2]
    assert len(history.path.read_text().splitlines()) == 2


def test_a_history_that_cannot_be_cut_stays_whole(tmp_path: Path) -> None:
    history = History(tmp_path)
    for step in (1, 2, 3):
        history.add({"step": step, "samples": step, "loss": 1 / step})
    (tmp_path / "history.part").mkdir()  # nothing can be written there
    with pytest.raises(OutputError):
        history.cut(1)
    assert [line["step"] for line in history.lines()] == [1, 2, 3]


@pytest.mark.slow
def test_ten_people_are_learned_by_heart(tmp_path: Path) -> None:
    """Ten drawn stick figures at 96x128: AP above .9 on themselves."""
    torch.set_num_threads(physical_cores())
    folder, dice = tmp_path / "set", np.random.default_rng(0)
    entries = [annotation(number, number, _figure(dice)) for number in range(1, 11)]
    file = write_set(folder, entries, 10)
    for entry in entries:
        _draw(folder / f"{entry['image_id']:03d}.png", np.array(entry["keypoints"]).reshape(17, 3)[:, :2])
    recipe = Recipe(
        input_size=(96, 128),
        sigma=1.5,
        batch=10,
        epochs=400,
        lr=2e-3,
        warmup_steps=20,
        schedule="cosine",
        loss="ce-mse",
        unbiased=True,
        head_width=(64, 64, 64),
        augmentation=Augmentation.none(),
    )
    run = Run(tmp_path / "run", read_people([SetSpec(file, folder)], COCO_17), COCO_17, recipe)
    run.run()
    data = read_coco(file, folder)
    estimator = HeatmapEstimator(TorchEngine(run.averaged()), COCO_17, (96, 128))
    figures = score(predict(estimator, data.pictures, ground_truth_boxes(data)), data, COCO_17)
    print(json.dumps(figures.as_dict()))
    assert figures.ap > 0.9


def _figure(dice: np.random.Generator) -> np.ndarray:
    """(17, 2) joints of a stick figure within the box of `annotation`."""
    middle = np.array([105, 0]) + dice.uniform(-8, 8, 2) * (1, 0)
    heights = [48, 44, 44, 48, 48, 75, 75, 105, 105, 130, 130, 130, 130, 165, 165, 198, 198]
    spread = [0, 4, -4, 8, -8, 18, -18, 26, -26, 32, -32, 12, -12, 14, -14, 16, -16]
    points = np.stack([np.array(spread), np.array(heights)], axis=1) + middle
    points[7:11] += dice.uniform(-12, 12, (4, 2))
    points[13:] += dice.uniform(-8, 8, (4, 2))
    return points.astype(np.float32)


def _draw(path: Path, points: np.ndarray) -> None:
    image = np.full((260, 240, 3), 40, np.uint8)
    for number, (a, b) in enumerate(COCO_17.edges):
        colour = (50 + 10 * number, 255 - 10 * number, 120)
        cv2.line(image, *(tuple(int(v) for v in points[i]) for i in (a, b)), colour, 4)
    cv2.imwrite(str(path), image)
