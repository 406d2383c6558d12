"""HRNetV2-W18 and -W48, and W48 with object-contextual representations: four strides side by side, all exchanged after every module.

Papers: Wang et al., "Deep High-Resolution Representation Learning for Visual Recognition", TPAMI 2021, arXiv 1908.07919; Yuan, Chen & Wang,
"Object-Contextual Representations for Semantic Segmentation", ECCV 2020, arXiv 1909.11065. Reference:
github.com/HRNet/HRNet-Semantic-Segmentation, ``seg_hrnet.py`` and ``seg_hrnet_ocr.py``.

Parameters are named as there. Resizing, that of the logits included, aligns corners with OCR and does not without it, as the code of the
branches ``master`` and ``pytorch-v1.1`` and the configurations of ``HRNet-OCR`` say. Any size is taken as it is. The head called auxiliary
weighs the pixels into one vector per class (OCR), so inference needs it too; in training its scores also have a loss, of weight 0.4.

What differs: He's initialisation, where the reference draws from a normal of 0.001 and then loads ImageNet weights.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.kernels.bilinear import grid_of
from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import he_initialise, scaled
from segbench.models.segmenter import AuxLogits, Paper, Segmenter, TrainingOutput

HRNET = Paper(
    "Deep High-Resolution Representation Learning for Visual Recognition",
    "J. Wang, K. Sun, T. Cheng, B. Jiang, C. Deng, Y. Zhao, D. Liu, Y. Mu, M. Tan, X. Wang, W. Liu, B. Xiao",
    2021,
    "https://arxiv.org/abs/1908.07919",
)
OCR = Paper(
    "Object-Contextual Representations for Semantic Segmentation", "Y. Yuan, X. Chen, J. Wang", 2020, "https://arxiv.org/abs/1909.11065"
)
# Modules of the stages with two, three and four branches; blocks of every branch in a module.
MODULES = (1, 4, 3)
BLOCKS = 4
AUX_WEIGHT = 0.4


def conv_bn(in_channels: int, channels: int, kernel: int, stride: int = 1, *, relu: bool = False) -> nn.Sequential:
    """A padded convolution without bias, batch normalisation, and perhaps ReLU."""
    conv = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels), *([nn.ReLU(inplace=True)] if relu else []))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions added to their input: float[N, channels, H, W] to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """The rectified sum."""
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + x)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions to four times ``channels``, and a shortcut."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, 4 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.downsample = conv_bn(in_channels, 4 * channels, 1) if in_channels != 4 * channels else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """float[N, in_channels, H, W] to float[N, 4 * channels, H, W]."""
        out = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(self.bn3(self.conv3(out)) + self.downsample(x))


def downward(in_channels: int, channels: int, steps: int) -> nn.Sequential:
    """``steps`` 3x3 convolutions of stride 2, of which the last widens to ``channels`` and is not rectified."""
    halvings = [conv_bn(in_channels, in_channels, 3, 2, relu=True) for _ in range(steps - 1)]
    return nn.Sequential(*halvings, conv_bn(in_channels, channels, 3, 2))


class ExchangeModule(nn.Module):
    """Blocks on every branch, then every branch added to every other at the other's size."""

    def __init__(self, channels: list[int], align_corners: bool) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*(BasicBlock(c) for _ in range(BLOCKS))) for c in channels)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_exchange(channels, source, target) for source in range(len(channels))) for target in range(len(channels))
        )
        self.align_corners = align_corners

    def forward(self, branches: list[Tensor]) -> list[Tensor]:
        """float[N, C_i, H_i, W_i] for each branch, the finest first, to the same."""
        branches = [blocks(x) for blocks, x in zip(self.branches, branches, strict=True)]
        fused = []
        layers: Any
        for layers, target in zip(self.fuse_layers, branches, strict=True):
            parts = (_resize(layer(x), target, self.align_corners) for layer, x in zip(layers, branches, strict=True))
            fused.append(F.relu(reduce(torch.add, parts)))
        return fused


def _exchange(channels: list[int], source: int, target: int) -> nn.Module:
    """What brings branch ``source`` to the channels of ``target``, and down to its size if that is coarser."""
    if source == target:
        return nn.Identity()
    if source > target:
        return conv_bn(channels[source], channels[target], 1)
    return downward(channels[source], channels[target], target - source)


