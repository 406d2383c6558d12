"""Fast-SCNN in the form of its most used PyTorch port.

Paper: Poudel, Liwicki & Cipolla, "Fast-SCNN: Fast Semantic Segmentation Network", BMVC 2019, arXiv 1902.04502 (1.11 M parameters; no
official code). Reference: github.com/Tramac/Fast-SCNN-pytorch, 1,138,051 parameters at 19 classes without its auxiliary head. mmseg's has
1,399,939: another network.

As in the reference: the first convolution has no padding; only the blocks that keep size and channels have shortcuts; the fusion's two 1x1
convolutions have biases; pyramid pooling sees 1, 2, 3 and 6 bins; corners are aligned in every resize, the last one included
(``align_corners``). The head on the map at 1/8 is for training (weight 0.4).

What differs: the fusion resizes to the finer map instead of by 4, which is the same for multiples of 32 and lets any size through.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.kernels.bilinear import grid_of
from segbench.labels.space import LabelSpace
from segbench.models.layers.blocks import conv_norm_act, resize_like
from segbench.models.layers.layers import he_initialise, scaled
from segbench.models.segmenter import AuxLogits, InputRule, Paper, Segmenter, TrainingOutput

PAPER = Paper(
    "Fast-SCNN: Fast Semantic Segmentation Network", "R. P. K. Poudel, S. Liwicki, R. Cipolla", 2019, "https://arxiv.org/abs/1902.04502"
)
# Channels, blocks and the stride of the first block.
STAGES = ((64, 3, 2), (96, 3, 2), (128, 3, 1))
EXPANSION = 6
BINS = (1, 2, 3, 6)
AUX_WEIGHT = 0.4


def separable(in_channels: int, channels: int, stride: int = 1) -> nn.Sequential:
    """A depthwise 3x3 and a pointwise convolution, each with batch normalisation and ReLU."""
    return nn.Sequential(conv_norm_act(in_channels, in_channels, 3, stride, groups=in_channels), conv_norm_act(in_channels, channels, 1))


class InvertedResidual(nn.Module):
    """MobileNet v2's block: six times wider inside, no activation at its end."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        inner = in_channels * EXPANSION
        self.shortcut = stride == 1 and in_channels == channels
        self.main = nn.Sequential(
            conv_norm_act(in_channels, inner, 1),
            conv_norm_act(inner, inner, 3, stride, groups=inner),
            conv_norm_act(inner, channels, 1, act=None),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The block's map, on top of its input where the two have one shape."""
        residual: Tensor = self.main(x)
        return x + residual if self.shortcut else residual


class PyramidPooling(nn.Module):
    """Means over grids of 1, 2, 3 and 6 cells a side beside the map itself. In training, the single cell needs two images or more."""

    def __init__(self, channels: int, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        inner = max(1, channels // 4)
        self.branches = nn.ModuleList(conv_norm_act(channels, inner, 1) for _ in BINS)
        self.merge = conv_norm_act(channels + len(BINS) * inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """float[N, channels, H, W] to the same shape."""
        pooled = [branch(F.adaptive_avg_pool2d(x, cells)) for cells, branch in zip(BINS, self.branches, strict=True)]
        return self.merge(torch.cat([x, *(resize_like(p, x, self.align_corners) for p in pooled)], 1))  # type: ignore[no-any-return]


class Fusion(nn.Module):
    """Add the coarse map, brought to the size of the fine one, to the fine map."""

    def __init__(self, fine_channels: int, channels: int, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.depthwise = conv_norm_act(channels, channels, 3, groups=channels)
        self.coarse = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels))
        self.fine = nn.Sequential(nn.Conv2d(fine_channels, channels, 1), nn.BatchNorm2d(channels))

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """float[N, channels, H, W] at the size of ``fine``."""
        coarse = resize_like(coarse, fine, self.align_corners)
        return F.relu(self.fine(fine) + self.coarse(self.depthwise(coarse)))


def global_features(in_channels: int, width: float, align_corners: bool) -> nn.Sequential:
    """Inverted residuals from stride 8 to 32, then pyramid pooling."""
    layers: list[nn.Module] = []
    for channels, blocks, stride in STAGES:
        for block in range(blocks):
            layers.append(InvertedResidual(in_channels, scaled(channels, width), 1 if block else stride))
            in_channels = scaled(channels, width)
    return nn.Sequential(*layers, PyramidPooling(in_channels, align_corners))


class FastSCNN(nn.Module):
    """float[N, 3, H, W] to logits [N, classes, H/8, W/8]; the sides are exact for multiples of 8."""

    training_only = ("aux_head",)

    def __init__(self, classes: int, *, width: float = 1.0, align_corners: bool = True) -> None:
        super().__init__()
        first, second, third, inner, out = (scaled(w, width) for w in (32, 48, 64, 32, 128))
        self.downsample = nn.Sequential(conv_norm_act(3, first, 3, 2, padding=0), separable(first, second, 2), separable(second, third, 2))
        self.global_features = global_features(third, width, align_corners)
        self.fusion = Fusion(third, out, align_corners)
        self.head = nn.Sequential(separable(out, out), separable(out, out), nn.Dropout(0.1), nn.Conv2d(out, classes, 1))
        self.aux_head = nn.Sequential(conv_norm_act(third, inner, 3), nn.Dropout(0.1), nn.Conv2d(inner, classes, 1))
        he_initialise(self)
        he_initialise(self.head[-1], gain=1)
        he_initialise(self.aux_head[-1], gain=1)

    def forward(self, x: Tensor) -> Tensor | TrainingOutput:
        """Logits at 1/8; training also gets those of the map before the global features, at 1/8 as well."""
        fine = self.downsample(x)
        logits = self.head(self.fusion(fine, self.global_features(fine)))
        if self.training:
            return TrainingOutput(logits, (AuxLogits(self.aux_head(fine), AUX_WEIGHT),))
        return logits  # type: ignore[no-any-return]


def fast_scnn(labels: LabelSpace, *, width: float = 1.0, align_corners: bool = True) -> Segmenter:
    """Tramac's network."""
    network = FastSCNN(len(labels.classes), width=width, align_corners=align_corners)
    arguments = {"width": width, "align_corners": align_corners}
    rule, grid = InputRule(divisor=32), grid_of(align_corners=align_corners)
    return Segmenter("fast_scnn", network, labels, PAPER, input_rule=rule, arguments=arguments, grid=grid)
