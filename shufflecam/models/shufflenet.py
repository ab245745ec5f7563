"""The pose network: a ShuffleNetV1 backbone and a deconvolution head, nn.Modules only.

Source: Zhang et al., ShuffleNet (CVPR 2018), in the variant and with the tensor names of the
OpenMMLab pose models, so that their checkpoints load key by key (314 keys, 6.94 M parameters).

Axes: N pictures, C channels, H rows, W columns, K keypoints. Input (N, 3, H, W) float32, normalised
RGB; output (N, K, H/4, W/4) heatmaps without an activation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

GROUPS = 3
STEM_CHANNELS = 24
STAGE_CHANNELS = (240, 480, 960)  # width 1.0 with three groups
STAGE_UNITS = (4, 8, 4)
HEAD_CHANNELS = 256
FULL_HEAD = (HEAD_CHANNELS, HEAD_CHANNELS, HEAD_CHANNELS)  # of each deconvolution, as published
OUTPUT_STRIDE = 4  # the backbone's 32, halved by each of three deconvolutions


class ConvBN(nn.Module):
    """Convolution without bias, batch norm and, optionally, ReLU."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1, relu: bool = True
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(c_out)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return torch.relu(x) if self.relu else x


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Interleave the groups' channels: twelve in three groups become 0 4 8 1 5 9 2 6 10 3 7 11.

    The ShuffleNet authors' own code uses the inverse permutation; weights trained with this order load there
    without an error and yield wrong poses.
    """
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class ShuffleUnit(nn.Module):
    """A bottleneck of grouped 1x1 convolutions with a shuffle between them.

    The first unit of a stage (`downsample`) halves the resolution and concatenates the pooled input and the
    branch, in this order; the others add the branch to the input.
    """

    def __init__(self, c_in: int, c_out: int, *, downsample: bool, first_of_all: bool) -> None:
        super().__init__()
        self.downsample = downsample
        middle = c_out // 4
        # The very first compression has too few input channels for grouping.
        self.g_conv_1x1_compress = ConvBN(c_in, middle, 1, groups=1 if first_of_all else GROUPS)
        self.depthwise_conv3x3_bn = ConvBN(
            middle, middle, 3, stride=2 if downsample else 1, groups=middle, relu=False
        )
        self.g_conv_1x1_expand = ConvBN(
            middle, c_out - c_in if downsample else c_out, 1, groups=GROUPS, relu=False
        )
        self.avgpool = nn.AvgPool2d(3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.depthwise_conv3x3_bn(self.g_conv_1x1_compress(x))
        # The paper shuffles before the depthwise convolution; the published weights require it after.
        branch = self.g_conv_1x1_expand(channel_shuffle(branch, GROUPS))
        if self.downsample:
            return torch.cat([self.avgpool(x), torch.relu(branch)], dim=1)
        return torch.relu(x + branch)


class ShuffleNetV1(nn.Module):
    """The backbone: (N, 3, H, W) -> (N, 960, H/32, W/32)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvBN(3, STEM_CHANNELS, 3, stride=2)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layers = nn.ModuleList()
        c_in = STEM_CHANNELS
        for stage, (c_out, units) in enumerate(zip(STAGE_CHANNELS, STAGE_UNITS, strict=True)):
            blocks = [ShuffleUnit(c_in, c_out, downsample=True, first_of_all=stage == 0)]
            blocks += [
                ShuffleUnit(c_out, c_out, downsample=False, first_of_all=False) for _ in range(units - 1)
            ]
            self.layers.append(nn.Sequential(*blocks))
            c_in = c_out

    def stages(self, x: Tensor) -> list[Tensor]:
        """Return the three stages' outputs, at strides 8, 16 and 32."""
        x = self.maxpool(self.conv1(x))
        outputs = []
        for layer in self.layers:
            x = layer(x)
            outputs.append(x)
        return outputs

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)[-1]


class HeatmapHead(nn.Module):
    """Three deconvolutions and a 1x1 convolution: (N, 960, h, w) -> (N, K, 8h, 8w)."""

    def __init__(self, keypoints: int, channels: tuple[int, int, int] = FULL_HEAD) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        c_in = STAGE_CHANNELS[-1]
        for c_out in channels:
            layers += [
                nn.ConvTranspose2d(c_in, c_out, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(c_out),
                nn.ReLU(inplace=True),
            ]
            c_in = c_out
        self.deconv_layers = nn.Sequential(*layers)
        self.final_layer = nn.Conv2d(c_in, keypoints, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.final_layer(self.deconv_layers(x))


class PoseNet(nn.Module):
    """Backbone and head: normalised RGB (N, 3, H, W) -> heatmaps (N, K, H/4, W/4)."""

    def __init__(self, keypoints: int, head_channels: tuple[int, int, int] = FULL_HEAD) -> None:
        super().__init__()
        self.backbone = ShuffleNetV1()
        self.head = HeatmapHead(keypoints, head_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.backbone(x))
