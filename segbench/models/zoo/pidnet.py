"""PIDNet-S: DDRNet's two branches, and a third that finds boundaries and decides where the other two are trusted.

Paper: Xu, Xiong & Bhattacharyya, "PIDNet: A Real-time Semantic Segmentation Network Inspired by PID Controllers", CVPR 2023,
arXiv 2206.02066. Reference: github.com/XuJiacong/PIDNet, ``models/pidnet.py`` and ``models/model_utils.py``.

Parameters are named as there. P keeps detail at stride 8 and takes from I where both agree (``PagFM``); I goes down to stride 64 and ends
in a pyramid whose scales run in parallel (``PAPPM``); D is supervised with boundaries, and where it sees one, P outweighs I (``LightBag``).
All resizing inside has ``align_corners=False``, and the last enlargement of the logits aligns corners. In training the auxiliary head on P
has weight 0.4; to this come 20 times a boundary loss and a second cross entropy of the logits where D is sure of a boundary
(``segbench.training.objective``).

What differs: He's initialisation by fan-in instead of fan-out. As in the reference, the heads that only train see rectified maps, there the
effect of an in-place ReLU. Batch normalisation of the pyramid's global pool needs batches of at least 2 in training.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import he_initialise, scaled
from segbench.models.segmenter import AuxLogits, Paper, Segmenter, TrainingOutput
from segbench.models.zoo.ddrnet import (
    INPUT_RULE,
    PYRAMID,
    BasicBlock,
    Bottleneck,
    SegHead,
    basic_layer,
    bn_relu_conv,
    conv_bn,
    pooled_branch,
    resize,
    stem,
)

PAPER = Paper(
    "PIDNet: A Real-time Semantic Segmentation Network Inspired by PID Controllers",
    "J. Xu, Z. Xiong, S. P. Bhattacharyya",
    2023,
    "https://arxiv.org/abs/2206.02066",
)
AUX_WEIGHT = 0.4


class PagFM(nn.Module):
    """Pixel-attention-guided fusion: each pixel of ``fine`` moves towards ``deep`` by the similarity of their embeddings."""

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.f_x = conv_bn(channels, embedding, 1)
        self.f_y = conv_bn(channels, embedding, 1)

    def forward(self, fine: Tensor, deep: Tensor) -> Tensor:
        """float[N, C, H, W] and float[N, C, h, w] to float[N, C, H, W]."""
        share = torch.sigmoid((self.f_x(fine) * resize(self.f_y(deep), fine)).sum(1, keepdim=True))
        return (1 - share) * fine + share * resize(deep, fine)


class PAPPM(nn.Module):
    """Parallel aggregation pyramid pooling: DAPPM whose scales are each added to the finest map and convolved together, as groups."""

    def __init__(self, in_channels: int, branch_channels: int, channels: int) -> None:
        super().__init__()
        self.scale0 = nn.Sequential(*bn_relu_conv(in_channels, branch_channels, 1))
        self.scale1, self.scale2, self.scale3, self.scale4 = (pooled_branch(in_channels, branch_channels, window) for window in PYRAMID)
        self.scale_process = nn.Sequential(*bn_relu_conv(4 * branch_channels, 4 * branch_channels, 3, groups=4))
        self.compression = nn.Sequential(*bn_relu_conv(5 * branch_channels, channels, 1))
        self.shortcut = nn.Sequential(*bn_relu_conv(in_channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """float[N, in_channels, H, W] to float[N, channels, H, W]."""
        finest = self.scale0(x)
        scales = (self.scale1, self.scale2, self.scale3, self.scale4)
        pooled = self.scale_process(torch.cat([resize(scale(x), x) + finest for scale in scales], 1))
        return self.compression(torch.cat([finest, pooled], 1)) + self.shortcut(x)  # type: ignore[no-any-return]


class LightBag(nn.Module):
    """Boundary-attention-guided fusion: P where D sees a boundary, I elsewhere."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_p = conv_bn(channels, channels, 1)
        self.conv_i = conv_bn(channels, channels, 1)

    def forward(self, p: Tensor, i: Tensor, d: Tensor) -> Tensor:
        """Three float[N, C, H, W] to one."""
        boundary = torch.sigmoid(d)
        return self.conv_p((1 - boundary) * i + p) + self.conv_i(i + boundary * p)  # type: ignore[no-any-return]


