"""Weights of every layout load into the network, tensor by tensor; whatever else comes is a clear error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from shufflecam.core.errors import UsageError, WeightsError
from shufflecam.models.catalogue import pose_entry
from shufflecam.models.fetch import file_sha256
from shufflecam.models.load import load_pose, read_tensors
from shufflecam.models.shufflenet import PoseNet
from shufflecam.pose.open import load_pose_engine
from tests.models.checkpoints import new_layout, old_layout, save, synthetic_state

COCO = pose_entry("coco-256x192")
MPII = pose_entry("mpii-256x256")


def assert_synthetic(net: PoseNet, keypoints: int = 17) -> None:
    expected = synthetic_state(keypoints)
    state = net.state_dict()
    assert state.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(state[name], tensor), name
    assert not net.training


@pytest.mark.parametrize("older_format", [False, True])
def test_the_0x_layout(tmp_path: Path, older_format: bool) -> None:
    path = save(old_layout(), tmp_path / "net.pth", older_format=older_format)
    assert_synthetic(load_pose(path, COCO))


@pytest.mark.parametrize("older_format", [False, True])
def test_the_1x_layout_with_mmengines_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, older_format: bool
) -> None:
    path = save(new_layout(monkeypatch), tmp_path / "net.pth", older_format=older_format)
    monkeypatch.undo()  # mmengine is not there any more
    assert_synthetic(load_pose(path, COCO))


def test_the_mpii_net(tmp_path: Path) -> None:
    assert_synthetic(load_pose(save(old_layout(16), tmp_path / "net.pth"), MPII), 16)


def test_a_bare_state_with_the_prefix_of_parallel_training(tmp_path: Path) -> None:
    state = {f"module.{name}": tensor for name, tensor in synthetic_state(17).items()}
    assert_synthetic(load_pose(save(state, tmp_path / "net.pth"), COCO))


def test_safetensors(tmp_path: Path) -> None:
    save_file(synthetic_state(17), tmp_path / "net.safetensors", {"recipe": "none"})
    assert_synthetic(load_pose(tmp_path / "net.safetensors", COCO))
    assert read_tensors(tmp_path / "net.safetensors").metadata == {"recipe": "none"}


def test_the_content_counts_and_not_the_name(tmp_path: Path) -> None:
    save_file(synthetic_state(17), tmp_path / "net.pth")
    assert_synthetic(load_pose(tmp_path / "net.pth", COCO))


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_float16_is_widened(tmp_path: Path, kind: str) -> None:
    half = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in synthetic_state(17).items()
    }
    path = tmp_path / f"net.{kind}"
    if kind == "safetensors":
        save_file(half, path)
    else:
        torch.save(half, path)
    net = load_pose(path, COCO)
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, half[name].to(tensor.dtype)), name


def test_loading_leaves_the_dice_alone(tmp_path: Path) -> None:
    path = save(old_layout(), tmp_path / "net.pth")
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    load_pose(path, COCO)
    assert torch.equal(torch.rand(1), expected)


def altered(**changes: object) -> dict[str, object]:
    state: dict[str, object] = dict(synthetic_state(17))
    for name, value in changes.items():
        name = name.replace("__", ".")
        if value is None:
            del state[name]
        else:
            state[name] = value
    return state


def test_missing_tensors_are_named_and_counted(tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in synthetic_state(17).items() if "deconv" not in name}
    with pytest.raises(WeightsError, match=r"18 missing: head\.deconv_layers\.0\.weight.* and 15 more"):
        load_pose(save(state, tmp_path / "net.pth"), COCO)


def test_a_tensor_left_over_is_named(tmp_path: Path) -> None:
    state = altered(backbone__extra__weight=torch.zeros(3))
    with pytest.raises(WeightsError, match=r"1 left over: backbone\.extra\.weight$"):
        load_pose(save(state, tmp_path / "net.pth"), COCO)


def test_another_shape_is_named(tmp_path: Path) -> None:
    state = altered(head__final_layer__bias=torch.zeros(16))
    with pytest.raises(WeightsError, match=r"final_layer\.bias \(is 16, must be 17\)"):
        load_pose(save(state, tmp_path / "net.pth"), COCO)


def test_a_tensor_under_both_names(tmp_path: Path) -> None:
    state = altered(keypoint_head__final_layer__bias=torch.zeros(17))
    with pytest.raises(WeightsError, match="twice"):
        load_pose(save(state, tmp_path / "net.pth"), COCO)


def test_numbers_that_are_none(tmp_path: Path) -> None:
    state = altered(head__final_layer__bias=torch.full((17,), float("nan")))
    with pytest.raises(WeightsError, match=r"damaged.*head\.final_layer\.bias"):
        load_pose(save(state, tmp_path / "net.pth"), COCO)


def test_integers_where_numbers_should_be(tmp_path: Path) -> None:
    state = altered(head__final_layer__bias=torch.zeros(17, dtype=torch.int64))
    with pytest.raises(WeightsError, match=r"another kind.*final_layer\.bias"):
        load_pose(save(state, tmp_path / "net.pth"), COCO)


def test_another_number_of_keypoints_names_the_model_that_fits(tmp_path: Path) -> None:
    path = save(old_layout(16), tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=r"gives 16 keypoints where .* has 17; try --model mpii-256x256"):
        load_pose(path, COCO)


def test_weights_of_another_family(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="314 missing"):
        load_pose(save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "net.pth"), COCO)


@pytest.mark.parametrize("content", [[1, 2], {}, {"state_dict": {}}, 7, {"state_dict": [torch.zeros(1)]}])
def test_a_checkpoint_without_named_tensors(tmp_path: Path, content: object) -> None:
    with pytest.raises(WeightsError, match="no named tensors"):
        load_pose(save(content, tmp_path / "net.pth"), COCO)


def test_notes_among_the_tensors_do_not_matter(tmp_path: Path) -> None:
    assert_synthetic(load_pose(save({**synthetic_state(17), "step": 3}, tmp_path / "net.pth"), COCO))


def test_a_tensor_that_is_none(tmp_path: Path) -> None:
    state = {**synthetic_state(17), "head.final_layer.bias": None}
    with pytest.raises(WeightsError, match=r"1 missing: head\.final_layer\.bias"):
        load_pose(save(state, tmp_path / "net.pth"), COCO)


@pytest.mark.parametrize("kind", ["zip", "older", "safetensors"])
@pytest.mark.parametrize("share", [0.0005, 0.5, 0.9999])
def test_cut_short(tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / ("net.safetensors" if kind == "safetensors" else "net.pth")
    if kind == "safetensors":
        save_file(synthetic_state(17), path)
    else:
        save(old_layout(), path, older_format=kind == "older")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(WeightsError, match="damaged or cut short"):
        load_pose(path, COCO)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "web page"),
        (b"\n  <html>", "web page"),
        (b"just a text", "not weights"),
        (np.random.RandomState(0).bytes(5000), "not weights"),
        (b"PK\x03\x04 and then nothing", "damaged or cut short"),
        (b"\x80\x02}", "damaged or cut short"),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f{ a header of eight exabytes", "damaged or cut short"),
        (b"\x02\x00\x00\x00\x00\x00\x00\x00{}", "314 missing"),
    ],
)
def test_not_weights(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=says) as caught:
        load_pose(path, COCO)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 4


def test_no_such_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is no weights file"):
        load_pose(tmp_path / "none.pth", COCO)
    with pytest.raises(WeightsError, match="not a file"):
        load_pose(tmp_path, COCO)


def test_an_engine_from_a_file(tmp_path: Path) -> None:
    path = save(old_layout(16), tmp_path / "net.pth")
    engine, entry, sha256, _ = load_pose_engine("mpii-256x256", path, device="cpu")
    assert entry is MPII
    assert sha256 == file_sha256(path)
    assert engine.run(np.zeros((2, 3, 256, 256), np.float32)).shape == (2, 16, 64, 64)


def test_names_that_there_are_not(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no pose model 'coco'; choose one of shufflecam-256x192"):
        load_pose_engine("coco")
    with pytest.raises(UsageError, match="there is no backend 'tvm'"):
        load_pose_engine("coco-256x192", backend="tvm")


def test_a_model_that_was_not_fetched_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHUFFLECAM_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match="run shufflecam models get coco-256x192"):
        load_pose_engine("coco-256x192", device="cpu")


def test_a_cached_file_that_was_changed_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHUFFLECAM_CACHE", str(tmp_path))
    save(old_layout(), tmp_path / COCO.file)
    with pytest.raises(WeightsError, match="is not the published coco-256x192"):
        load_pose_engine("coco-256x192", device="cpu")
