from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from shufflecam.core.errors import Interrupted, SourceError, UsageError
from shufflecam.core.geometry import box_iou
from shufflecam.core.types import Frame
from shufflecam.detect.open import weights_file
from shufflecam.detect.yolo import YoloDetector
from shufflecam.models.yolo import build_network, load_network
from shufflecam.sources.pictures.picture import read_picture
from shufflecam.train.checkpoint import export_half
from shufflecam.train.person.crops import cut_view, degrade, draw_view, whole_view
from shufflecam.train.person.nets import (
    TAPS,
    Answers,
    Student,
    Teacher,
    anchors,
    box_losses,
    feature_loss,
    mirror,
    score_loss,
)
from shufflecam.train.person.run import DetectorRecipe, DetectorRun
from shufflecam.train.person.views import SHARD, Views, make_views, people_in

SIZE = 64
RECIPE = DetectorRecipe(epochs=2, batch=2)


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    torch.manual_seed(0)
    net = build_network("yolov8n", 3)
    # As in a trained one: all but sure that an anchor sees nobody, some of them sure that it does.
    for layer in net.model[-1].cv3:
        torch.nn.init.normal_(layer[-1].weight, std=0.5)
    return Teacher(net, 1)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    files = []
    for number, (width, height) in enumerate([(90, 60), (50, 80), (64, 64)]):
        files.append(folder / f"{number}.png")
        cv2.imwrite(str(files[-1]), rng.integers(0, 255, (height, width, 3), np.uint8))
    return files


@pytest.fixture
def views(pictures: list[Path], teacher: Teacher, tmp_path: Path) -> Views:
    made = make_views(pictures, tmp_path / "views", teacher, count=5, size=SIZE, seed=1)
    assert made is not None
    return made


