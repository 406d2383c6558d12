"""The modified aligned Xception-65 of DeepLab v3+, and its separable convolution.

Papers: Chollet, "Xception", CVPR 2017, arXiv 1610.02357; Chen et al., "Encoder-Decoder with Atrous Separable Convolution", ECCV 2018,
arXiv 1802.02611, figure 4. Reference: github.com/tensorflow/models, ``research/deeplab/core/xception.py``.

As in the reference: every pool is a strided separable convolution (the last of its block), so that it can be dilated; there is a batch
normalisation after each depthwise convolution as well; the middle flow has sixteen blocks. Paper and model zoo speak of batch normalisation
*and ReLU* after each depthwise convolution: in the code only the last block has those ReLUs; the others rectify the input of each separable
convolution. This file follows the code, as timm does. Parameters are named as in timm's ``xception65``, whose converted ImageNet weights
load with ``strict=True`` once ``head.*`` is dropped.

What differs: weights start from He's normal distribution.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from segbench.models.layers.layers import he_initialise, scaled

# Batch normalisation of the reference's trunk; the rest of DeepLab has torch's default of 1e-5.
EPS = 1e-3
STEM = (32, 64)
# Channels of the three separable convolutions of each block, and the stride of the last of them.
BLOCKS = (
    *(((128, 128, 128), 2), ((256, 256, 256), 2), ((728, 728, 728), 2)),
    *(((728, 728, 728), 1),) * 16,
    *(((728, 1024, 1024), 2), ((1536, 1536, 2048), 1)),
)
LOW_LEVEL_BLOCK = 1
LEAST = 16  # channels of a narrow network: the stem halves the image before anything is seen of it


class SeparableConv(nn.Module):
    """A 3x3 depthwise and a 1x1 convolution without bias, each with batch normalisation and, if ``relu``, a ReLU."""

    def __init__(self, in_channels: int, channels: int, *, stride: int = 1, rate: int = 1, relu: bool = True, eps: float = 1e-5) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(in_channels, in_channels, 3, stride, padding=rate, dilation=rate, groups=in_channels, bias=False)
        self.bn_dw = nn.BatchNorm2d(in_channels, eps=eps)
        self.act_dw = nn.ReLU(inplace=True) if relu else nn.Identity()
        self.conv_pw = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn_pw = nn.BatchNorm2d(channels, eps=eps)
        self.act_pw = nn.ReLU(inplace=True) if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """float[N, in_channels, H, W] to float[N, channels, ceil(H / stride), ceil(W / stride)]."""
        x = self.act_dw(self.bn_dw(self.conv_dw(x)))
        return self.act_pw(self.bn_pw(self.conv_pw(x)))  # type: ignore[no-any-return]


class ConvNorm(nn.Module):
    """A convolution without bias, batch normalisation and, if ``relu``, a ReLU."""

    def __init__(self, in_channels: int, channels: int, kernel: int, *, stride: int, relu: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, kernel, stride, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=EPS)
        self.act = nn.ReLU(inplace=True) if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """float[N, in_channels, H, W] to float[N, channels, ceil(H / stride), ceil(W / stride)]."""
        return self.act(self.bn(self.conv(x)))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Three separable convolutions, rectified before each, and a shortcut; the ``last`` block is rectified after each and has none."""

    def __init__(self, in_channels: int, widths: list[int], *, stride: int, rate: int, last: bool) -> None:
        super().__init__()
        self.last = last
        self.shortcut: nn.Module | None = None
        if not last and (stride != 1 or in_channels != widths[-1]):
            self.shortcut = ConvNorm(in_channels, widths[-1], 1, stride=stride, relu=False)
        self.stack = nn.Sequential()
        for number, channels in enumerate(widths, start=1):
            if not last:
                # Not in place: the block's input goes to the shortcut as it is, and the second map to DeepLab's decoder.
                self.stack.add_module(f"act{number}", nn.ReLU())
            separable = SeparableConv(in_channels, channels, stride=stride if number == 3 else 1, rate=rate, relu=last, eps=EPS)
            self.stack.add_module(f"conv{number}", separable)
            in_channels = channels

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The block's output, and the map after the second separable convolution, which is not strided yet."""
        split = 2 if self.last else 4
        second = self.stack[:split](x)
        residual = self.stack[split:](second)
        if self.last:
            return residual, second
        return residual + (x if self.shortcut is None else self.shortcut(x)), second


class Maps(NamedTuple):
    """``low``: float[N, 256, h, w] at stride 4, not rectified; ``high``: float[N, 2048, h, w] at the output stride. Sizes round up."""

    low: Tensor
    high: Tensor


class Xception65(nn.Module):
    """float[N, 3, H, W] of any size to the maps that DeepLab v3+ wants.

    :param output_stride: 32, 16 or 8; blocks that would pass it trade their stride for dilation of those behind them.
    :param width: multiplies every number of channels.
    """

    def __init__(self, *, output_stride: int = 16, width: float = 1.0) -> None:
        super().__init__()
        if output_stride not in (8, 16, 32):
            raise ValueError(f"Xception-65 ends at stride 8, 16 or 32, not {output_stride}")
        first, second = (scaled(w, width, LEAST) for w in STEM)
        self.stem = nn.Sequential(ConvNorm(3, first, 3, stride=2, relu=True), ConvNorm(first, second, 3, stride=1, relu=True))
        blocks = []
        channels, total, rate = second, 2, 1
        for number, (widths, stride) in enumerate(BLOCKS):
            keep = total * stride <= output_stride
            out = [scaled(w, width, LEAST) for w in widths]
            blocks.append(Block(channels, out, stride=stride if keep else 1, rate=rate, last=number == len(BLOCKS) - 1))
            channels, total, rate = out[-1], total * (stride if keep else 1), rate * (1 if keep else stride)
        self.blocks = nn.ModuleList(blocks)
        self.channels = (scaled(BLOCKS[LOW_LEVEL_BLOCK][0][1], width, LEAST), channels)
        he_initialise(self)

    def forward(self, x: Tensor) -> Maps:
        """The second block's map before its stride, and the last."""
        x = self.stem(x)
        low = x
        for number, block in enumerate(self.blocks):
            x, second = block(x)
            if number == LOW_LEVEL_BLOCK:
                low = second
        return Maps(low, x)
