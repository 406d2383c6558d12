"""BiSeNet: a spatial path of four convolutions at 1/8 beside a light context path to 1/32, on Xception39 or ResNet-18.

Paper: Yu, Wang, Peng, Gao, Yu & Sang, "BiSeNet: Bilateral Segmentation Network for Real-time Semantic Segmentation", ECCV 2018, arXiv
1808.00897. Reference: github.com/ycszen/TorchSeg (the first author's), the ``.speed`` configurations: auxiliary heads 128 wide, logits and
labels at 1/8. The "5.8 M" and "49.0 M" that the paper prints are mebibytes of float32: 1,541,963 and 12,894,163 parameters at 19 classes.

As in the reference: an attention refinement begins with a 3x3 convolution to 128 channels (the figure shows only the gate); only the maps
at 1/16 and 1/32 are used; Xception39's depthwise convolutions have neither normalisation nor activation; the fusion is ``f + f * gate``,
without normalisation in its gate; corners are aligned in every resize inside (``align_corners``); the two auxiliary heads weigh as much as
the main one. Its labels are every eighth pixel, the first of each eight, so that is where a score lies (grid ``asymmetric``).

What differs: the auxiliary head at 1/16 gives its logits there, where the reference resizes them to 1/8. Xception39 has no public ImageNet
weights, so it starts from scratch.

Ports that were trained and whose weights are public are an argument: TorchSeg's R18 for the full size of Cityscapes (``port="full"``) has
auxiliary heads 256 wide (those of its X39 are 128 wide in both settings); both enlarge their logits with aligned corners.
github.com/CoinCheung/BiSeNet (``port="coincheung"``) has a head 256 and auxiliary heads 64 wide, one normalised convolution as the fusion's
gate, enlarges maps to the nearest and logits by half pixels: 13,425,721 parameters, 13,275,539 of them for inference.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.kernels.bilinear import Grid
from segbench.labels.space import LabelSpace
from segbench.models.layers.blocks import channel_gate, conv_norm_act, relu, resize_like
from segbench.models.layers.layers import he_initialise, scaled
from segbench.models.layers.resnet import ResNetTrunk
from segbench.models.segmenter import AuxLogits, InputRule, Paper, Segmenter, TrainingOutput

PAPER = Paper(
    "BiSeNet: Bilateral Segmentation Network for Real-time Semantic Segmentation",
    "C. Yu, J. Wang, C. Peng, C. Gao, G. Yu, N. Sang",
    2018,
    "https://arxiv.org/abs/1808.00897",
)


class Port(NamedTuple):
    """Channels inside head and auxiliary heads; grid of the logits; whether the gate is normalised, and maps go to the nearest."""

    head: int
    aux_head: int
    grid: Grid
    normalised_gate: bool = False
    nearest: bool = False


PORTS = {
    "speed": Port(64, 128, "asymmetric"),
    "full": Port(64, 256, "align_corners"),
    "coincheung": Port(256, 64, "half_pixel", normalised_gate=True, nearest=True),
}
X39_PORTS = PORTS | {"full": Port(64, 128, "align_corners")}
# Xception39's stages: channels inside a block, a quarter of those outside, and blocks.
XCEPTION39 = ((16, 4), (32, 8), (64, 4))


def separable(in_channels: int, channels: int, stride: int = 1, *, activate: bool) -> nn.Sequential:
    """A bare depthwise 3x3 convolution, then a pointwise one with batch normalisation."""
    depthwise = nn.Conv2d(in_channels, in_channels, 3, stride, 1, groups=in_channels, bias=False)
    return nn.Sequential(depthwise, conv_norm_act(in_channels, channels, 1, act=relu if activate else None))


class XceptionBlock(nn.Module):
    """Three separable convolutions and a shortcut, itself a separable convolution where the size halves."""

    def __init__(self, in_channels: int, inner: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            separable(in_channels, inner, stride, activate=True),
            separable(inner, inner, activate=True),
            separable(inner, 4 * inner, activate=False),
        )
        self.shortcut = nn.Identity() if stride == 1 else separable(in_channels, 4 * inner, stride, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        """ReLU of the sum."""
        return F.relu(self.shortcut(x) + self.main(x))


class Xception39(nn.Module):
    """float[N, 3, H, W] to the maps of its three stages, at strides 8, 16 and 32. ``channels`` are theirs."""

    def __init__(self, width: float) -> None:
        super().__init__()
        before = scaled(8, width)
        self.stem = nn.Sequential(conv_norm_act(3, before, 3, 2), nn.MaxPool2d(3, 2, 1))
        stages = []
        for inner, blocks in ((scaled(c, width), blocks) for c, blocks in XCEPTION39):
            stages.append(nn.Sequential(*(XceptionBlock(4 * inner if b else before, inner, 1 if b else 2) for b in range(blocks))))
            before = 4 * inner
        self.stages = nn.ModuleList(stages)
        self.channels = tuple(4 * scaled(c, width) for c, _ in XCEPTION39)
        he_initialise(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        """The maps, the finest first."""
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class AttentionRefinement(nn.Module):
    """A 3x3 convolution whose channels are gated by their means. Its gate is normalised: training needs two images or more."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = conv_norm_act(in_channels, channels)
        self.gate = channel_gate(conv_norm_act(channels, channels, 1, act=None))

    def forward(self, x: Tensor) -> Tensor:
        """float[N, in_channels, H, W] to [N, channels, H, W]."""
        x = self.conv(x)
        return x * self.gate(x)  # type: ignore[no-any-return]


