"""Context at many scales: DeepLab's atrous spatial pyramid pooling (ASPP) and PSPNet's pyramid pooling.

Papers: Chen et al., "Rethinking Atrous Convolution", arXiv 1706.05587, section 3.3; Zhao et al., "Pyramid Scene Parsing Network", CVPR
2017, arXiv 1612.01105, section 3.2. Parameters of ASPP are named as in torchvision's ``deeplabv3``, those of pyramid pooling as in
hszhao/semseg. DeepLab v2's ASPP is another one, a sum of logits: it is in ``deeplab_v2.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv_bn_relu(in_channels: int, channels: int, *, kernel: int = 1, rate: int = 1) -> nn.Sequential:
    """A convolution without bias that keeps the size, batch normalisation and ReLU."""
    conv = nn.Conv2d(in_channels, channels, kernel, padding=rate * (kernel // 2), dilation=rate, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


def atrous_conv(in_channels: int, channels: int, rate: int) -> nn.Module:
    """The plain 3x3 branch of ASPP."""
    return conv_bn_relu(in_channels, channels, kernel=3, rate=rate)


class PooledConv(nn.Sequential):
    """float[N, C, H, W], averaged to ``bins`` x ``bins``, through a 1x1 convolution, batch normalisation and ReLU.

    One bin of one image cannot be trained on: batch normalisation refuses a single value per channel, whose variance is zero.
    """

    def __init__(self, in_channels: int, channels: int, bins: int) -> None:
        conv = nn.Conv2d(in_channels, channels, 1, bias=False)
        super().__init__(nn.AdaptiveAvgPool2d(bins), conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


class ASPP(nn.Module):
    """float[N, in_channels, H, W] to float[N, channels, H, W]: a 1x1, an atrous 3x3 per rate and image pooling, concatenated, projected.

    :param rates: dilations of the 3x3 branches: 6, 12, 18 at output stride 16, and twice those at 8.
    :param branch: makes an atrous branch of (in_channels, channels, rate); the plain 3x3 or a separable one.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        rates: Sequence[int],
        *,
        dropout: float,
        branch: Callable[[int, int, int], nn.Module] = atrous_conv,
    ) -> None:
        super().__init__()
        atrous = [branch(in_channels, channels, rate) for rate in rates]
        self.convs = nn.ModuleList([conv_bn_relu(in_channels, channels), *atrous, PooledConv(in_channels, channels, 1)])
        self.project = conv_bn_relu(len(self.convs) * channels, channels)
        self.project.append(nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        """The projected branches, at the size of ``x``."""
        *atrous, pooled = [conv(x) for conv in self.convs]
        return self.project(torch.cat([*atrous, pooled.expand_as(atrous[0])], 1))  # type: ignore[no-any-return]


class PyramidPooling(nn.Module):
    """float[N, in_channels, H, W] to float[N, in_channels + len(bins) * channels, H, W]: the map and its averages over grids of bins.

    :param align_corners: how the averages are brought back to the map's size; hszhao/semseg has True.
    """

    def __init__(self, in_channels: int, channels: int, bins: Sequence[int] = (1, 2, 3, 6), *, align_corners: bool = True) -> None:
        super().__init__()
        self.features = nn.ModuleList(PooledConv(in_channels, channels, count) for count in bins)
        self.align_corners = align_corners

    def forward(self, x: Tensor) -> Tensor:
        """The map, then one group of channels per grid, the coarsest first."""
        size = x.shape[-2:]
        pooled = [F.interpolate(f(x), size=size, mode="bilinear", align_corners=self.align_corners) for f in self.features]
        return torch.cat([x, *pooled], 1)
