"""Exponential moving average of a network's weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def update_average(average: dict[str, Tensor], net: nn.Module, decay: float, step: int) -> None:
    """Move the exponential average towards the network's weights and batch norm statistics, in place."""
    # A smaller decay at first: the initial random weights must not linger.
    decay = min(decay, (1 + step) / (10 + step))
    for name, value in net.state_dict().items():
        if value.dtype.is_floating_point:
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)
