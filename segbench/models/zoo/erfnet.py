"""ERFNet: residual blocks of 3x1 and 1x3 convolutions.

Paper: Romera, Alvarez, Bergasa & Arroyo, "ERFNet: Efficient Residual Factorized ConvNet for Real-Time Semantic Segmentation", T-ITS 2018.
Reference: github.com/Eromera/erfnet_pytorch (the authors').

As in the reference: convolutions keep their bias in front of batch normalisation (epsilon 1e-3); a downsampler is a convolution beside a
pool; dropout drops whole maps, 0.03 at stride 4 and 0.3 at stride 8, none in the decoder; decoders are transposed convolutions without
skips.

What differs: the reference trains the encoder with a 1x1 classifier on labels at 1/8, then drops it (2,451 parameters at 19 classes) and
trains encoder and decoder. Here that classifier is an auxiliary head of equal weight, so that both phases happen at once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.labels.space import LabelSpace
from segbench.models.layers.blocks import refuse_unless_divisible
from segbench.models.layers.layers import he_initialise, scaled
from segbench.models.segmenter import AuxLogits, InputRule, Paper, Segmenter, TrainingOutput

PAPER = Paper(
    "ERFNet: Efficient Residual Factorized ConvNet for Real-Time Semantic Segmentation",
    "E. Romera, J. M. Alvarez, L. M. Bergasa, R. Arroyo",
    2018,
    "https://doi.org/10.1109/TITS.2017.2750080",
)
WIDTHS = (16, 64, 128)
DILATIONS = (2, 4, 8, 16) * 2
STRIDE = 8


def norm(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation with the reference's epsilon."""
    return nn.BatchNorm2d(channels, eps=1e-3)


class Down(nn.Module):
    """float[N, in_channels, H, W] to [N, channels, H/2, W/2]: a pool of the input beside a convolution to the rest of the channels."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels - in_channels, 3, stride=2, padding=1)
        self.norm = norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Both halves side by side, normalised together."""
        return F.relu(self.norm(torch.cat([self.conv(x), F.max_pool2d(x, 2)], 1)))


def factorised(channels: int, dilation: int) -> list[nn.Module]:
    """3x1 and 1x3 convolutions with a ReLU between and batch normalisation behind."""
    vertical = nn.Conv2d(channels, channels, (3, 1), padding=(dilation, 0), dilation=(dilation, 1))
    horizontal = nn.Conv2d(channels, channels, (1, 3), padding=(0, dilation), dilation=(1, dilation))
    return [vertical, nn.ReLU(inplace=True), horizontal, norm(channels)]


class NonBottleneck1d(nn.Module):
    """The residual block: two factorised convolutions, the second dilated."""

    def __init__(self, channels: int, dilation: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        plain, dilated = factorised(channels, 1), factorised(channels, dilation)
        self.main = nn.Sequential(*plain, nn.ReLU(inplace=True), *dilated, nn.Dropout2d(dropout))

    def forward(self, x: Tensor) -> Tensor:
        """ReLU of the sum."""
        return F.relu(x + self.main(x))


def up(in_channels: int, channels: int) -> nn.Sequential:
    """A transposed convolution that doubles the size, normalised, and two residual blocks."""
    deconv = nn.ConvTranspose2d(in_channels, channels, 3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(deconv, norm(channels), nn.ReLU(inplace=True), NonBottleneck1d(channels), NonBottleneck1d(channels))


def stage_widths(width: float) -> list[int]:
    """Channels of the three stages, each more than the one before: a downsampler's convolution makes what its pool does not."""
    widths: list[int] = []
    for channels in WIDTHS:
        widths.append(max(scaled(channels, width), (widths[-1] if widths else 3) + 1))
    return widths


class ERFNet(nn.Module):
    """float[N, 3, H, W], both sides multiples of 8, to logits [N, classes, H, W]."""

    training_only = ("encoder_score",)

    def __init__(self, classes: int, *, width: float = 1.0) -> None:
        super().__init__()
        first, second, third = stage_widths(width)
        self.encoder = nn.Sequential(
            Down(3, first),
            Down(first, second),
            *(NonBottleneck1d(second, dropout=0.03) for _ in range(5)),
            Down(second, third),
            *(NonBottleneck1d(third, dilation, dropout=0.3) for dilation in DILATIONS),
        )
        self.decoder = nn.Sequential(up(third, second), up(second, first))
        self.score = nn.ConvTranspose2d(first, classes, 2, stride=2)
        self.encoder_score = nn.Conv2d(third, classes, 1)
        he_initialise(self)
        he_initialise(self.score, gain=1)
        he_initialise(self.encoder_score, gain=1)

    def forward(self, x: Tensor) -> Tensor | TrainingOutput:
        """Logits at the size of ``x``; training also gets the encoder's at 1/8, for labels reduced to that size.

        :raises ValueError: a side is not a multiple of 8.
        """
        refuse_unless_divisible(x, STRIDE, "ERFNet")
        encoded = self.encoder(x)
        logits = self.score(self.decoder(encoded))
        if self.training:
            return TrainingOutput(logits, (AuxLogits(self.encoder_score(encoded), resize="target"),))
        return logits  # type: ignore[no-any-return]


def erfnet(labels: LabelSpace, *, width: float = 1.0) -> Segmenter:
    """The authors' network."""
    network = ERFNet(len(labels.classes), width=width)
    return Segmenter("erfnet", network, labels, PAPER, input_rule=InputRule(divisor=STRIDE), arguments={"width": width})
