"""U-Net as published in 2015: valid convolutions, no batch normalisation. Most code called U-Net is another network.

Paper: Ronneberger, Fischer & Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015, arXiv 1505.04597.
Reference: lmb.informatik.uni-freiburg.de/people/ronneber/u-net (Caffe, ``phseg_v5``).

As in the paper: 23 convolutions with biases, 2x2 up-convolutions that halve the channels, skips that are centre-cropped and concatenated,
572x572 in and 388x388 out. Dropout 0.5 stands where the released network has it, at the end of the contracting path: on the 512-channel
maps before both their pool and their skip, and on the 1024-channel maps.

What differs: three input channels by default (the paper's images are grey). The paper draws all weights from N(0, 2 / fan_in); here the
five layers without a ReLU behind them take 1 / fan_in, or the first loss is about 15. The released network departs from the paper's figure
with a ReLU after each up-convolution and 128 channels in the last one; this file follows the figure.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import crop, he_initialise, scaled
from segbench.models.segmenter import InputRule, Paper, Segmenter

PAPER = Paper(
    "U-Net: Convolutional Networks for Biomedical Image Segmentation",
    "O. Ronneberger, P. Fischer, T. Brox",
    2015,
    "https://arxiv.org/abs/1505.04597",
)
WIDTHS = (64, 128, 256, 512, 1024)
# Valid convolutions eat 92 pixels on every side. Pools halve exactly for sides of 16 k + 12 only; for others they shift the output.
INPUT_RULE = InputRule(divisor=16, remainder=12, min_size=188, context=92)


def double_conv(in_channels: int, channels: int) -> nn.Sequential:
    """Two valid 3x3 convolutions with ReLU: each side shrinks by 4."""
    first, second = nn.Conv2d(in_channels, channels, 3), nn.Conv2d(channels, channels, 3)
    return nn.Sequential(first, nn.ReLU(inplace=True), second, nn.ReLU(inplace=True))


class UNet(nn.Module):
    """float[N, in_channels, H, W] to the logits [N, classes, H - 184, W - 184] of its inside; both sides are 16 k + 12 and at least 188."""

    def __init__(self, classes: int, *, width: float = 1.0, in_channels: int = 3) -> None:
        super().__init__()
        widths = [scaled(w, width) for w in WIDTHS]
        coarse_to_fine = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.down = nn.ModuleList(double_conv(i, o) for i, o in zip([in_channels, *widths], widths, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, stride=2) for i, o in coarse_to_fine)
        self.merge = nn.ModuleList(double_conv(2 * o, o) for _, o in coarse_to_fine)
        self.dropout = nn.Dropout(0.5)
        self.score = nn.Conv2d(widths[0], classes, 1)
        he_initialise(self)
        he_initialise(self.up, gain=1)
        he_initialise(self.score, gain=1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the inside of ``x``.

        :raises ValueError: a side is not one that the pools halve exactly.
        """
        check_size(x.shape[-2], x.shape[-1])
        skips = []
        for level, conv in enumerate(self.down):
            x = conv(F.max_pool2d(x, 2) if level else x)
            if level >= len(self.down) - 2:
                x = self.dropout(x)
            skips.append(x)
        for up, merge, skip in zip(self.up, self.merge, skips[-2::-1], strict=True):
            x = up(x)
            x = merge(torch.cat([x, crop(skip, x)], 1))
        return self.score(x)  # type: ignore[no-any-return]


def check_size(height: int, width: int) -> None:
    """Refuse a size whose output would be smaller than the size minus 184 and shifted.

    :raises ValueError: naming the size that fits.
    """
    needed = tuple(replace(INPUT_RULE, context=0).padded(side) for side in (height, width))
    if (height, width) != needed:
        way_out = f"pad to {needed[0]}x{needed[1]}, as InputRule.pad does"
        raise ValueError(f"U-Net cannot take {height}x{width}: sides are 16 k + 12 and at least 188; {way_out}")


def unet(labels: LabelSpace, *, width: float = 1.0, in_channels: int = 3) -> Segmenter:
    """The 2015 network. ``in_channels=1`` is the paper's, for grey tensors of your own.

    :func:`~segbench.models.segmenter.predict` feeds RGB.
    """
    network = UNet(len(labels.classes), width=width, in_channels=in_channels)
    inputs = ("rgb",) if in_channels == 3 else ("grey",)
    arguments = {"width": width, "in_channels": in_channels}
    return Segmenter("unet", network, labels, PAPER, input_rule=INPUT_RULE, inputs=inputs, arguments=arguments)