class FeatureFusion(nn.Module):
    """Both paths side by side through a 1x1 convolution; a gate says which channels count twice."""

    def __init__(self, channels: int, *, normalised_gate: bool = False) -> None:
        super().__init__()
        self.conv = conv_norm_act(channels, channels, 1)
        if normalised_gate:
            self.gate = channel_gate(conv_norm_act(channels, channels, 1, act=None))
        else:
            squeeze, excite = nn.Conv2d(channels, channels, 1, bias=False), nn.Conv2d(channels, channels, 1, bias=False)
            self.gate = channel_gate(squeeze, nn.ReLU(inplace=True), excite)

    def forward(self, spatial: Tensor, context: Tensor) -> Tensor:
        """Two float[N, channels / 2, H, W] to [N, channels, H, W]."""
        x = self.conv(torch.cat([spatial, context], 1))
        return x + x * self.gate(x)  # type: ignore[no-any-return]


def spatial_path(inner: int, channels: int) -> nn.Sequential:
    """float[N, 3, H, W] to [N, channels, H/8, W/8]."""
    halve = [conv_norm_act(3, inner, 7, 2), conv_norm_act(inner, inner, 3, 2), conv_norm_act(inner, inner, 3, 2)]
    return nn.Sequential(*halve, conv_norm_act(inner, channels, 1))


def head(in_channels: int, inner: int, classes: int) -> nn.Sequential:
    """3x3 convolution and scores."""
    scores = nn.Conv2d(inner, classes, 1)
    layers = nn.Sequential(conv_norm_act(in_channels, inner), scores)
    he_initialise(layers)
    he_initialise(scores, gain=1)
    return layers


class BiSeNet(nn.Module):
    """float[N, 3, H, W] to logits [N, classes, H/8, W/8]; the sides are exact for multiples of 32.

    ``trunk`` gives its maps at strides 8, 16 and 32 last, with as many channels as the last three of ``trunk_channels``.
    """

    training_only = ("aux_heads",)

    def __init__(
        self,
        classes: int,
        trunk: nn.Module,
        trunk_channels: tuple[int, ...],
        *,
        width: float,
        align_corners: bool,
        port: Port = PORTS["speed"],
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.nearest = port.nearest
        inner, channels = scaled(64, width), scaled(128, width)
        self.spatial = spatial_path(inner, channels)
        self.context = trunk
        self.tail = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv_norm_act(trunk_channels[-1], channels, 1))
        self.refinements = nn.ModuleList(AttentionRefinement(c, channels) for c in (trunk_channels[-1], trunk_channels[-2]))
        self.smooth = nn.ModuleList(conv_norm_act(channels, channels) for _ in range(2))
        self.fusion = FeatureFusion(2 * channels, normalised_gate=port.normalised_gate)
        for part in (self.spatial, self.tail, self.refinements, self.smooth, self.fusion):
            he_initialise(part)
        self.head = head(2 * channels, scaled(port.head, width), classes)
        self.aux_heads = nn.ModuleList(head(channels, scaled(port.aux_head, width), classes) for _ in range(2))

    def enlarge(self, x: Tensor, like: Tensor) -> Tensor:
        """``x`` at the size of ``like``."""
        return F.interpolate(x, size=like.shape[-2:]) if self.nearest else resize_like(x, like, self.align_corners)

    def forward(self, x: Tensor) -> Tensor | TrainingOutput:
        """Logits at 1/8; training also gets those of the context path at 1/16 and 1/8."""
        eighth, sixteenth, last = self.context(x)[-3:]
        context = self.tail(last)
        steps = []
        for map_, finer, refine, smooth in zip((last, sixteenth), (sixteenth, eighth), self.refinements, self.smooth, strict=True):
            context = smooth(self.enlarge(refine(map_) + context, finer))
            steps.append(context)
        logits = self.head(self.fusion(self.spatial(x), context))
        if self.training:
            return TrainingOutput(logits, tuple(AuxLogits(aux(step)) for aux, step in zip(self.aux_heads, steps, strict=True)))
        return logits  # type: ignore[no-any-return]


def _bisenet(name: str, trunk: Xception39 | ResNetTrunk, labels: LabelSpace, width: float, align_corners: bool, port: str) -> Segmenter:
    ports = X39_PORTS if isinstance(trunk, Xception39) else PORTS
    if port not in ports:
        raise ValueError(f"BiSeNet has the ports {', '.join(ports)}, not {port!r}")
    network = BiSeNet(len(labels.classes), trunk, trunk.channels, width=width, align_corners=align_corners, port=ports[port])
    arguments = {"width": width, "align_corners": align_corners, "port": port}
    return Segmenter(name, network, labels, PAPER, input_rule=InputRule(divisor=32), arguments=arguments, grid=ports[port].grid)


def bisenet_x39(labels: LabelSpace, *, width: float = 1.0, align_corners: bool = True, port: str = "speed") -> Segmenter:
    """On Xception39, the paper's fastest."""
    return _bisenet("bisenet_x39", Xception39(width), labels, width, align_corners, port)


def bisenet_r18(labels: LabelSpace, *, width: float = 1.0, align_corners: bool = True, port: str = "speed") -> Segmenter:
    """On ResNet-18, without dilation."""
    return _bisenet("bisenet_r18", ResNetTrunk(18, width=width), labels, width, align_corners, port)
