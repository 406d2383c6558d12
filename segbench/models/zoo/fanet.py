"""FANet: attention without a softmax, whose product is ordered so that it costs O(n).

Paper: Hu, Perazzi, Caba Heilbron, Wang, Lin, Saenko & Sclaroff, "Real-time Semantic Segmentation with Fast Attention", RA-L 2021, arXiv
2007.03815. Reference: github.com/feinanshan/FANet. (Other networks are called FANet too.)

As in the reference: ResNet's first stage also halves the size, so the maps are at 1/8, 1/16, 1/32 and 1/64 although the code names them 4
to 32; queries and keys are 32 channels, normalised to length 1 at every position; the code does not divide by the number of positions
(``average=True`` does, as the paper may); the last fusion sees only the maps at 1/32 and 1/8; scores have no bias; the two auxiliary heads,
on the maps at 1/64 and 1/32, weigh 0.5; corners are aligned in every resize, the last one included (``align_corners``). At 1/16 a smoothing
convolution and at 1/8 a projection are built and never used: 149,824 parameters, here frozen.

What differs: the reference pads the 1x1 convolution on the way up by one pixel, which puts a border of constants around the map; here it
does not (no weights were published). The smoothed map at 1/64, which only an auxiliary head sees, is not made outside of training; its
590,080 parameters count for inference all the same, as published. The trunk has ReLU throughout, where the reference's stem and blocks
have LeakyReLU except after sums.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.kernels.bilinear import grid_of
from segbench.labels.space import LabelSpace
from segbench.models.layers.blocks import conv_norm_act, resize_like
from segbench.models.layers.layers import he_initialise, scaled
from segbench.models.layers.resnet import ResNetTrunk
from segbench.models.segmenter import AuxLogits, InputRule, Paper, Segmenter, TrainingOutput

PAPER = Paper(
    "Real-time Semantic Segmentation with Fast Attention",
    "P. Hu, F. Perazzi, F. Caba Heilbron, O. Wang, Z. Lin, K. Saenko, S. Sclaroff",
    2021,
    "https://arxiv.org/abs/2007.03815",
)
AUX_WEIGHT = 0.5


def leaky(channels: int) -> nn.Module:
    """LeakyReLU with its usual slope of 0.01."""
    return nn.LeakyReLU(inplace=True)


def fast_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Each position's sum of all values, weighted by the cosine of its query with their keys: no n x n matrix, n = H * W.

    :param query: float[N, K, H, W], as ``key``.
    :param value: float[N, C, H, W], as the result.
    """
    query, key = (F.normalize(x.flatten(2), dim=1) for x in (query, key))
    context = value.flatten(2) @ key.transpose(1, 2)  # [N, C, K] first: associativity is the whole idea
    return (context @ query).view_as(value)


class FastAttention(nn.Module):
    """A map of ``channels`` channels plus its attention to itself."""

    def __init__(self, channels: int, key_channels: int, average: bool) -> None:
        super().__init__()
        self.average = average
        self.query = conv_norm_act(channels, key_channels, 1, act=None)
        self.key = conv_norm_act(channels, key_channels, 1, act=None)
        self.value = conv_norm_act(channels, channels, 1, act=leaky)
        self.out = conv_norm_act(channels, channels, 1, act=leaky)

    def forward(self, x: Tensor) -> Tensor:
        """float[N, channels, H, W] to the same shape."""
        attended = fast_attention(self.query(x), self.key(x), self.value(x))
        if self.average:
            attended = attended / (x.shape[-2] * x.shape[-1])
        return x + self.out(attended)  # type: ignore[no-any-return]


class FuseUp(nn.Module):
    """Attention, plus what comes up from the coarser stage; a projection for the finer stage and a smoothed map for the heads."""

    def __init__(self, channels: int, up_channels: int, smooth_channels: int, key_channels: int, average: bool) -> None:
        super().__init__()
        self.attention = FastAttention(channels, key_channels, average)
        self.up = conv_norm_act(channels, up_channels, 1, act=leaky)
        self.smooth = conv_norm_act(channels, smooth_channels, act=leaky)

    def forward(self, x: Tensor, coarser: Tensor | None, align_corners: bool) -> Tensor:
        """The fused map, float[N, channels, H, W]; ``up`` and ``smooth`` are for the caller, who needs one or both."""
        x = self.attention(x)
        return x if coarser is None else x + resize_like(coarser, x, align_corners)


