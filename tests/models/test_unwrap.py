"""Whatever a trainer put around the network's tensors comes off; what is no packing is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from shufflecam.core.errors import WeightsError
from shufflecam.models.catalogue import pose_entry
from shufflecam.models.load import load_pose
from shufflecam.models.shufflenet import PoseNet
from tests.models.checkpoints import save, synthetic_state

COCO = pose_entry("coco-256x192")
State = dict[str, Tensor]


def assert_synthetic(net: PoseNet) -> None:
    state = net.state_dict()
    for name, tensor in synthetic_state(17).items():
        assert torch.equal(state[name], tensor), name


def other() -> State:
    """Tensors of the same shapes with other numbers: what must not be taken."""
    return {name: tensor * 0 for name, tensor in synthetic_state(17).items()}


def with_prefix(prefix: str) -> State:
    return {prefix + name: tensor for name, tensor in synthetic_state(17).items()}


PACKED: dict[str, Callable[[], Any]] = {
    "model": lambda: {"model": synthetic_state(17), "optimizer": {"state": {}}, "epoch": 3},
    "network": lambda: {"network": synthetic_state(17), "epoch": 3},
    "net": lambda: {"net": synthetic_state(17)},
    "model_state_dict": lambda: {"model_state_dict": synthetic_state(17), "loss": 0.5},
    "deeper": lambda: {"ema": {"module": synthetic_state(17)}, "model": other()},
    "ema beside model": lambda: {"model": other(), "ema": synthetic_state(17)},
    "timm": lambda: {"state_dict": other(), "state_dict_ema": synthetic_state(17), "arch": "x"},
    "compiled": lambda: with_prefix("_orig_mod."),
    "compiled and parallel": lambda: {"model": with_prefix("module._orig_mod.")},
    "compiled inside": lambda: {
        name.replace("backbone.", "backbone._orig_mod."): value for name, value in synthetic_state(17).items()
    },
    "Lightning": lambda: {
        "state_dict": {**with_prefix("model."), "loss_fn.weight": torch.ones(17)},
        "pytorch-lightning_version": "2.4.0",
        "hyper_parameters": {"lr": 1e-3},
        "callbacks": {},
    },
    "Lightning with an average": lambda: {
        "state_dict": {**{f"net.{name}": value for name, value in other().items()}, **with_prefix("ema_net.")}
    },
    "swa_utils.AveragedModel": lambda: {**with_prefix("module."), "n_averaged": torch.tensor(7)},
    "without the norms' counters": lambda: {
        name: value for name, value in synthetic_state(17).items() if not name.endswith("num_batches_tracked")
    },
}


@pytest.mark.parametrize("packing", PACKED)
def test_known_packing_comes_off(tmp_path: Path, packing: str) -> None:
    content = PACKED[packing]()
    net = load_pose(save(content, tmp_path / "net.pt"), COCO)
    if "counters" in packing:
        assert torch.equal(net.backbone.conv1.conv.weight, synthetic_state(17)["backbone.conv1.conv.weight"])
    else:
        assert_synthetic(net)


def test_a_whole_module_that_was_saved_with_its_class(tmp_path: Path) -> None:
    net = PoseNet(17)
    net.load_state_dict(synthetic_state(17))
    assert_synthetic(load_pose(save({"model": net, "epoch": 3}, tmp_path / "net.pt"), COCO))


def test_safetensors_with_a_prefix(tmp_path: Path) -> None:
    save_file(with_prefix("model."), tmp_path / "net.safetensors")
    assert_synthetic(load_pose(tmp_path / "net.safetensors", COCO))


@pytest.mark.parametrize("ema", [0.0, 0.999])
def test_our_own_run_gives_what_it_would_export(tmp_path: Path, ema: float) -> None:
    trained, average = (other(), synthetic_state(17)) if ema else (synthetic_state(17), other())
    run = {
        "recipe": {"ema": ema},
        "step": 9,
        "net": trained,
        "optimizer": {},
        "helpers": {},
        "average": average,
    }
    assert_synthetic(load_pose(save(run, tmp_path / "last.pt"), COCO))


def test_a_narrow_head_is_loaded_as_it_is(tmp_path: Path) -> None:
    from shufflecam.train.pose.nets import build, widen

    narrow = build(17, (16, 8, 8)).eval()
    wide = PoseNet(17)
    wide.load_state_dict(widen(narrow.state_dict(), 17))
    loaded = load_pose(save({"net": narrow.state_dict()}, tmp_path / "net.pt"), COCO)
    picture = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(loaded(picture), wide.eval()(picture), atol=1e-6)


def test_two_networks_are_not_chosen_between(tmp_path: Path) -> None:
    both = {**with_prefix("student."), **with_prefix("teacher.")}
    with pytest.raises(
        WeightsError, match=r"holds 2 networks \(student\., teacher\.\); save one of them alone"
    ):
        load_pose(save(both, tmp_path / "net.pt"), COCO)


def test_what_is_inside_is_said(tmp_path: Path) -> None:
    content = {"optimizer": {"state": {}}, "epoch": 3, "lr": 0.1}
    with pytest.raises(
        WeightsError, match=r"no named tensors.*In it: optimizer, epoch, lr; save the network"
    ):
        load_pose(save(content, tmp_path / "net.pt"), COCO)


def test_another_network_in_a_wrapping_is_told_by_its_tensors(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="314 missing"):
        load_pose(save({"model": torch.nn.Linear(2, 2).state_dict()}, tmp_path / "net.pt"), COCO)
