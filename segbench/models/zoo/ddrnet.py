"""DDRNet-23-slim: a branch at stride 8 and one down to stride 64 that exchange their maps twice, and a pyramid at the deep end.

Paper: Hong, Pan, Sun & Jia, "Deep Dual-resolution Networks for Real-time and Accurate Semantic Segmentation of Road Scenes", 2021
(T-ITS 2022), arXiv 2101.06085. Reference: github.com/ydhongHIT/DDRNet, ``segmentation/DDRNet_23_slim.py``.

Parameters are named as there. As there: the last residual block of a layer is not rectified, its readers do that; normalisation and ReLU
stand in front of the convolutions of the pyramid (DAPPM) and of the heads; all resizing has ``align_corners=False``, which its weights
need. The auxiliary head reads the fine branch after the first exchange; its loss has weight 0.4 (chenjun2hao's training code).

What differs: He's initialisation by fan-in instead of fan-out. Batch normalisation of the pyramid's global pool needs batches of at least 2
in training.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import he_initialise, scaled
from segbench.models.segmenter import AuxLogits, InputRule, Paper, Segmenter, TrainingOutput

PAPER = Paper(
    "Deep Dual-resolution Networks for Real-time and Accurate Semantic Segmentation of Road Scenes",
    "Y. Hong, H. Pan, W. Sun, Y. Jia",
    2021,
    "https://arxiv.org/abs/2101.06085",
)
INPUT_RULE = InputRule(divisor=8)
AUX_WEIGHT = 0.4
# Average pools of DAPPM: kernel and stride; None is the whole map.
PYRAMID = ((5, 2), (9, 4), (17, 8), None)


def resize(x: Tensor, like: Tensor) -> Tensor:
    """``x`` [..., h, w] at the height and width of ``like``, bilinearly, without aligned corners."""
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


def conv_bn(in_channels: int, channels: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A padded convolution without bias, and batch normalisation."""
    conv = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels))


