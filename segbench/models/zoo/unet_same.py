"""The padded, batch-normalised network that most code calls U-Net. It is not the one of 2015: that is ``unet``, in unet.py.

Paper: Ronneberger, Fischer & Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015, arXiv 1505.04597.
Reference: github.com/milesial/Pytorch-UNet with ``bilinear=False``.

Against the paper: convolutions are padded, so that the output covers the whole image and nothing is cropped; each 3x3 convolution has
batch normalisation and no bias (the 2x2 up-convolutions and the last layer have one); there is no dropout; skips come first when
concatenated.

What differs from the reference: He's initialisation; an image is mirrored to multiples of 16, where the reference pads the smaller of two
maps with zeros.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import he_initialise, scaled
from segbench.models.segmenter import InputRule, Segmenter
from segbench.models.zoo.unet import PAPER, WIDTHS

INPUT_RULE = InputRule(divisor=16)


def double_conv(in_channels: int, channels: int) -> nn.Sequential:
    """Two padded 3x3 convolutions with batch normalisation and ReLU; the size stays."""
    layers: list[nn.Module] = []
    for before in (in_channels, channels):
        layers += [nn.Conv2d(before, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class UNetSame(nn.Module):
    """float[N, 3, H, W] to logits [N, classes, H, W]; both sides are multiples of 16."""

    def __init__(self, classes: int, *, width: float = 1.0) -> None:
        super().__init__()
        widths = [scaled(w, width) for w in WIDTHS]
        coarse_to_fine = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.down = nn.ModuleList(double_conv(i, o) for i, o in zip([3, *widths], widths, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, stride=2) for i, o in coarse_to_fine)
        self.merge = nn.ModuleList(double_conv(2 * o, o) for _, o in coarse_to_fine)
        self.score = nn.Conv2d(widths[0], classes, 1)
        he_initialise(self)
        he_initialise(self.up, gain=1)
        he_initialise(self.score, gain=1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits at the size of ``x``."""
        skips = []
        for level, conv in enumerate(self.down):
            x = conv(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for up, merge, skip in zip(self.up, self.merge, skips[-2::-1], strict=True):
            x = merge(torch.cat([skip, up(x)], 1))
        return self.score(x)  # type: ignore[no-any-return]


def unet_same(labels: LabelSpace, *, width: float = 1.0) -> Segmenter:
    """The padded network with batch normalisation; never to be reported as the U-Net of 2015."""
    network = UNetSame(len(labels.classes), width=width)
    return Segmenter("unet_same", network, labels, PAPER, input_rule=INPUT_RULE, arguments={"width": width})
