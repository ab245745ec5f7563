from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from shufflecam.core.errors import SourceError, UsageError
from shufflecam.evaluate.mpii import present, score
from shufflecam.evaluate.mpii_files import MpiiPeople, read_mpii


def people(count: int = 2, hidden: tuple[int, ...] = ()) -> MpiiPeople:
    """People whose joints are 100 px apart and whose heads measure 40 px."""
    joints = np.stack([np.stack([100.0 + 100 * np.arange(16), 50 + 0 * np.arange(16)], axis=1)] * count)
    visible = np.ones((count, 16), np.float32)
    visible[:, list(hidden)] = 0
    return MpiiPeople(
        ("a.jpg",) * count,
        np.full((count, 2), 500, np.float32),
        np.full(count, 2, np.float32),
        joints.astype(np.float32),
        visible,
        np.full(count, 40, np.float32),
    )


def test_annotations_are_one_based() -> None:
    truth = people()
    figures = score(truth.joints - 1, truth)
    assert figures.mean == pytest.approx(1)
    assert figures.mean_strict == pytest.approx(1)


def test_half_a_head_is_right_and_a_little_more_is_not() -> None:
    truth = people()
    assert score(truth.joints - 1 + np.float32([20, 0]), truth).mean == pytest.approx(1)
    assert score(truth.joints - 1 + np.float32([20.01, 0]), truth).mean == pytest.approx(0)
    # A tenth of a head.
    assert score(truth.joints - 1 + np.float32([4, 0]), truth).mean_strict == pytest.approx(1)
    assert score(truth.joints - 1 + np.float32([4.01, 0]), truth).mean_strict == pytest.approx(0)


def test_groups_are_means_of_both_sides() -> None:
    truth = people()
    found = truth.joints - 1
    found[0, 12] += 30  # the first one's right shoulder
    figures = score(found, truth)
    assert figures.groups["shoulder"] == pytest.approx((0.5 + 1) / 2)
    assert figures.groups["head"] == pytest.approx(1)
    assert figures.mean == pytest.approx(27 / 28)  # 14 joints of two people


def test_pelvis_and_thorax_are_left_out() -> None:
    truth = people()
    found = truth.joints - 1
    found[:, [6, 7]] += 500
    assert score(found, truth).mean == pytest.approx(1)


def test_the_mean_weighs_joints_by_how_often_they_are_visible() -> None:
    truth = people(4)
    truth.visible[1:, 0] = 0  # the right ankle counts once, the other 13 joints four times
    found = truth.joints - 1
    found[:, 0] += 500
    figures = score(found, truth)
    assert figures.groups["ankle"] == pytest.approx(0.5)
    assert figures.mean == pytest.approx(52 / 53)


def test_a_joint_that_nobody_shows_is_left_out() -> None:
    truth = people(hidden=(0,))
    figures = score(truth.joints - 1, truth)
    assert figures.mean == pytest.approx(1)
    assert np.isnan(figures.groups["ankle"])


def test_layouts_agree(tmp_path: Path) -> None:
    """The same person in the three layouts, each with its own habits."""
    h5py = pytest.importorskip("h5py")
    io = pytest.importorskip("scipy.io")
    joints = people(1).joints
    joints[0, 8], joints[0, 9] = (900, 60), (900, 20)
    listed = tmp_path / "mpii_val.json"
    listed.write_text(
        json.dumps(
            [
                {
                    "image": "a.jpg",
                    "center": [500, 400],
                    "scale": 2,
                    "joints": joints[0].tolist(),
                    "joints_vis": [1] * 16,
                }
            ]
        )
    )
    without = read_mpii(listed)
    assert without.head_sizes[0] == pytest.approx(30)  # 0.75 x 40
    io.savemat(
        tmp_path / "mpii_gt_val.mat",
        {
            "pos_gt_src": joints.transpose(1, 2, 0),
            "jnt_missing": np.zeros((16, 1)),
            # A head box of 30 x 40 px: its diagonal is 50, x 0.6 = 30.
            "headboxes_src": np.array([[885, 20], [915, 60]], np.float32)[..., None],
        },
    )
    h5 = tmp_path / "valid.h5"
    with h5py.File(h5, "w") as file:
        file["imgname"] = np.array([b"a.jpg"])
        file["center"] = [[500, 430]]  # 400 + 15 x 2: shifted already
        file["scale"] = [2.5]  # 2 x 1.25: padded already
        file["part"], file["visible"], file["normalize"] = joints, np.zeros((1, 16)), [30.0]
    selves = tmp_path / "annotations.json.gz"
    entry = {
        "img_paths": "a.jpg",
        "isValidation": 1.0,
        "objpos": [500, 400],
        "scale_provided": 2,
        "joint_self": [[*place, 0] for place in joints[0].tolist()],
    }
    with gzip.open(selves, "wt") as file:
        json.dump([entry, {**entry, "isValidation": 0.0}], file)
    for layout in (listed, h5, selves):
        found = read_mpii(layout)
        assert found.images == ("a.jpg",)
        assert found.centers[0] == pytest.approx([500, 400])
        assert found.scales[0] == pytest.approx(2)
        assert found.joints == pytest.approx(joints)
        assert found.visible.all()
        assert found.head_sizes[0] == pytest.approx(30)


def test_missing_pictures(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a\.jpg"):
        present(people(), tmp_path, allow_missing=False)
    (tmp_path / "b.jpg").write_bytes(b"")
    one = MpiiPeople(("a.jpg", "b.jpg"), *(getattr(people(), name) for name in _ARRAYS))
    assert present(one, tmp_path, allow_missing=True).images == ("b.jpg",)


@pytest.mark.parametrize("text", ["", "[]", '[{"a": 1}]', "{}"])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"x\.json"):
        read_mpii(file)


def test_the_data_at_hand(shared_dir: Path) -> None:
    """2,958 validation people in two layouts that were made independently."""
    first = read_mpii(shared_dir / "data/mpii/valid.h5")
    second = read_mpii(shared_dir / "data/mpii/mpii_annotations.json.gz")
    assert len(first) == len(second) == 2958
    assert np.median(first.head_sizes) / np.median(second.head_sizes) == pytest.approx(1, abs=0.01)
    assert first.visible.mean() == pytest.approx(second.visible.mean(), abs=0.01)


_ARRAYS = ("centers", "scales", "joints", "visible", "head_sizes")


def test_names_of_another_system_are_found_by_their_ends(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "b.jpg").write_bytes(b"")
    said: list[str] = []
    named = MpiiPeople(("C:\\mpii\\a.jpg", "b.jpg"), *(getattr(people(), name) for name in _ARRAYS))
    there = present(named, tmp_path, allow_missing=False, on_note=said.append)
    assert [(tmp_path / name).name for name in there.images] == ["a.jpg", "b.jpg"]
    assert all((tmp_path / name).is_file() for name in there.images)
    assert len(said) == 1
