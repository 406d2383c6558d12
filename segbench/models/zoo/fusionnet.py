"""FusionNet for connectomics (Quan 2016): a U-Net of residual blocks whose long skips are summed. Many others bear its name.

Paper: Quan, Hildebrand & Jeong, "FusionNet: A Deep Fully Residual Convolutional Neural Network for Image Segmentation in Connectomics",
2016 (Frontiers in Computer Science 2021), arXiv 1612.05360. Reference: github.com/GunhoChoi/FusionNet-Pytorch, a port: the authors
released none.

As in the port: each level is convolution, residual of three convolutions, convolution; each with a bias and batch normalisation, and all
but the residual's third with an activation, leaky ReLU (0.2) on the way down and ReLU on the way up; 3x3 transposed convolutions; a 3x3
convolution to the classes.

What differs from the port: skips are summed, as the paper says, where the port takes the mean (``skip_scale=0.5``); no final tanh, which
serves its image regression; He's initialisation.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import he_initialise, scaled
from segbench.models.segmenter import InputRule, Paper, Segmenter

PAPER = Paper(
    "FusionNet: A Deep Fully Residual Convolutional Neural Network for Image Segmentation in Connectomics",
    "T. M. Quan, D. G. C. Hildebrand, W.-K. Jeong",
    2016,
    "https://arxiv.org/abs/1612.05360",
)
LEAST = 8  # channels of a narrow network
WIDTHS = (64, 128, 256, 512, 1024)
INPUT_RULE = InputRule(divisor=16)


def leaky() -> nn.Module:
    """The activation of the encoder and the bridge."""
    return nn.LeakyReLU(0.2, inplace=True)


def relu() -> nn.Module:
    """The activation of the decoder."""
    return nn.ReLU(inplace=True)


def conv_bn(in_channels: int, channels: int) -> nn.Sequential:
    """A padded 3x3 convolution with bias, and batch normalisation."""
    return nn.Sequential(nn.Conv2d(in_channels, channels, 3, padding=1), nn.BatchNorm2d(channels))


class Level(nn.Module):
    """Convolution, residual, convolution: float[N, in_channels, H, W] to float[N, channels, H, W]."""

    def __init__(self, in_channels: int, channels: int, activation: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.enter = nn.Sequential(conv_bn(in_channels, channels), activation())
        inner = [layer for _ in range(2) for layer in (conv_bn(channels, channels), activation())]
        self.residual = nn.Sequential(*inner, conv_bn(channels, channels))
        self.leave = nn.Sequential(conv_bn(channels, channels), activation())

    def forward(self, x: Tensor) -> Tensor:
        """The sum is not rectified: ``leave`` sees negative values."""
        x = self.enter(x)
        return self.leave(x + self.residual(x))  # type: ignore[no-any-return]


def up_conv(in_channels: int, channels: int) -> nn.Sequential:
    """A 3x3 transposed convolution that doubles the size, batch normalisation and ReLU."""
    deconv = nn.ConvTranspose2d(in_channels, channels, 3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(deconv, nn.BatchNorm2d(channels), relu())


class FusionNet(nn.Module):
    """float[N, in_channels, H, W] to logits [N, classes, H, W]; both sides are multiples of 16.

    ``skip_scale`` multiplies the sum of a skip and what it joins.
    """

    def __init__(self, classes: int, *, width: float = 1.0, in_channels: int = 3, skip_scale: float = 1.0) -> None:
        super().__init__()
        widths = [scaled(w, width, LEAST) for w in WIDTHS]
        coarse_to_fine = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.down = nn.ModuleList(Level(i, o, leaky) for i, o in zip([in_channels, *widths], widths, strict=False))
        self.up = nn.ModuleList(up_conv(i, o) for i, o in coarse_to_fine)
        self.merge = nn.ModuleList(Level(o, o, relu) for _, o in coarse_to_fine)
        self.score = nn.Conv2d(widths[0], classes, 3, padding=1)
        self.skip_scale = skip_scale
        he_initialise(self)
        he_initialise(self.score, gain=1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits at the size of ``x``."""
        skips = []
        for number, level in enumerate(self.down):
            x = level(F.max_pool2d(x, 2) if number else x)
            skips.append(x)
        for up, merge, skip in zip(self.up, self.merge, skips[-2::-1], strict=True):
            x = merge(self.skip_scale * (up(x) + skip))
        return self.score(x)  # type: ignore[no-any-return]


def fusionnet(labels: LabelSpace, *, width: float = 1.0, in_channels: int = 3, skip_scale: float = 1.0) -> Segmenter:
    """FusionNet (Quan 2016). ``in_channels=1`` is the paper's, for grey tensors of your own; ``skip_scale=0.5`` is the port's."""
    network = FusionNet(len(labels.classes), width=width, in_channels=in_channels, skip_scale=skip_scale)
    inputs = ("rgb",) if in_channels == 3 else ("grey",)
    arguments = {"width": width, "in_channels": in_channels, "skip_scale": skip_scale}
    return Segmenter("fusionnet", network, labels, PAPER, input_rule=INPUT_RULE, inputs=inputs, arguments=arguments)