def _resize(x: Tensor, like: Tensor, align_corners: bool) -> Tensor:
    if x.shape[-2:] == like.shape[-2:]:
        return x
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=align_corners)


class Trunk(nn.Module):
    """float[N, 3, H, W] to the concatenated branches [N, 15 * channels, H / 4, W / 4]; sides that are no multiples of 4 round up."""

    def __init__(self, channels: int, *, width: float, align_corners: bool) -> None:
        super().__init__()
        stem, branch = scaled(64, width), [scaled(channels << level, width) for level in range(4)]
        self.conv1 = nn.Conv2d(3, stem, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.conv2 = nn.Conv2d(stem, stem, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(stem)
        self.layer1 = nn.Sequential(*(Bottleneck(4 * stem if number else stem, stem) for number in range(BLOCKS)))
        first = conv_bn(4 * stem, branch[0], 3, relu=True)
        self.transition1 = nn.ModuleList([first, nn.Sequential(conv_bn(4 * stem, branch[1], 3, 2, relu=True))])
        self.transition2 = _transition(branch[1], branch[2], existing=2)
        self.transition3 = _transition(branch[2], branch[3], existing=3)
        self.stage2, self.stage3, self.stage4 = (
            nn.ModuleList(ExchangeModule(branch[:count], align_corners) for _ in range(modules))
            for count, modules in enumerate(MODULES, start=2)
        )
        self.out_channels = sum(branch)
        self.align_corners = align_corners

    def forward(self, x: Tensor) -> Tensor:
        """The concatenated branches at the size of the finest."""
        x = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        x = self.layer1(x)
        branches = [transition(x) for transition in self.transition1]
        for transition, stage in ((None, self.stage2), (self.transition2, self.stage3), (self.transition3, self.stage4)):
            if transition is not None:
                branches = [*branches, transition[-1](branches[-1])]
            for module in stage:
                branches = module(branches)
        return torch.cat([_resize(branch, branches[0], self.align_corners) for branch in branches], 1)


def _transition(in_channels: int, channels: int, existing: int) -> nn.ModuleList:
    """A new branch from the coarsest; the ``existing`` ones stay (their places keep the reference's numbering)."""
    return nn.ModuleList([*(nn.Identity() for _ in range(existing)), nn.Sequential(conv_bn(in_channels, channels, 3, 2, relu=True))])


def score_head(channels: int, classes: int) -> nn.Sequential:
    """A 1x1 convolution, normalisation, ReLU, and a 1x1 convolution to the classes; both biased."""
    head = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.Conv2d(channels, classes, 1))
    he_initialise(head)
    he_initialise(head[-1], gain=1)
    return head


class HRNet(Trunk):
    """float[N, 3, H, W] to logits [N, classes, H / 4, W / 4]."""

    def __init__(self, classes: int, channels: int, *, width: float, align_corners: bool) -> None:
        super().__init__(channels, width=width, align_corners=align_corners)
        he_initialise(self)
        self.last_layer = score_head(self.out_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits at stride 4."""
        return self.last_layer(super().forward(x))  # type: ignore[no-any-return]


def projection(in_channels: int, channels: int, layers: int) -> nn.Sequential:
    """1x1 convolutions, each with batch normalisation and ReLU."""
    pairs: list[nn.Module] = []
    for number in range(layers):
        conv = nn.Conv2d(channels if number else in_channels, channels, 1, bias=False)
        pairs += [conv, nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))]
    return nn.Sequential(*pairs)


class ObjectAttention(nn.Module):
    """Every pixel attends to one vector per class."""

    def __init__(self, channels: int, key_channels: int) -> None:
        super().__init__()
        self.f_pixel = projection(channels, key_channels, 2)
        self.f_object = projection(channels, key_channels, 2)
        self.f_down = projection(channels, key_channels, 1)
        self.f_up = projection(key_channels, channels, 1)

    def forward(self, pixels: Tensor, objects: Tensor) -> Tensor:
        """float[N, C, H, W] and float[N, C, K, 1] to the context [N, C, H, W] of each pixel."""
        query = self.f_pixel(pixels).flatten(2).transpose(1, 2)
        key = self.f_object(objects).flatten(2)
        value = self.f_down(objects).flatten(2).transpose(1, 2)
        share = torch.softmax(query @ key * key.shape[1] ** -0.5, -1)
        context = (share @ value).transpose(1, 2).unflatten(2, pixels.shape[-2:])
        return self.f_up(context)  # type: ignore[no-any-return]


class ObjectContext(nn.Module):
    """Pixels concatenated with their object context, projected: float[N, C, H, W] to the same."""

    def __init__(self, channels: int, key_channels: int) -> None:
        super().__init__()
        self.object_context_block = ObjectAttention(channels, key_channels)
        self.conv_bn_dropout = nn.Sequential(*projection(2 * channels, channels, 1), nn.Dropout2d(0.05))

    def forward(self, pixels: Tensor, objects: Tensor) -> Tensor:
        """float[N, C, H, W] and float[N, C, K, 1] to float[N, C, H, W]."""
        return self.conv_bn_dropout(torch.cat([self.object_context_block(pixels, objects), pixels], 1))  # type: ignore[no-any-return]


def gather(pixels: Tensor, scores: Tensor) -> Tensor:
    """The mean of float[N, C, H, W] by each class's softmax over positions of the scores [N, K, H, W]: float[N, C, K, 1]."""
    shares = torch.softmax(scores.flatten(2), -1)
    return (pixels.flatten(2) @ shares.transpose(1, 2)).unsqueeze(3)


class HRNetOCR(Trunk):
    """float[N, 3, H, W] to logits [N, classes, H / 4, W / 4]."""

    def __init__(self, classes: int, channels: int, *, width: float, align_corners: bool) -> None:
        super().__init__(channels, width=width, align_corners=align_corners)
        middle, key = scaled(512, width), scaled(256, width)
        self.conv3x3_ocr = nn.Sequential(nn.Conv2d(self.out_channels, middle, 3, padding=1), nn.BatchNorm2d(middle), nn.ReLU(inplace=True))
        self.ocr_distri_head = ObjectContext(middle, key)
        self.cls_head = nn.Conv2d(middle, classes, 1)
        he_initialise(self)
        he_initialise(self.cls_head, gain=1)
        self.aux_head = score_head(self.out_channels, classes)

    def forward(self, x: Tensor) -> Tensor | TrainingOutput:  # type: ignore[override]
        """Logits at stride 4, and in training mode the scores that weigh the pixels."""
        features = super().forward(x)
        scores = self.aux_head(features)
        pixels = self.conv3x3_ocr(features)
        logits = self.cls_head(self.ocr_distri_head(pixels, gather(pixels, scores)))
        if not self.training:
            return logits  # type: ignore[no-any-return]
        return TrainingOutput(logits, (AuxLogits(scores, AUX_WEIGHT),))


def _hrnet(name: str, channels: int, labels: LabelSpace, width: float, align_corners: bool) -> Segmenter:
    network = HRNet(len(labels.classes), channels, width=width, align_corners=align_corners)
    arguments = {"width": width, "align_corners": align_corners}
    grid = grid_of(align_corners=align_corners)
    return Segmenter(name, network, labels, HRNET, arguments=arguments, grid=grid)


def hrnet_w18(labels: LabelSpace, *, width: float = 1.0, align_corners: bool = False) -> Segmenter:
    """Branches of 18, 36, 72 and 144 channels."""
    return _hrnet("hrnet_w18", 18, labels, width, align_corners)


def hrnet_w48(labels: LabelSpace, *, width: float = 1.0, align_corners: bool = False) -> Segmenter:
    """Branches of 48, 96, 192 and 384 channels."""
    return _hrnet("hrnet_w48", 48, labels, width, align_corners)


def hrnet_w48_ocr(labels: LabelSpace, *, width: float = 1.0, align_corners: bool = True) -> Segmenter:
    """:func:`hrnet_w48` with object-contextual representations in front of its scores."""
    network = HRNetOCR(len(labels.classes), 48, width=width, align_corners=align_corners)
    arguments = {"width": width, "align_corners": align_corners}
    grid = grid_of(align_corners=align_corners)
    return Segmenter("hrnet_w48_ocr", network, labels, OCR, arguments=arguments, grid=grid)
