"""BiSeNet v2: a wide shallow path for detail, a narrow deep one for meaning, and an aggregation in which each gates the other.

Paper: Yu, Gao, Wang, Yu, Shen & Sang, "BiSeNet V2: Bilateral Network with Guided Aggregation for Real-time Semantic Segmentation", IJCV
2021, arXiv 2004.02147. Reference: github.com/CoinCheung/BiSeNet (the authors released no code; this port reaches their accuracy).

As in the reference: ReLU after the depthwise convolutions and a normalised, activated convolution behind the aggregation and the context
embedding (the paper draws neither); nearest resizing inside the aggregation; four booster heads on strides 4 to 32 at weight 1, in
training only; a head 1024 wide, which makes 24.6 GMACs at 512x1024 where the paper says 21.15.

What differs: boosters give logits at half their map's stride instead of upsampling to the image; resizes go to the size of the map they
meet, where the reference has fixed factors and needs multiples of 32; the last normalisation of an expansion block does not start at zero.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.labels.space import LabelSpace
from segbench.models.layers.blocks import conv_norm_act
from segbench.models.layers.layers import he_initialise, scaled
from segbench.models.segmenter import AuxLogits, InputRule, Paper, Segmenter, TrainingOutput

PAPER = Paper(
    "BiSeNet V2: Bilateral Network with Guided Aggregation for Real-time Semantic Segmentation",
    "C. Yu, C. Gao, J. Wang, G. Yu, C. Shen, N. Sang",
    2021,
    "https://arxiv.org/abs/2004.02147",
)
DETAIL = ((64, 64), (64, 64, 64), (128, 128, 128))
STEM = 16
# Channels and blocks of stages 3 to 5; the first block of each halves the size.
SEMANTIC = ((32, 2), (64, 2), (128, 4))
EXPANSION = 6
# A booster's second convolution has as many channels as its map has pixels of the image.
BOOSTER_STRIDES = (4, 8, 16, 32)


def detail_branch(width: float) -> nn.Sequential:
    """float[N, 3, H, W] to [N, 128, H/8, W/8]."""
    layers: list[nn.Module] = []
    before = 3
    for widths in DETAIL:
        for index, channels in enumerate(scaled(w, width) for w in widths):
            layers.append(conv_norm_act(before, channels, 3, 1 if index else 2))
            before = channels
    return nn.Sequential(*layers)


class Stem(nn.Module):
    """float[N, 3, H, W] to [N, channels, H/4, W/4]: a convolution and a pool side by side."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = max(1, channels // 2)
        self.first = conv_norm_act(3, channels, 3, 2)
        self.conv = nn.Sequential(conv_norm_act(channels, half, 1), conv_norm_act(half, channels, 3, 2))
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.merge = conv_norm_act(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Stages 1 and 2 of the semantic branch."""
        x = self.first(x)
        return self.merge(torch.cat([self.conv(x), self.pool(x)], 1))  # type: ignore[no-any-return]


class GatherExpand(nn.Module):
    """3x3 convolution, depthwise expansion, 1x1 back. At stride 2 a second depthwise convolution, and a separable one as shortcut."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        inner = in_channels * EXPANSION
        layers = [conv_norm_act(in_channels, in_channels)]
        if stride == 2:
            layers.append(conv_norm_act(in_channels, inner, 3, 2, groups=in_channels, act=None))
            layers.append(conv_norm_act(inner, inner, groups=inner))
        else:
            layers.append(conv_norm_act(in_channels, inner, groups=in_channels))
        self.main = nn.Sequential(*layers, conv_norm_act(inner, channels, 1, act=None))
        depthwise = conv_norm_act(in_channels, in_channels, 3, 2, groups=in_channels, act=None)
        self.shortcut = nn.Sequential(depthwise, conv_norm_act(in_channels, channels, 1, act=None)) if stride == 2 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """ReLU of the sum."""
        return F.relu(self.shortcut(x) + self.main(x))


class ContextEmbedding(nn.Module):
    """Add the mean over the image to every position. Training needs two images or more: the mean of one is all that is normalised."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv_mean = conv_norm_act(channels, channels, 1)
        self.conv = conv_norm_act(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """float[N, channels, H, W] to the same shape."""
        return self.conv(x + self.conv_mean(self.norm(x.mean((2, 3), keepdim=True))))  # type: ignore[no-any-return]


class SemanticBranch(nn.Module):
    """float[N, 3, H, W] to the maps of its stages at strides 4, 8, 16, 32, and the last with its context."""

    def __init__(self, width: float) -> None:
        super().__init__()
        before = scaled(STEM, width)
        stages: list[nn.Module] = [Stem(before)]
        for channels, blocks in ((scaled(c, width), blocks) for c, blocks in SEMANTIC):
            layers = [GatherExpand(channels if block else before, channels, 1 if block else 2) for block in range(blocks)]
            stages.append(nn.Sequential(*layers))
            before = channels
        self.stages = nn.ModuleList(stages)
        self.context = ContextEmbedding(before)

    def forward(self, x: Tensor) -> list[Tensor]:
        """The four maps, the finest first, then the embedded one."""
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return [*maps, self.context(x)]


def depthwise_then_pointwise(channels: int) -> nn.Sequential:
    """A depthwise 3x3 with batch normalisation, and a plain 1x1 convolution."""
    return nn.Sequential(conv_norm_act(channels, channels, groups=channels, act=None), nn.Conv2d(channels, channels, 1, bias=False))


class GuidedAggregation(nn.Module):
    """At both strides each branch is multiplied by the sigmoid of the other; the products meet at 1/8."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.detail = depthwise_then_pointwise(channels)
        self.detail_down = nn.Sequential(conv_norm_act(channels, channels, 3, 2, act=None), nn.AvgPool2d(3, 2, 1))
        self.semantic_up = conv_norm_act(channels, channels, act=None)
        self.semantic = depthwise_then_pointwise(channels)
        self.merge = conv_norm_act(channels, channels)

    def forward(self, detail: Tensor, semantic: Tensor) -> Tensor:
        """float[N, C, h, w] at 1/8 and [N, C, h/4, w/4] at 1/32 to [N, C, h, w]."""
        size = detail.shape[-2:]
        fine = self.detail(detail) * F.interpolate(self.semantic_up(semantic), size=size).sigmoid()
        coarse = self.detail_down(detail) * self.semantic(semantic).sigmoid()
        return self.merge(fine + F.interpolate(coarse, size=size))  # type: ignore[no-any-return]


def head(in_channels: int, inner: int, classes: int) -> nn.Sequential:
    """3x3 convolution, dropout, scores."""
    return nn.Sequential(conv_norm_act(in_channels, inner), nn.Dropout(0.1), nn.Conv2d(inner, classes, 1))


def booster(in_channels: int, inner: int, last: int, classes: int) -> nn.Sequential:
    """A head that doubles the size in between."""
    double = [nn.Upsample(scale_factor=2), conv_norm_act(inner, last)]
    return nn.Sequential(conv_norm_act(in_channels, inner), nn.Dropout(0.1), *double, nn.Conv2d(last, classes, 1))


class BiSeNetV2(nn.Module):
    """float[N, 3, H, W] to logits [N, classes, H/8, W/8]; the sides are exact for multiples of 32."""

    training_only = ("boosters",)

    def __init__(self, classes: int, *, width: float = 1.0) -> None:
        super().__init__()
        channels = [scaled(c, width) for c in (STEM, *(c for c, _ in SEMANTIC))]
        self.detail = detail_branch(width)
        self.semantic = SemanticBranch(width)
        self.aggregation = GuidedAggregation(channels[-1])
        self.head = head(channels[-1], scaled(1024, width), classes)
        self.boosters = nn.ModuleList(
            booster(c, scaled(128, width), scaled(stride * stride, width), classes)
            for c, stride in zip(channels, BOOSTER_STRIDES, strict=True)
        )
        he_initialise(self)
        for scores in (self.head[-1], *(b[-1] for b in self.boosters)):  # type: ignore[index]
            he_initialise(scores, gain=1)

    def forward(self, x: Tensor) -> Tensor | TrainingOutput:
        """Logits at 1/8; training also gets those of the boosters, at 1/2, 1/4, 1/8 and 1/16."""
        *maps, context = self.semantic(x)
        logits = self.head(self.aggregation(self.detail(x), context))
        if self.training:
            return TrainingOutput(logits, tuple(AuxLogits(b(m)) for b, m in zip(self.boosters, maps, strict=True)))
        return logits  # type: ignore[no-any-return]


def bisenet_v2(labels: LabelSpace, *, width: float = 1.0) -> Segmenter:
    """CoinCheung's network."""
    network = BiSeNetV2(len(labels.classes), width=width)
    return Segmenter("bisenet_v2", network, labels, PAPER, input_rule=InputRule(divisor=32), arguments={"width": width})
