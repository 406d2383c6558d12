"""DFN: a smooth network that carries context down to fine maps, and a border network that keeps neighbouring classes apart in training.

Paper: Yu, Wang, Peng, Gao, Yu & Sang, "Learning a Discriminative Feature Network for Semantic Segmentation", CVPR 2018, arXiv 1804.09337.
Reference: github.com/ycszen/TorchSeg (the first author's), ``cityscapes.dfn.R101_v1c``.

As in the reference: ResNet-101 with three 3x3 convolutions (64, 64, 128) as its stem and stride 32; the gate of a channel attention sees
both maps and multiplies the *low* one, then the high one is added; heads widen to nine times the classes, and all four are supervised
alike; the border network runs from the finest map to the coarsest with 21 channels whatever the classes, and gives four maps of border
logits; corners are aligned in every resize, the last one included (``align_corners``). Its first block behind a sum is built and never
used: 8,421 parameters, here frozen.

What differs: resizes go to the size of the map they meet, which is the same for multiples of 32 and lets any size through. Logits and
borders are not upsampled. The reference's focal loss is negative and the same for a perfect and an inverted border map; a correct one,
weighted 0.1 as there, does not reproduce its training exactly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.kernels.bilinear import grid_of
from segbench.labels.space import LabelSpace
from segbench.models.layers.blocks import channel_gate, conv_norm_act, resize_like
from segbench.models.layers.layers import he_initialise, scaled
from segbench.models.layers.resnet import ResNetTrunk
from segbench.models.segmenter import AuxLogits, InputRule, Paper, Segmenter, TrainingOutput

PAPER = Paper(
    "Learning a Discriminative Feature Network for Semantic Segmentation",
    "C. Yu, J. Wang, C. Peng, C. Gao, G. Yu, N. Sang",
    2018,
    "https://arxiv.org/abs/1804.09337",
)
SMOOTH_CHANNELS = 512
BORDER_CHANNELS = 21  # Pascal VOC's classes
HEAD_FACTOR = 9


class RefinementResidual(nn.Module):
    """RRB: a 1x1 convolution to ``channels``, then two 3x3 convolutions on top of it."""

    def __init__(self, in_channels: int, channels: int, *, activate: bool = True) -> None:
        super().__init__()
        self.unify = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.refine = nn.Sequential(conv_norm_act(channels, channels), nn.Conv2d(channels, channels, 3, padding=1, bias=False))
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        """float[N, in_channels, H, W] to [N, channels, H, W]."""
        x = self.unify(x)
        x = x + self.refine(x)
        return F.relu(x) if self.activate else x


class ChannelAttention(nn.Module):
    """CAB: both maps say which channels of the low one pass; the high one is added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = channel_gate(nn.Conv2d(2 * channels, channels, 1), nn.ReLU(inplace=True), nn.Conv2d(channels, channels, 1))

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        """``low`` from the trunk, ``high`` from the coarser stage; both float[N, channels, H, W]."""
        return low * self.gate(torch.cat([low, high], 1)) + high  # type: ignore[no-any-return]


class Head(nn.Sequential):
    """An RRB that widens to nine times the classes, and scores."""

    def __init__(self, in_channels: int, classes: int, width: float) -> None:
        inner = scaled(HEAD_FACTOR * classes, width)
        super().__init__(RefinementResidual(in_channels, inner, activate=False), nn.Conv2d(inner, classes, 1))


class SmoothStage(nn.Module):
    """One step down: RRB, CAB, RRB."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.before = RefinementResidual(in_channels, channels)
        self.attention = ChannelAttention(channels)
        self.after = RefinementResidual(channels, channels)

    def forward(self, low: Tensor, high: Tensor, align_corners: bool) -> Tensor:
        """float[N, channels, H, W] at the size of ``low``."""
        low = self.before(low)
        return self.after(self.attention(low, resize_like(high, low, align_corners)))  # type: ignore[no-any-return]


class BorderNetwork(nn.Module):
    """The trunk's maps, the finest first, to as many maps of border logits float[N, 1, H/4, W/4]."""

    def __init__(self, in_channels: tuple[int, ...], width: float, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        channels = scaled(BORDER_CHANNELS, width, 8)
        self.before = nn.ModuleList(RefinementResidual(c, channels) for c in in_channels)
        self.after = nn.ModuleList(RefinementResidual(channels, channels) for _ in in_channels)
        self.heads = nn.ModuleList(Head(channels, 1, width) for _ in in_channels)
        self.after[0].requires_grad_(False)  # nothing is summed at the finest map, so nothing refines a sum there

    def forward(self, maps: list[Tensor]) -> tuple[Tensor, ...]:
        """Logits after each sum."""
        border = self.before[0](maps[0])
        borders = [self.heads[0](border)]
        for map_, before, after, head in zip(maps[1:], self.before[1:], self.after[1:], self.heads[1:], strict=True):
            border = after(border + resize_like(before(map_), border, self.align_corners))
            borders.append(head(border))
        return tuple(borders)


class DFN(nn.Module):
    """float[N, 3, H, W] to logits [N, classes, H/4, W/4]; the sides are exact for multiples of 32."""

    training_only = ("aux_heads", "border")

    def __init__(self, classes: int, *, width: float = 1.0, align_corners: bool = True) -> None:
        super().__init__()
        self.align_corners = align_corners
        channels = scaled(SMOOTH_CHANNELS, width)
        trunk = ResNetTrunk(101, deep_stem=(64, 64, 128), width=width)
        self.top = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv_norm_act(trunk.channels[-1], channels, 1))
        self.stages = nn.ModuleList(SmoothStage(c, channels) for c in reversed(trunk.channels))
        self.head = Head(channels, classes, width)
        self.aux_heads = nn.ModuleList(Head(channels, classes, width) for _ in trunk.channels[1:])
        self.border = BorderNetwork(trunk.channels, width, align_corners)
        self._initialise()
        self.trunk = trunk  # last: it has initialised itself

    def _initialise(self) -> None:
        """He's weights. The sums are not normalised, so what no ReLU follows must keep their scale, or the first loss is about 8."""
        he_initialise(self)
        for block in self.modules():
            if isinstance(block, RefinementResidual):
                he_initialise(block.unify, gain=1)
                he_initialise(block.refine[-1], gain=1)
        for head in (self.head, *self.aux_heads, *self.border.heads):
            he_initialise(head[-1], gain=1)

    def forward(self, x: Tensor) -> Tensor | TrainingOutput:
        """Logits at 1/4; training also gets those at 1/32, 1/16 and 1/8, and four maps of borders at 1/4."""
        maps = list(self.trunk(x))
        high = self.top(maps[-1])
        steps = []
        for low, stage in zip(reversed(maps), self.stages, strict=True):
            high = stage(low, high, self.align_corners)
            steps.append(high)
        logits = self.head(high)
        if self.training:
            aux = tuple(AuxLogits(head(step)) for head, step in zip(self.aux_heads, steps[:-1], strict=True))
            return TrainingOutput(logits, aux, self.border(maps))
        return logits  # type: ignore[no-any-return]


def dfn(labels: LabelSpace, *, width: float = 1.0, align_corners: bool = True) -> Segmenter:
    """On ResNet-101, smooth and border network."""
    network = DFN(len(labels.classes), width=width, align_corners=align_corners)
    arguments = {"width": width, "align_corners": align_corners}
    rule, grid = InputRule(divisor=32), grid_of(align_corners=align_corners)
    return Segmenter("dfn", network, labels, PAPER, input_rule=rule, arguments=arguments, grid=grid)