class PIDNet(nn.Module):
    """float[N, 3, H, W] to logits [N, classes, H / 8, W / 8]; sides that are no multiples of 8 round up.

    Names that end in ``_`` are of the P branch and in ``_d`` of the D branch, as in the reference.
    """

    training_only = ("seghead_p", "seghead_d")

    def __init__(self, classes: int, *, channels: int, pyramid_channels: int, head_channels: int) -> None:
        super().__init__()
        c1, c2, c4, c8 = channels, 2 * channels, 4 * channels, 8 * channels
        self.conv1 = stem(c1)
        self.layer1 = basic_layer(c1, c1, 2)
        self.layer2 = basic_layer(c1, c2, 2, stride=2)
        self.layer3 = basic_layer(c2, c4, 3, stride=2)
        self.layer4 = basic_layer(c4, c8, 3, stride=2)
        self.layer5 = nn.Sequential(Bottleneck(c8, c8, stride=2), Bottleneck(2 * c8, c8))
        self.compression3 = conv_bn(c4, c2, 1)
        self.compression4 = conv_bn(c8, c2, 1)
        self.pag3 = PagFM(c2, c1)
        self.pag4 = PagFM(c2, c1)
        self.layer3_ = basic_layer(c2, c2, 2)
        self.layer4_ = basic_layer(c2, c2, 2)
        self.layer5_ = nn.Sequential(Bottleneck(c2, c2))
        self.layer3_d = BasicBlock(c2, c1)
        self.layer4_d = nn.Sequential(Bottleneck(c1, c1))
        self.diff3 = conv_bn(c4, c1, 3)
        self.diff4 = conv_bn(c8, c2, 3)
        self.spp = PAPPM(2 * c8, pyramid_channels, c4)
        self.dfm = LightBag(c4)
        self.layer5_d = nn.Sequential(Bottleneck(c2, c2))
        self.seghead_p = SegHead(c2, head_channels, classes)
        self.seghead_d = SegHead(c2, c1, 1)
        self.final_layer = SegHead(c4, head_channels, classes)
        he_initialise(self)
        for head in (self.seghead_p, self.seghead_d, self.final_layer):
            he_initialise(head.conv2, gain=1)

    def forward(self, x: Tensor) -> Tensor | TrainingOutput:
        """Logits, and in training mode those of the head on P and the boundary logits [N, 1, H / 8, W / 8] of D."""
        i = F.relu(self.layer2(F.relu(self.layer1(self.conv1(x)))))
        p, d = self.layer3_(i), self.layer3_d(i)
        i = F.relu(self.layer3(i))
        p3 = F.relu(self.pag3(p, self.compression3(i)))
        d = F.relu(d + resize(self.diff3(i), d))
        i = F.relu(self.layer4(i))
        p, d = self.layer4_(p3), self.layer4_d(d)
        p = F.relu(self.pag4(p, self.compression4(i)))
        d4 = F.relu(d + resize(self.diff4(i), d))
        p, d = self.layer5_(p), self.layer5_d(d4)
        logits = self.final_layer(self.dfm(p, resize(self.spp(self.layer5(i)), d), d))
        if not self.training:
            return logits  # type: ignore[no-any-return]
        return TrainingOutput(logits, (AuxLogits(self.seghead_p(p3), AUX_WEIGHT),), (self.seghead_d(d4),), "balanced")


def pidnet_s(labels: LabelSpace, *, width: float = 1.0) -> Segmenter:
    """The small network: 32 channels after the stem, 96 in the pyramid, 128 in the heads."""
    channels = {"channels": scaled(32, width), "pyramid_channels": scaled(96, width), "head_channels": scaled(128, width)}
    network = PIDNet(len(labels.classes), **channels)
    return Segmenter("pidnet_s", network, labels, PAPER, input_rule=INPUT_RULE, arguments={"width": width}, grid="align_corners")