def head(in_channels: int, inner: int, classes: int) -> nn.Sequential:
    """3x3 convolution and scores without bias."""
    return nn.Sequential(conv_norm_act(in_channels, inner, act=leaky), nn.Conv2d(inner, classes, 1, bias=False))


class FANet(nn.Module):
    """float[N, 3, H, W] to logits [N, classes, H/8, W/8]; the sides are exact for multiples of 64."""

    training_only = ("aux_heads",)

    def __init__(self, classes: int, depth: int, *, width: float = 1.0, align_corners: bool = True, average: bool = False) -> None:
        super().__init__()
        self.align_corners = align_corners
        trunk = ResNetTrunk(depth, stage_strides=(2, 2, 2, 2), width=width)
        keys, aux, smooth = (scaled(w, width) for w in (32, 64, 128))
        # What goes up has the channels of the finer stage; the finest has none, but the reference builds its half.
        ups = (max(1, trunk.channels[0] // 2), *trunk.channels[:-1])
        self.fuse = nn.ModuleList(FuseUp(c, up, smooth, keys, average) for c, up in zip(trunk.channels, ups, strict=True))
        self.head = head(2 * smooth, 2 * smooth, classes)
        self.aux_heads = nn.ModuleList(head(smooth, aux, classes) for _ in range(2))
        he_initialise(self)
        for scores in (self.head[-1], *(h[-1] for h in self.aux_heads)):  # type: ignore[index]
            he_initialise(scores, gain=1)
        self.trunk = trunk  # last: it has initialised itself
        for unused in (self.fuse[0].up, self.fuse[1].smooth):
            unused.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor | TrainingOutput:
        """Logits at 1/8; training also gets those of the maps at 1/64 and 1/32."""
        maps = list(self.trunk(x))
        fused: list[Tensor] = []
        up = None
        for map_, fuse in zip(reversed(maps), reversed(self.fuse), strict=True):
            fused.append(fuse(map_, up, self.align_corners))
            up = fuse.up(fused[-1]) if len(fused) < len(maps) else None  # type: ignore[operator]
        coarse, fine = self.fuse[2].smooth(fused[1]), self.fuse[0].smooth(fused[3])  # type: ignore[operator]
        logits = self.head(torch.cat([resize_like(coarse, fine, self.align_corners), fine], 1))
        if self.training:
            smooth = (self.fuse[3].smooth(fused[0]), coarse)  # type: ignore[operator]
            return TrainingOutput(logits, tuple(AuxLogits(h(s), AUX_WEIGHT) for h, s in zip(self.aux_heads, smooth, strict=True)))
        return logits  # type: ignore[no-any-return]


def _fanet(name: str, depth: int, labels: LabelSpace, width: float, align_corners: bool, average: bool) -> Segmenter:
    network = FANet(len(labels.classes), depth, width=width, align_corners=align_corners, average=average)
    arguments = {"width": width, "align_corners": align_corners, "average": average}
    rule, grid = InputRule(divisor=64), grid_of(align_corners=align_corners)
    return Segmenter(name, network, labels, PAPER, input_rule=rule, arguments=arguments, grid=grid)


def fanet18(labels: LabelSpace, *, width: float = 1.0, align_corners: bool = True, average: bool = False) -> Segmenter:
    """On ResNet-18. ``average`` divides attention by the number of positions, which keeps it in range for half precision."""
    return _fanet("fanet18", 18, labels, width, align_corners, average)


def fanet34(labels: LabelSpace, *, width: float = 1.0, align_corners: bool = True, average: bool = False) -> Segmenter:
    """:func:`fanet18` on ResNet-34."""
    return _fanet("fanet34", 34, labels, width, align_corners, average)
