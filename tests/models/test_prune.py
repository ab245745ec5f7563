"""Without the channels that are always zero, the network computes the same."""

from __future__ import annotations

import copy

import torch
from torch import nn

from shufflecam.models.catalogue import DEFAULT_POSE, embedded_path, pose_entry
from shufflecam.models.load import load_pose
from shufflecam.models.prune import prune_zero_channels
from shufflecam.models.shufflenet import PoseNet
from shufflecam.train.pose.nets import build, widen


def trained(net: PoseNet) -> PoseNet:
    """Batch norms as after a training: nothing neutral is left in them."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, 0, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
    nn.init.normal_(net.head.final_layer.weight, std=0.1)
    return net.eval()


def full(widths: tuple[int, int, int]) -> PoseNet:
    torch.manual_seed(1)
    net = PoseNet(17)
    net.load_state_dict(widen(trained(build(17, widths)).state_dict(), 17))
    return net.eval()


def widths_of(net: PoseNet) -> list[int]:
    return [layer.out_channels for layer in net.head.deconv_layers if isinstance(layer, nn.ConvTranspose2d)]


@torch.inference_mode()
def same(a: PoseNet, b: PoseNet) -> None:
    # In float64: the sums run in another order, and these heatmaps are in the hundreds.
    inputs = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)).double()
    expected, got = copy.deepcopy(a).double()(inputs), copy.deepcopy(b).double()(inputs)
    assert expected.std() > 1e-3, "a network that says nothing agrees with everything"
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def test_spare_channels_go_and_nothing_changes() -> None:
    wide = full((16, 24, 8))
    thin = prune_zero_channels(copy.deepcopy(wide))
    assert widths_of(thin) == [16, 24, 8]
    assert thin.head.final_layer.in_channels == 8
    same(wide, thin)


def test_a_network_without_spare_channels_stays_as_it_is() -> None:
    torch.manual_seed(2)
    net = trained(PoseNet(17))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    after = prune_zero_channels(net).state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_a_channel_that_is_constant_but_not_zero_is_kept() -> None:
    wide = full((16, 24, 8))
    norm = wide.head.deconv_layers[4]
    assert isinstance(norm, nn.BatchNorm2d)
    with torch.no_grad():
        norm.bias[100] = 0.7  # hears nothing, and says 0.7 everywhere
        wide.head.deconv_layers[6].weight[100, :8] = 0.05
    thin = prune_zero_channels(copy.deepcopy(wide))
    assert widths_of(thin) == [16, 25, 8]
    same(wide, thin)


def test_one_whose_batch_norm_mutes_it_goes() -> None:
    wide = full((16, 24, 8))
    norm = wide.head.deconv_layers[1]
    assert isinstance(norm, nn.BatchNorm2d)
    with torch.no_grad():
        norm.weight[3], norm.bias[3] = 0, -0.1
    thin = prune_zero_channels(copy.deepcopy(wide))
    assert widths_of(thin) == [15, 24, 8]
    same(wide, thin)


def test_a_head_of_nothing_but_zeros_still_runs() -> None:
    net = PoseNet(17).eval()
    with torch.no_grad():
        for parameter in net.head.parameters():
            parameter.zero_()
        net.head.final_layer.bias.fill_(0.25)
    thin = prune_zero_channels(copy.deepcopy(net))
    assert widths_of(thin) == [1, 1, 1]
    with torch.inference_mode():
        heatmaps = thin(torch.randn(1, 3, 64, 64))
    assert torch.equal(heatmaps, torch.full((1, 17, 16, 16), 0.25))


def test_the_embedded_network_computes_the_same() -> None:
    path = embedded_path(DEFAULT_POSE)
    assert path is not None
    entry = pose_entry(DEFAULT_POSE)
    same(load_pose(path, entry), prune_zero_channels(load_pose(path, entry)))