def bn_relu_conv(in_channels: int, channels: int, kernel: int, groups: int = 1) -> list[nn.Module]:
    """Batch normalisation, ReLU, and a padded convolution without bias."""
    conv = nn.Conv2d(in_channels, channels, kernel, padding=kernel // 2, groups=groups, bias=False)
    return [nn.BatchNorm2d(in_channels), nn.ReLU(inplace=True), conv]


def stem(channels: int) -> nn.Sequential:
    """Two biased 3x3 convolutions of stride 2."""
    first, second = nn.Conv2d(3, channels, 3, 2, 1), nn.Conv2d(channels, channels, 3, 2, 1)
    return nn.Sequential(
        *(first, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)),
        *(second, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)),
    )


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut; rectified at the end if ``relu``."""

    def __init__(self, in_channels: int, channels: int, *, stride: int = 1, relu: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        changed = stride != 1 or in_channels != channels
        self.downsample = conv_bn(in_channels, channels, 1, stride) if changed else nn.Identity()
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """float[N, in_channels, H, W] to float[N, channels, H / stride, W / stride]."""
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.downsample(x)
        return F.relu(out) if self.relu else out


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions to twice ``channels``, and a shortcut; never rectified at the end."""

    def __init__(self, in_channels: int, channels: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, 2 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(2 * channels)
        changed = stride != 1 or in_channels != 2 * channels
        self.downsample = conv_bn(in_channels, 2 * channels, 1, stride) if changed else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """float[N, in_channels, H, W] to float[N, 2 * channels, H / stride, W / stride]."""
        out = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return self.bn3(self.conv3(out)) + self.downsample(x)  # type: ignore[no-any-return]


def basic_layer(in_channels: int, channels: int, blocks: int, stride: int = 1) -> nn.Sequential:
    """Basic blocks, of which the first has the stride and all but the last are rectified."""
    layers = [BasicBlock(in_channels, channels, stride=stride, relu=blocks > 1)]
    layers += [BasicBlock(channels, channels, relu=number < blocks) for number in range(2, blocks + 1)]
    return nn.Sequential(*layers)


def pooled_branch(in_channels: int, channels: int, window: tuple[int, int] | None) -> nn.Sequential:
    """An average pool (kernel, stride) that counts its padding, or over the whole map; then normalisation, ReLU, 1x1 convolution."""
    pool = nn.AdaptiveAvgPool2d(1) if window is None else nn.AvgPool2d(*window, padding=window[0] // 2)
    return nn.Sequential(pool, *bn_relu_conv(in_channels, channels, 1))


class DAPPM(nn.Module):
    """Deep aggregation pyramid pooling: each scale is added to the finer one before it, then convolved."""

    def __init__(self, in_channels: int, branch_channels: int, channels: int) -> None:
        super().__init__()
        self.scale0 = nn.Sequential(*bn_relu_conv(in_channels, branch_channels, 1))
        self.scale1, self.scale2, self.scale3, self.scale4 = (pooled_branch(in_channels, branch_channels, window) for window in PYRAMID)
        processes = (nn.Sequential(*bn_relu_conv(branch_channels, branch_channels, 3)) for _ in PYRAMID)
        self.process1, self.process2, self.process3, self.process4 = processes
        self.compression = nn.Sequential(*bn_relu_conv(5 * branch_channels, channels, 1))
        self.shortcut = nn.Sequential(*bn_relu_conv(in_channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """float[N, in_channels, H, W] to float[N, channels, H, W]."""
        maps = [self.scale0(x)]
        scales = (self.scale1, self.scale2, self.scale3, self.scale4)
        processes = (self.process1, self.process2, self.process3, self.process4)
        for scale, process in zip(scales, processes, strict=True):
            maps.append(process(resize(scale(x), x) + maps[-1]))
        return self.compression(torch.cat(maps, 1)) + self.shortcut(x)  # type: ignore[no-any-return]


class SegHead(nn.Module):
    """A 3x3 and a 1x1 convolution, each after normalisation and ReLU: float[N, in_channels, H, W] to scores [N, classes, H, W]."""

    def __init__(self, in_channels: int, channels: int, classes: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scores at the size of ``x``."""
        return self.conv2(F.relu(self.bn2(self.conv1(F.relu(self.bn1(x))))))  # type: ignore[no-any-return]


class DDRNet(nn.Module):
    """float[N, 3, H, W] to logits [N, classes, H / 8, W / 8]; sides that are no multiples of 8 round up.

    Names that end in ``_`` are of the fine branch, as in the reference.
    """

    training_only = ("seghead_extra",)

    def __init__(self, classes: int, *, channels: int, pyramid_channels: int, head_channels: int) -> None:
        super().__init__()
        c1, c2, c4, c8 = channels, 2 * channels, 4 * channels, 8 * channels
        self.conv1 = stem(c1)
        self.layer1 = basic_layer(c1, c1, 2)
        self.layer2 = basic_layer(c1, c2, 2, stride=2)
        self.layer3 = basic_layer(c2, c4, 2, stride=2)
        self.layer4 = basic_layer(c4, c8, 2, stride=2)
        self.compression3 = conv_bn(c4, c2, 1)
        self.compression4 = conv_bn(c8, c2, 1)
        self.down3 = conv_bn(c2, c4, 3, stride=2)
        self.down4 = nn.Sequential(*conv_bn(c2, c4, 3, stride=2), nn.ReLU(inplace=True), *conv_bn(c4, c8, 3, stride=2))
        self.layer3_ = basic_layer(c2, c2, 2)
        self.layer4_ = basic_layer(c2, c2, 2)
        self.layer5_ = nn.Sequential(Bottleneck(c2, c2))
        self.layer5 = nn.Sequential(Bottleneck(c8, c8, stride=2))
        self.spp = DAPPM(2 * c8, pyramid_channels, c4)
        self.seghead_extra = SegHead(c2, head_channels, classes)
        self.final_layer = SegHead(c4, head_channels, classes)
        he_initialise(self)
        he_initialise(self.seghead_extra.conv2, gain=1)
        he_initialise(self.final_layer.conv2, gain=1)

    def forward(self, x: Tensor) -> Tensor | TrainingOutput:
        """Logits, and in training mode those of the auxiliary head."""
        shared = F.relu(self.layer2(F.relu(self.layer1(self.conv1(x)))))
        deep, fine = self.layer3(shared), self.layer3_(shared)
        # Each branch is sent to the other as it was before the exchange.
        deep, exchanged = deep + self.down3(F.relu(fine)), fine + resize(self.compression3(F.relu(deep)), fine)
        deep, fine = self.layer4(F.relu(deep)), self.layer4_(F.relu(exchanged))
        deep, fine = deep + self.down4(F.relu(fine)), fine + resize(self.compression4(F.relu(deep)), fine)
        fine = self.layer5_(F.relu(fine))
        logits = self.final_layer(fine + resize(self.spp(self.layer5(F.relu(deep))), fine))
        if not self.training:
            return logits  # type: ignore[no-any-return]
        return TrainingOutput(logits, (AuxLogits(self.seghead_extra(exchanged), AUX_WEIGHT),))


def ddrnet23_slim(labels: LabelSpace, *, width: float = 1.0) -> Segmenter:
    """The slim network: 32 channels after the stem, 128 in the pyramid, 64 in the heads."""
    channels = {"channels": scaled(32, width), "pyramid_channels": scaled(128, width), "head_channels": scaled(64, width)}
    network = DDRNet(len(labels.classes), **channels)
    return Segmenter("ddrnet23_slim", network, labels, PAPER, input_rule=INPUT_RULE, arguments={"width": width})