def test_the_teacher_answers_as_the_detector_does(teacher: Teacher) -> None:
    """Its logits and distances, decoded by hand, are the boxes of ultralytics' own decoding."""
    torch.manual_seed(0)
    net = build_network("yolov8n", 3)
    for layer in net.model[-1].cv3:
        torch.nn.init.normal_(layer[-1].weight, std=0.5)
    x = torch.rand(2, 3, SIZE, SIZE)
    with torch.no_grad():
        raw = net.eval()(x)
    wanted = raw[0] if isinstance(raw, tuple) else raw
    logits, sides, *features = teacher(x)
    torch.testing.assert_close(logits.sigmoid(), wanted[:, 5], rtol=1e-4, atol=1e-5)
    points = anchors(SIZE)
    strides = torch.cat([torch.full(((SIZE // s) ** 2,), float(s)) for s in (8, 16, 32)])
    width = (sides[:, 0] + sides[:, 2]) * strides
    x_centre = (points[:, 0] + (sides[:, 2] - sides[:, 0]) / 2) * strides
    torch.testing.assert_close(width, wanted[:, 2], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(x_centre, wanted[:, 0], rtol=1e-3, atol=1e-3)
    assert [feature.shape[-1] for feature in features] == [4, 2, 8, 4, 2]


def test_other_families_are_no_teachers() -> None:
    with pytest.raises(UsageError, match="yolov8 family"):
        Teacher(build_network("yolo11n", 1), 0)


def test_mirrored_answers_are_the_answers_to_the_mirrored_view() -> None:
    """On made-up answers: a box near the left edge of one level comes out near the right edge."""
    count = 64 + 16 + 4
    logits = torch.full((1, count), -9.0)
    logits[0, 8 * 3 + 1] = 5.0  # stride 8, row 3, column 1
    sides = torch.zeros(1, 4, count)
    sides[0, :, 8 * 3 + 1] = torch.tensor([0.5, 1.0, 2.0, 3.0])
    feature = torch.arange(4.0).view(1, 1, 2, 2)
    turned = mirror(Answers(logits, sides, (feature,)), SIZE)
    place = 8 * 3 + 6
    assert int(turned.logits.argmax()) == place
    assert turned.sides[0, :, place].tolist() == [2.0, 1.0, 0.5, 3.0]
    assert turned.features[0].flatten().tolist() == [1, 0, 3, 2]
    again = mirror(turned, SIZE)
    torch.testing.assert_close(again.sides, sides)


def test_the_losses_are_smallest_at_the_teachers_own_answer() -> None:
    points = anchors(SIZE)
    logits = torch.full((1, len(points)), -9.0)
    logits[0, [10, 70]] = 4.0
    sides = torch.full((1, 4, len(points)), 3.0)
    answers = Answers(logits, sides, ())
    bins = torch.full((1, len(points), 4, 16), -20.0)
    bins[..., 3] = 20.0  # exactly three strides to every side
    spread, overlap, quality = box_losses(bins, answers, points)
    assert float(spread) == pytest.approx(0, abs=1e-6)
    assert float(overlap) == pytest.approx(0, abs=1e-5)
    off = torch.roll(bins, 2, dims=-1)  # five strides
    spread, overlap, worse = box_losses(off, answers, points)
    assert float(spread) > 10
    assert 0.5 < float(overlap) < 0.8  # 1 - 36/100
    others = [i for i in range(len(points)) if i not in (10, 70)]
    assert quality[0, [10, 70]].tolist() == pytest.approx([1, 1])
    assert worse[0, [10, 70]].tolist() == pytest.approx([0.2 + 0.8 * 0.36 / 0.9] * 2, abs=0.02)
    assert bool((worse[0, others] == 1).all())
    # A box that misses is worth less: the same logit is then too high.
    assert float(score_loss(logits, logits, worse)) > 2 * float(score_loss(logits, logits, quality))
    assert float(score_loss(logits, logits)) < float(score_loss(logits.roll(1, 1), logits)) / 10
    assert float(feature_loss([torch.ones(1, 2)], (torch.zeros(1, 2),))) == 1


def test_views_show_the_picture() -> None:
    image = np.zeros((60, 120, 3), np.uint8)
    image[:, 60:] = 200
    rng = np.random.default_rng(0)
    kinds = {"padded": 0, "filled": 0}
    for _ in range(60):
        view = draw_view(image, SIZE, rng)
        assert view.shape == (SIZE, SIZE, 3)
        padded = bool((view[0] == 114).all() and (view[-1] == 114).all())
        kinds["padded" if padded else "filled"] += 1
        if padded:
            assert view[SIZE // 2, 4].tolist() == [0, 0, 0]
            assert view[SIZE // 2, -4].tolist() == [200, 200, 200]
    assert 8 <= kinds["padded"] <= 28  # three in ten


def test_a_cut_view_shows_somebody_from_the_head_down_or_half_of_them() -> None:
    image = np.full((200, 300, 3), 90, np.uint8)
    image[60:180, 120:160] = (0, 0, 255)  # somebody standing, red
    box = np.array([120, 60, 160, 180], np.float32)
    rng = np.random.default_rng(0)
    below = sides = 0
    for _ in range(80):
        view = cut_view(image, box, SIZE, rng)
        assert view.shape == (SIZE, SIZE, 3)
        red = (view[..., 2] > 150) & (view[..., 0] < 80)
        assert red.any()
        rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
        by_a_side = columns[0] == 0 or columns[-1] == SIZE - 1
        if rows[-1] == SIZE - 1 and rows[0] > 0 and not by_a_side:
            below += 1
            assert len(rows) / len(columns) < 0.7 * 120 / 40  # not all of them
        sides += bool(by_a_side)
    assert below > 40
    assert sides > 10


def test_people_are_where_the_detector_finds_them() -> None:
    image = read_picture(Path(str(files("ultralytics") / "assets" / "bus.jpg")))
    weights = weights_file("auto")
    detector = YoloDetector.from_file(weights, det_conf=0.55, backend="torch")
    found = detector.detect(Frame(whole_view(image, 416), 0, 0.0)).boxes_xyxy
    boxes = people_in(Teacher.from_file(weights), image, 416)
    zoom, margin = 416 / 1080, (416 - 416 * 810 / 1080) / 2
    assert len(found) >= 2
    assert (box_iou(found, boxes * zoom + np.array([margin, 0, margin, 0])).max(1) > 0.95).all()


def test_views_of_people_cut_off_are_made_anew_with_another_share(
    pictures: list[Path], teacher: Teacher, tmp_path: Path
) -> None:
    plain = make_views(pictures, tmp_path / "a", teacher, count=4, size=SIZE, seed=3)
    cut = make_views(pictures, tmp_path / "b", teacher, count=4, size=SIZE, seed=3, cut=1.0)
    assert plain is not None
    assert cut is not None
    assert (plain.views([0, 1, 2, 3]) != cut.views([0, 1, 2, 3])).any()
    with pytest.raises(UsageError, match="another folder"):
        make_views(pictures, tmp_path / "a", teacher, count=4, size=SIZE, seed=3, cut=1.0)


def test_degraded_views_stay_pictures() -> None:
    rng = np.random.default_rng(0)
    view = rng.uniform(0, 255, (32, 32, 3)).astype(np.float32)
    changed = [degrade(view.copy(), rng) for _ in range(40)]
    assert all(part.min() >= 0 and part.max() <= 255 and part.dtype == np.float32 for part in changed)
    assert any((part[..., 0] == part[..., 2]).all() for part in changed)  # grey
    assert len({round(float(part.mean())) for part in changed}) > 10


def test_kept_answers_are_the_teachers(views: Views, teacher: Teacher) -> None:
    pixels = views.views([0, 4])
    kept = views.answers([0, 4])
    rgb = torch.from_numpy(np.ascontiguousarray(pixels[..., ::-1])).permute(0, 3, 1, 2) / 255
    logits, sides, *features = teacher(rgb)
    torch.testing.assert_close(kept.logits, logits, rtol=2e-3, atol=2e-3)  # float16
    torch.testing.assert_close(kept.sides, sides, rtol=2e-3, atol=2e-3)
    assert len(kept.features) == len(TAPS)
    for tap, theirs in zip(TAPS, features, strict=True):
        stored = np.load(views.folder / "shard-00000" / f"tap{tap}.npy")[[0, 4]]
        np.testing.assert_allclose(stored / 40 - 0.3, theirs, atol=1 / 40)  # a byte
    for ours in kept.features:
        assert abs(float(ours.mean())) < 0.2  # normalised


def test_views_go_on_where_they_stopped(pictures: list[Path], teacher: Teacher, tmp_path: Path) -> None:
    common = {"size": SIZE, "seed": 3}
    asked: list[int] = []
    stopped = make_views(
        pictures, tmp_path / "a", teacher, count=4, stop=lambda: len(asked) == 2,
        on_view=lambda: asked.append(1), **common,
    )  # fmt: skip
    assert stopped is None
    assert not list((tmp_path / "a").glob("shard-*"))  # nothing half made
    a = make_views(pictures, tmp_path / "a", teacher, count=4, **common)
    b = make_views([*pictures, tmp_path / "missing.png"], tmp_path / "b", teacher, count=4, **common)
    assert a is not None
    assert b is not None
    assert (len(a), len(b)) == (4, 4)
    assert SHARD >= 4
    with pytest.raises(UsageError, match="another folder"):
        make_views(pictures, tmp_path / "a", teacher, count=4, size=96, seed=3)
    with pytest.raises(SourceError, match="None of the pictures"):
        make_views([tmp_path / "missing.png"], tmp_path / "c", teacher, count=4, **common)


def test_a_run_learns_and_its_export_loads(views: Views, tmp_path: Path) -> None:
    run = DetectorRun(tmp_path / "run", views, replace(RECIPE, epochs=12, lr=4e-3, warmup=0.1, ema=0.5))
    run.run(measure=lambda net: float(net(torch.zeros(1, 3, SIZE, SIZE)).shape[1]))
    lines = run.history.lines()
    assert lines[-1]["ap"] == 5  # four sides and one score: the network as it is used
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses
    first = DetectorRun(tmp_path / "short", views, replace(RECIPE, epochs=0.4))
    first.run()
    assert losses[-1] < first.history.lines()[-1]["loss"]
    file = tmp_path / "person.safetensors"
    export_half(run.average, file, {"architecture": "yolov8n"})
    loaded = load_network(file)
    assert (loaded.architecture, loaded.person) == ("yolov8n", 0)
    x = torch.rand(1, 3, SIZE, SIZE)
    torch.testing.assert_close(loaded.module(x), run.averaged()(x), rtol=0.05, atol=1.0)  # float16


def test_a_stopped_run_goes_on_to_the_same_end(views: Views, tmp_path: Path) -> None:
    whole = DetectorRun(tmp_path / "whole", views, RECIPE)
    whole.run()
    steps: list[float] = []
    part = DetectorRun(tmp_path / "part", views, RECIPE)
    part.history.add({"step": 2, "samples": 4, "loss": 99.0})  # as if killed before the first checkpoint
    part = DetectorRun(tmp_path / "part", views, RECIPE)
    assert part.history.lines() == []
    with pytest.raises(Interrupted, match="the same command goes on"):
        part.run(stop=lambda: len(steps) == 2, on_step=steps.append)
    again = DetectorRun(tmp_path / "part", views, RECIPE)
    assert again.step == 2
    again.run()
    for name, value in whole.average.items():
        torch.testing.assert_close(again.average[name], value, msg=name)
    with pytest.raises(UsageError, match="batch was 2 and is 4"):
        DetectorRun(tmp_path / "part", views, replace(RECIPE, batch=4))


def test_students_of_any_teacher() -> None:
    student = Student([3, 4, 5, 6, 7])
    logits, bins, features = student(torch.zeros(2, 3, SIZE, SIZE))
    assert logits.shape == (2, 84)
    assert bins.shape == (2, 84, 4, 16)
    assert [feature.shape[1] for feature in features] == [3, 4, 5, 6, 7]


def test_damaged_views_are_named(views: Views) -> None:
    next(views.folder.glob("shard-*/logits.npy")).write_bytes(b"nothing")
    with pytest.raises(SourceError, match="remove the folder"):
        Views(views.folder)
    (views.folder / "views.json").write_text(json.dumps({}))
    with pytest.raises(SourceError, match="remove the folder"):
        Views(views.folder)
