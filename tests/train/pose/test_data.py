from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from shufflecam.core.errors import SourceError, UsageError
from shufflecam.core.geometry import box_to_center_scale
from shufflecam.core.skeleton import COCO_17, MPII_16
from shufflecam.pose.crops import warp_crop
from shufflecam.train.pose.augment import Augmentation, Region, cut, half_body, jitter
from shufflecam.train.pose.data import LSP_14, Crops, Order, read_people
from shufflecam.train.sets import SetSpec
from tests.helpers.annotated import annotation, person_keypoints, write_set


def lsp_person(image_id: int) -> dict[str, object]:
    flat = [float(v) for i in range(14) for v in (60 + i, 40 + 2 * i, 2)]
    return {**annotation(1, image_id, person_keypoints()), "keypoints": flat, "num_keypoints": 14}


def test_joints_are_mapped_by_name_and_absent_ones_weigh_nothing(tmp_path: Path) -> None:
    file = write_set(tmp_path, [lsp_person(1)], 1)
    people = read_people([SetSpec(file, tmp_path)], COCO_17)
    assert people.weights[0].tolist() == [0] * 5 + [1] * 12
    ankle = COCO_17.keypoints.index("left_ankle")
    assert people.keypoints[0, ankle].tolist() == [60 + LSP_14.index("left_ankle"), 40 + 2 * 5]
    assert np.isnan(people.keypoints[0, 0]).all()
    # LSP's neck and head top are MPII's; pelvis and thorax it lacks.
    mpii = read_people([SetSpec(file, tmp_path)], MPII_16)
    absent = {name for name, weight in zip(MPII_16.keypoints, mpii.weights[0], strict=True) if weight == 0}
    assert absent == {"pelvis", "thorax"}


def test_names_in_the_file_win_over_the_count(tmp_path: Path) -> None:
    names = [*reversed(COCO_17.keypoints)]
    categories = [{"id": 1, "name": "person", "keypoints": names}]
    file = write_set(tmp_path, [annotation(1, 1, person_keypoints())], 1, categories=categories)
    people = read_people([SetSpec(file, tmp_path)], COCO_17)
    assert people.keypoints[0] == pytest.approx(person_keypoints()[::-1])


def test_several_sets_with_weights_and_trust(tmp_path: Path) -> None:
    first = write_set(tmp_path / "a", [annotation(1, 1, person_keypoints(), keypoint_weights=[0.25] * 17)], 1)
    second = write_set(tmp_path / "b", [lsp_person(1)], 1)
    people = read_people([SetSpec(first, tmp_path / "a"), SetSpec(second, tmp_path / "b", 2.5)], COCO_17)
    assert len(people) == 2
    assert people.weights[0].tolist() == [0.25] * 17
    assert people.repeats.tolist() == [1, 2.5]


@pytest.mark.parametrize("text", ["a.json", "a:b:c:d", "a:b:0", "a:b:x", ":b"])
def test_set_specs_that_cannot_be_meant(text: str) -> None:
    with pytest.raises(UsageError, match=r"ANNOTATIONS|weight"):
        SetSpec.parse(text)


def test_bad_trust_is_named(tmp_path: Path) -> None:
    file = write_set(tmp_path, [annotation(1, 1, person_keypoints(), keypoint_weights=[2] * 17)], 1)
    with pytest.raises(UsageError, match="keypoint_weights of annotation 0"):
        read_people([SetSpec(file, tmp_path)], COCO_17)


def test_an_epoch_holds_everybody_as_often_as_their_weight() -> None:
    order = Order((1.0, 2.0, 0.5, 0.5), seed=3)
    assert order.epoch_length == 4
    drawn = [np.bincount(order.epoch(number), minlength=4) for number in range(40)]
    assert all(count[0] == 1 and count[1] == 2 and count[2] + count[3] == 1 for count in drawn)
    assert 0 < sum(count[2] for count in drawn) < 40
    assert order.epoch(7) == Order((1.0, 2.0, 0.5, 0.5), seed=3).epoch(7)
    assert order.epoch(7) != order.epoch(8) or order.epoch(8) != order.epoch(9)


