"""Small networks that name and compute as torchvision's and Torch7's do: written for the tests, from their published definitions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
VGG16_WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)


class ResidualBlock(nn.Module):
    """torchvision's BasicBlock (kernels 3, 3) or Bottleneck (1, 3, 1); the stride is on the first 3x3."""

    def __init__(self, before: int, inside: int, kernels: Sequence[int], stride: int, rate: int) -> None:
        super().__init__()
        out = inside * (4 if len(kernels) == 3 else 1)
        widths = [before, *[inside] * (len(kernels) - 1), out]
        strided = kernels.index(3)
        self.count = len(kernels)
        for i, kernel in enumerate(kernels):
            options = {"stride": stride if i == strided else 1, "dilation": rate if kernel == 3 else 1}
            conv = nn.Conv2d(widths[i], widths[i + 1], kernel, padding=rate if kernel == 3 else 0, bias=False, **options)
            setattr(self, f"conv{i + 1}", conv)
            setattr(self, f"bn{i + 1}", nn.BatchNorm2d(widths[i + 1]))
        self.downsample = None
        if stride != 1 or before != out:
            self.downsample = nn.Sequential(nn.Conv2d(before, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = F.relu(y) if i < self.count else y
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """Gives the maps of its stages. ``dilated``: the last two trade their stride for dilation, their first block one stage later."""

    def __init__(self, depth: int, *, dilated: bool = False, classifier: bool = True) -> None:
        super().__init__()
        kernels = (3, 3) if depth < 50 else (1, 3, 1)
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        before, rate = 64, 1
        for stage, blocks in enumerate(BLOCKS[depth]):
            inside, stride, first_rate = 64 << stage, 1 if stage == 0 else 2, rate
            if dilated and stage > 1:
                rate, stride = 2 * rate, 1
            layers = []
            for block in range(blocks):
                layers.append(ResidualBlock(before, inside, kernels, 1 if block else stride, rate if block else first_rate))
                before = inside * (4 if depth >= 50 else 1)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        if classifier:
            self.fc = nn.Linear(before, 1000)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        maps = []
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
            maps.append(x)
        return maps


class VGG16(nn.Module):
    def __init__(self, *, bn: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in VGG16_WIDTHS:
            if width == 0:
                layers.append(nn.MaxPool2d(2, 2))
                continue
            layers += [nn.Conv2d(before, width, 3, padding=1), *([nn.BatchNorm2d(width)] if bn else []), nn.ReLU()]
            before = width
        self.features = nn.Sequential(*layers)
        fc6, fc7, fc8 = nn.Linear(25088, 4096), nn.Linear(4096, 4096), nn.Linear(4096, 1000)
        self.classifier = nn.Sequential(fc6, nn.ReLU(), nn.Dropout(), fc7, nn.ReLU(), nn.Dropout(), fc8)


def conv_bn_relu(before: int, width: int, kernel: int, rate: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(before, width, kernel, padding=rate * (kernel // 2), dilation=rate, bias=False)
    return [conv, nn.BatchNorm2d(width), nn.ReLU()]


class ASPP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        branches = [nn.Sequential(*conv_bn_relu(2048, 256, 1)), *(nn.Sequential(*conv_bn_relu(2048, 256, 3, r)) for r in (12, 24, 36))]
        self.convs = nn.ModuleList([*branches, nn.Sequential(nn.AdaptiveAvgPool2d(1), *conv_bn_relu(2048, 256, 1))])
        self.project = nn.Sequential(*conv_bn_relu(1280, 256, 1), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        maps = [F.interpolate(branch(x), size=x.shape[2:], mode="bilinear") for branch in self.convs]
        return self.project(torch.cat(maps, 1))


class DeepLabV3(nn.Module):
    """With the auxiliary classifier that the published files have; gives the logits before they are enlarged."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.backbone = ResNet(depth, dilated=True, classifier=False)
        self.classifier = nn.Sequential(ASPP(), *conv_bn_relu(256, 256, 3), nn.Conv2d(256, 21, 1))
        self.aux_classifier = nn.Sequential(*conv_bn_relu(1024, 256, 3), nn.Dropout(0.1), nn.Conv2d(256, 21, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.backbone(x)[-1])


class Both(nn.Sequential):
    """Torch7's ConcatTable: each part on the same input."""

    def forward(self, x: Tensor) -> list[Tensor]:  # type: ignore[override]
        return [part(x) for part in self]


class Join(nn.Module):
    def forward(self, parts: list[Tensor]) -> Tensor:
        return torch.cat(parts, 1)


class Add(nn.Module):
    def forward(self, parts: list[Tensor]) -> Tensor:
        return parts[0] + parts[1]


class SpatialDropout(nn.Module):
    """Torch7's, after training: it shrinks."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 - self.rate)


class Pool(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pooled, self.indices = F.max_pool2d(x, 2, 2, return_indices=True)
        return pooled


class Unpool(nn.Module):
    def __init__(self, pool: list[Pool]) -> None:
        super().__init__()
        self.pool = pool  # in a list, so that it is no part of this module

    def forward(self, x: Tensor) -> Tensor:
        return F.max_unpool2d(x, self.pool[0].indices, 2, 2)


class MoreChannels(nn.Module):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, (0, 0, 0, 0, 0, self.count))


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


def encoder_block(before: int, out: int, rate: float, *, pool: Pool | None = None, dilation: int | None = 1) -> nn.Sequential:
    inside, stride = out // 4, 2 if pool else 1
    if dilation is None:
        pair = nn.Conv2d(inside, inside, (1, 5), padding=(0, 2), bias=False), nn.Conv2d(inside, inside, (5, 1), padding=(2, 0))
        middle: list[nn.Module] = [*pair]
    else:
        middle = [nn.Conv2d(inside, inside, 3, padding=dilation, dilation=dilation)]
    reduce = [nn.Conv2d(before, inside, stride, stride, bias=False), norm(inside), nn.PReLU(inside)]
    expand = [nn.Conv2d(inside, out, 1, bias=False), norm(out), SpatialDropout(rate)]
    branch = nn.Sequential(*reduce, *middle, norm(inside), nn.PReLU(inside), *expand)
    shortcut = nn.Sequential(nn.Identity(), *([pool] if pool else []), *([MoreChannels(out - before)] if before != out else []))
    return nn.Sequential(Both(branch, shortcut), Add(), nn.PReLU(out))


def decoder_block(before: int, out: int, pool: Pool | None = None) -> nn.Sequential:
    inside = out // 4
    middle = nn.ConvTranspose2d(inside, inside, 3, 2, 1, output_padding=1) if pool else nn.Conv2d(inside, inside, 3, padding=1)
    reduce = [nn.Conv2d(before, inside, 1, bias=False), norm(inside), nn.ReLU()]
    branch = nn.Sequential(*reduce, middle, norm(inside), nn.ReLU(), nn.Conv2d(inside, out, 1, bias=False), norm(out))
    enlarge = [nn.Conv2d(before, out, 1, bias=False), norm(out), Unpool([pool])] if pool else []
    return nn.Sequential(Both(branch, nn.Sequential(nn.Identity(), *enlarge)), Add(), nn.ReLU())


def torch7_enet(classes: int) -> nn.Sequential:
    """The authors' encoder and decoder as one numbered sequence, as a converter gives it."""
    fine, coarse = Pool(), Pool()
    section = [encoder_block(128, 128, 0.1, dilation=dilation) for _ in range(2) for dilation in (1, 2, None, 4, 1, 8, None, 16)]
    return nn.Sequential(
        *(Both(nn.Conv2d(3, 13, 3, 2, 1), Pool()), Join(), norm(16), nn.PReLU(16)),
        *(encoder_block(16, 64, 0.01, pool=fine), *(encoder_block(64, 64, 0.01) for _ in range(4))),
        *(encoder_block(64, 128, 0.1, pool=coarse), *section),
        *(decoder_block(128, 64, coarse), decoder_block(64, 64), decoder_block(64, 64)),
        *(decoder_block(64, 16, fine), decoder_block(16, 16), nn.ConvTranspose2d(16, classes, 2, 2)),
    )
