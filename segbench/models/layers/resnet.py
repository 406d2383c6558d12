"""ResNet-18 to -152 without the classifier, strided or dilated: for DeepLab, GCN, PSPNet, DFN, BiSeNet, FANet and RedNet.

Paper: He, Zhang, Ren & Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv 1512.03385. Reference: torchvision's
``resnet.py``; github.com/KaimingHe/deep-residual-networks (Caffe).

Parameters are named as in torchvision's ``resnetN`` (``conv1``, ``bn1``, ``layer1.0.conv1``, ``layer1.0.downsample.0``, ...): their
ImageNet weights load with ``strict=True`` once ``fc.*`` is dropped. With a deep stem, ``conv1`` is a sequence of three convolutions, and
the names are those of timm's ``resnet50c``. As in torchvision the bottleneck's stride sits on its 3x3 convolution; Caffe's sits on the
first 1x1 (``caffe``): the same parameters, another function.

What differs: weights start from He's normal distribution by fan-in, torchvision's by fan-out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from segbench.models.layers.layers import he_initialise, scaled

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
WIDTHS = (64, 128, 256, 512)
STEM_STRIDE = 4
LEAST = 12  # channels of a narrow trunk: with fewer, its first maps pass on too little of an image to learn from


def conv(in_channels: int, channels: int, kernel: int, stride: int = 1, rate: int = 1) -> nn.Conv2d:
    """A convolution without bias that keeps the size at stride 1, whatever its dilation."""
    return nn.Conv2d(in_channels, channels, kernel, stride, padding=rate * (kernel // 2), dilation=rate, bias=False)


def shortcut(in_channels: int, channels: int, stride: int) -> nn.Sequential | None:
    """What brings a block's input to its output's shape: nothing where it has that already."""
    if stride == 1 and in_channels == channels:
        return None
    return nn.Sequential(conv(in_channels, channels, 1, stride), nn.BatchNorm2d(channels))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, dilated by ``rates``, and a shortcut: ResNet-18 and -34."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, *, stride: int, rates: tuple[int, int], stride_in_1x1: bool) -> None:
        super().__init__()
        self.conv1 = conv(in_channels, channels, 3, stride, rates[0])
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv(channels, channels, 3, rate=rates[1])
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(in_channels, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of the block and its shortcut, rectified."""
        residual = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(residual + (x if self.downsample is None else self.downsample(x)))  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    """1x1, 3x3 dilated by the first of ``rates``, and 1x1 to four times the channels, and a shortcut: ResNet-50 and deeper."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, *, stride: int, rates: tuple[int, int], stride_in_1x1: bool) -> None:
        super().__init__()
        out = channels * self.expansion
        self.conv1 = conv(in_channels, channels, 1, stride if stride_in_1x1 else 1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv(channels, channels, 3, 1 if stride_in_1x1 else stride, rates[0])
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = conv(channels, out, 1)
        self.bn3 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(in_channels, out, stride)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of the block and its shortcut, rectified."""
        residual = self.relu(self.bn1(self.conv1(x)))
        residual = self.relu(self.bn2(self.conv2(residual)))
        residual = self.bn3(self.conv3(residual))
        return self.relu(residual + (x if self.downsample is None else self.downsample(x)))  # type: ignore[no-any-return]


def deep_stem(in_channels: int, widths: Sequence[int]) -> nn.Sequential:
    """Three 3x3 convolutions, the first of stride 2, in place of the 7x7; normalisation and ReLU after the last are the trunk's own."""
    first, second, third = widths
    return nn.Sequential(
        conv(in_channels, first, 3, 2),
        nn.BatchNorm2d(first),
        nn.ReLU(inplace=True),
        conv(first, second, 3),
        nn.BatchNorm2d(second),
        nn.ReLU(inplace=True),
        conv(second, third, 3),
    )


@dataclass(frozen=True)
class Dilation:
    """Stages that would pass ``output_stride`` trade their stride for dilation; ``None`` keeps every stride.

    ``contract``: the convolution that lost its stride keeps the dilation of the stage before, as in torchvision, so that only what stood
    behind the stride is dilated; otherwise every 3x3 of the stage is, as in Caffe's DeepLab v2 and hszhao's PSPNet. ``multi_grid``: factors
    on the dilation of the last stage's blocks, cycled (DeepLab v3); unless all are 1, of its first block too.
    """

    output_stride: int | None = None
    contract: bool = True
    multi_grid: Sequence[int] = (1, 1, 1)

    def rates(self, stage: int, blocks: int, before: int, own: int) -> list[tuple[int, int]]:
        """The dilations of each block's 3x3 convolutions, in a stage (from 0) whose own is ``own`` and the one before it ``before``."""
        grid = self.multi_grid if stage == 3 else (1,)
        rates = [(own * grid[i % len(grid)],) * 2 for i in range(blocks)]
        if self.contract and all(factor == 1 for factor in grid):
            rates[0] = (before, own)
        return rates