def test_a_crop_without_augmentation_is_the_tool_s_own(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (260, 240, 3)).astype(np.uint8)
    centers, scales = box_to_center_scale(np.array([[60, 30, 150, 210]], np.float32), 0.75)
    crop, keypoints = cut(image, Region(centers[0], scales[0]), centers, (192, 256))
    assert np.abs(crop.astype(int) - warp_crop(image, centers[0], scales[0], (192, 256))).max() <= 1
    assert keypoints[0] == pytest.approx([96, 128], abs=1e-4)


def test_keypoints_turn_with_the_picture() -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    cv2.circle(image, (130, 70), 4, (255, 255, 255), -1)
    region = Region(np.array([100, 100], np.float32), np.array([150, 200], np.float32), degrees=37)
    crop, keypoints = cut(image, region, np.array([[130, 70]], np.float32), (192, 256))
    rows, columns = np.nonzero(crop[..., 0] > 128)
    assert keypoints[0] == pytest.approx([columns.mean(), rows.mean()], abs=0.5)


def test_half_a_body_is_the_upper_or_the_lower_one() -> None:
    keypoints = person_keypoints()
    region = Region(np.array([0, 0], np.float32), np.array([75, 100], np.float32))
    dice = np.random.default_rng(0)
    centers = {tuple(half_body(region, keypoints, COCO_17, 0.75, dice).center.round(3)) for _ in range(50)}
    assert centers == {
        tuple(keypoints[:11].mean(0).round(3)),
        tuple(keypoints[11:].mean(0).round(3)),
    }
    few = keypoints.copy()
    few[8:] = np.nan
    assert half_body(region, few, COCO_17, 0.75, dice) is region


def test_a_mirrored_draw_exchanges_left_and_right(tmp_path: Path) -> None:
    file = write_set(tmp_path, [annotation(1, 1, person_keypoints())], 1)
    people = read_people([SetSpec(file, tmp_path)], COCO_17)
    plain = Crops(people, COCO_17, Augmentation.none(), 0)[(0, 0, 0, 192, 256)]
    always = Augmentation(flip=1, half_body=0, shift=0, scale=0, rotation=0)
    mirrored = Crops(people, COCO_17, always, 0)[(0, 0, 0, 192, 256)]
    assert np.array_equal(mirrored[0].numpy(), plain[0].numpy()[:, ::-1])
    back = mirrored[1].numpy()[list(COCO_17.flip_order)]
    assert 191 - back[:, 0] == pytest.approx(plain[1].numpy()[:, 0], abs=1e-3)


def test_a_draw_is_the_same_whenever_it_is_drawn(tmp_path: Path) -> None:
    file = write_set(tmp_path, [annotation(1, 1, person_keypoints())], 1)
    people = read_people([SetSpec(file, tmp_path)], COCO_17)
    augmentation = Augmentation(colour=0.3, occlusion=1)
    first, again, other = (
        Crops(people, COCO_17, augmentation, 5)[(0, epoch, 3, 96, 128)] for epoch in (2, 2, 3)
    )
    assert all(
        np.array_equal(a.numpy(), b.numpy(), equal_nan=True) for a, b in zip(first, again, strict=True)
    )
    assert not np.array_equal(first[0].numpy(), other[0].numpy())


def test_jitter_keeps_shape_and_type() -> None:
    crop = np.full((64, 48, 3), 200, np.uint8)
    changed = jitter(crop, Augmentation(colour=0.5, occlusion=1), np.random.default_rng(0))
    assert changed.shape == crop.shape
    assert changed.dtype == np.uint8
    assert (changed != crop).any()


def test_a_broken_or_resized_picture_is_named(tmp_path: Path) -> None:
    file = write_set(tmp_path, [annotation(1, 1, person_keypoints())], 1)
    people = read_people([SetSpec(file, tmp_path)], COCO_17)
    crops = Crops(people, COCO_17, Augmentation(), 0)
    cv2.imwrite(str(tmp_path / "001.png"), np.zeros((10, 20, 3), np.uint8))
    with pytest.raises(SourceError, match="20x10"):
        crops[(0, 0, 0, 192, 256)]
    (tmp_path / "001.png").write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"001\.png cannot be read"):
        crops[(0, 0, 0, 192, 256)]
