"""Prunes head channels that are always zero, so that a narrow head costs only its own width.

Nine tenths of the network's arithmetic is in the head, and weights trained with a narrow head are stored at
full width, so that they load wherever the published ones do. The padding channels are zero after their ReLU
for any picture; without them the network computes the same, several times as fast.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shufflecam.models.shufflenet import PoseNet


def prune_zero_channels(net: PoseNet) -> PoseNet:
    """Remove the head's channels that are zero for every picture, in place.

    Args:
        net: in evaluation mode. One without such channels, such as the published ones, is unchanged.

    Returns:
        The same module. Its tensors no longer have the published shapes: do not save it.
    """
    layers = net.head.deconv_layers
    kept_in: Tensor | None = None
    for place in range(0, len(layers), 3):
        deconv, norm = layers[place], layers[place + 1]
        assert isinstance(deconv, nn.ConvTranspose2d)
        assert isinstance(norm, nn.BatchNorm2d)
        kept_in = _prune_layer(deconv, norm, kept_in)
    final = net.head.final_layer
    if kept_in is not None and len(kept_in) < final.in_channels:
        final.weight = _frozen(final.weight[:, kept_in])
        final.in_channels = len(kept_in)
    return net


def _prune_layer(deconv: nn.ConvTranspose2d, norm: nn.BatchNorm2d, kept_in: Tensor | None) -> Tensor:
    """Remove a layer's pruned inputs and its own zero channels; return the indices of the channels kept."""
    weight = deconv.weight.detach()  # (in, out, 4, 4)
    if kept_in is not None:
        weight = weight[kept_in]
    kept = torch.nonzero(~_always_zero(weight, norm)).flatten()
    if not len(kept):
        kept = torch.zeros(1, dtype=torch.long, device=weight.device)  # a layer needs at least one channel
    if weight.shape[0] == deconv.in_channels and len(kept) == deconv.out_channels:
        return kept
    deconv.weight = _frozen(weight[:, kept])
    deconv.in_channels, deconv.out_channels = int(weight.shape[0]), len(kept)
    for name in ("weight", "bias"):
        setattr(norm, name, _frozen(getattr(norm, name)[kept]))
    for name in ("running_mean", "running_var"):
        setattr(norm, name, getattr(norm, name)[kept].clone())
    norm.num_features = len(kept)
    return kept


def _always_zero(weight: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Return (out,) booleans: whether a channel is zero after batch norm and ReLU for any input."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.detach() * torch.rsqrt(norm.running_var + norm.eps)
    constant = norm.bias.detach() - norm.running_mean * scale
    hears_nothing = (weight == 0).all(dim=3).all(dim=2).all(dim=0) | (scale == 0)
    return hears_nothing & (constant <= 0)


def _frozen(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor.detach().clone(), requires_grad=False)