STRIDED = Dilation()


class ResNetTrunk(nn.Module):
    """float[N, in_channels, H, W] to the maps of its four stages, at strides 4, 8, 16 and 32 unless dilated; any size.

    :param depth: 18, 34, 50, 101 or 152.
    :param deep_stem: channels of three 3x3 convolutions in place of the 7x7: 32, 32, 64 (ResNet-C) or 64, 64, 128 (PSPNet, TorchSeg).
    :param stage_strides: of the first block of each stage; FANet's first is 2.
    :param caffe: the stride of a bottleneck sits on its first 1x1 convolution, and the pool keeps an incomplete last row and column.
    :param width: multiplies every number of channels.
    :raises ValueError: no such depth, or the output stride is not one of the trunk's strides.
    """

    def __init__(
        self,
        depth: int,
        *,
        dilation: Dilation = STRIDED,
        deep_stem: Sequence[int] | None = None,
        stage_strides: Sequence[int] = (1, 2, 2, 2),
        in_channels: int = 3,
        caffe: bool = False,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise ValueError(f"there is no ResNet-{depth}; depths are {', '.join(map(str, BLOCKS))}")
        block = BasicBlock if depth < 50 else Bottleneck
        self.stem_channels = scaled(64 if deep_stem is None else deep_stem[-1], width, LEAST)
        self.channels = tuple(scaled(w, width, LEAST) * block.expansion for w in WIDTHS)
        self.conv1 = stem(in_channels, deep_stem, width)
        self.bn1 = nn.BatchNorm2d(self.stem_channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1, ceil_mode=caffe)
        stages = []
        channels = self.stem_channels
        for stage, (stride, before, own) in enumerate(dilated(stage_strides, dilation.output_stride)):
            rates = dilation.rates(stage, BLOCKS[depth][stage], before, own)
            stages.append(layer(block, channels, scaled(WIDTHS[stage], width, LEAST), stride, rates, caffe))
            channels = self.channels[stage]
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        he_initialise(self)

    def stem(self, x: Tensor) -> Tensor:
        """float[N, stem_channels, ceil(H / 2), ceil(W / 2)], before the pool."""
        return self.relu(self.bn1(self.conv1(x)))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> list[Tensor]:
        """The maps of the four stages, the finest first."""
        x = self.maxpool(self.stem(x))
        stages = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            stages.append(x)
        return stages


def stem(in_channels: int, widths: Sequence[int] | None, width: float) -> nn.Module:
    """What stands before the first normalisation: the 7x7 convolution of stride 2, or three of 3x3."""
    if widths is None:
        return conv(in_channels, scaled(64, width, LEAST), 7, 2)
    return deep_stem(in_channels, [scaled(w, width, LEAST) for w in widths])


def layer(
    block: type[BasicBlock | Bottleneck],
    in_channels: int,
    channels: int,
    stride: int,
    rates: Sequence[tuple[int, int]],
    stride_in_1x1: bool,
) -> nn.Sequential:
    """One stage: a block per pair of rates, the first of them strided. ``channels`` are those inside a block."""
    blocks = []
    for pair in rates:
        blocks.append(block(in_channels, channels, stride=stride, rates=pair, stride_in_1x1=stride_in_1x1))
        in_channels, stride = channels * block.expansion, 1
    return nn.Sequential(*blocks)


def dilated(strides: Sequence[int], output_stride: int | None) -> list[tuple[int, int, int]]:
    """For each stage its stride, the dilation of the stage before and its own: past ``output_stride``, strides turn into dilation.

    :raises ValueError: no product of the first strides is the output stride.
    """
    steps, total, dilation = [], STEM_STRIDE, 1
    for stride in strides:
        before = dilation
        if output_stride is not None and total * stride > output_stride:
            dilation, stride = dilation * stride, 1
        total *= stride
        steps.append((stride, before, dilation))
    if output_stride not in (None, total):
        raise ValueError(f"a ResNet with stage strides {tuple(strides)} cannot end at stride {output_stride}, but at {total}")
    return steps
