"""ENet, as its authors' Lua files define it.

Paper: Paszke, Chaurasia, Kim & Culurciello, "ENet: A Deep Neural Network Architecture for Real-Time Semantic Segmentation", arXiv
1606.02147. Reference: github.com/e-lab/ENet-training (Torch7, ``encoder.lua`` and ``decoder.lua``).

As in the reference: a bottleneck works on a quarter of its *output* channels; an encoder shortcut is max pooling and zeros in the new
channels, never a convolution; PReLU learns one slope per channel in the encoder, and the decoder has ReLU and no dropout; dropout drops
whole maps, 0.01 in the first five bottlenecks and 0.1 after; the two unpoolings take the indices of the bottlenecks' own pools, and the
initial block's pool is not undone: a 2x2 transposed convolution makes the last step. Ports with 351,660 (davidtvs) or other counts differ
in one or more of these.

What differs: nothing in the network. The reference trains the encoder first, on labels at 1/8; ``encoder_head=True`` adds that phase's
classifier as an auxiliary head instead, so that both are trained at once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.labels.space import LabelSpace
from segbench.models.layers.blocks import refuse_unless_divisible
from segbench.models.layers.layers import he_initialise, max_unpool, scaled
from segbench.models.segmenter import AuxLogits, InputRule, Paper, Segmenter, TrainingOutput

PAPER = Paper(
    "ENet: A Deep Neural Network Architecture for Real-Time Semantic Segmentation",
    "A. Paszke, A. Chaurasia, S. Kim, E. Culurciello",
    2016,
    "https://arxiv.org/abs/1606.02147",
)
WIDTHS = (16, 64, 128)
# One section at stride 8: dilation of each bottleneck's 3x3 convolution; None stands for the 1x5 and 5x1 pair. The network has two.
SECTION = (1, 2, None, 4, 1, 8, None, 16)
STRIDE = 8


def norm(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation with Torch7's epsilon."""
    return nn.BatchNorm2d(channels, eps=1e-3)


def main_conv(channels: int, dilation: int | None) -> list[nn.Module]:
    """A biased 3x3 convolution, or for ``None`` a 1x5 without bias and a biased 5x1 behind it (Lua writes the width first)."""
    if dilation is None:
        return [nn.Conv2d(channels, channels, (1, 5), padding=(0, 2), bias=False), nn.Conv2d(channels, channels, (5, 1), padding=(2, 0))]
    return [nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)]


class Initial(nn.Module):
    """float[N, 3, H, W] to [N, channels, H/2, W/2]: a convolution beside a pool of the image itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, channels - 3, 3, stride=2, padding=1)
        self.after = nn.Sequential(norm(channels), nn.PReLU(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Both halves side by side, normalised together."""
        return self.after(torch.cat([self.conv(x), F.max_pool2d(x, 2)], 1))  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    """An encoder block of ``channels`` channels at the size it gets."""

    def __init__(self, channels: int, dilation: int | None, dropout: float) -> None:
        super().__init__()
        inner = max(1, channels // 4)
        reduce = [nn.Conv2d(channels, inner, 1, bias=False), norm(inner), nn.PReLU(inner)]
        main = [*main_conv(inner, dilation), norm(inner), nn.PReLU(inner)]
        expand = [nn.Conv2d(inner, channels, 1, bias=False), norm(channels), nn.Dropout2d(dropout)]
        self.main = nn.Sequential(*reduce, *main, *expand)
        self.act = nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        """The residual, then the activation of the sum."""
        return self.act(x + self.main(x))  # type: ignore[no-any-return]


class Down(nn.Module):
    """An encoder block that halves the size. Its shortcut is a max pool whose new channels are zero."""

    def __init__(self, in_channels: int, channels: int, dropout: float) -> None:
        super().__init__()
        inner = max(1, channels // 4)
        self.new_channels = channels - in_channels
        reduce = [nn.Conv2d(in_channels, inner, 2, stride=2, bias=False), norm(inner), nn.PReLU(inner)]
        main = [*main_conv(inner, 1), norm(inner), nn.PReLU(inner)]
        expand = [nn.Conv2d(inner, channels, 1, bias=False), norm(channels), nn.Dropout2d(dropout)]
        self.main = nn.Sequential(*reduce, *main, *expand)
        self.act = nn.PReLU(channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The block's map, and where the pool found its maxima: int64[N, in_channels, H/2, W/2]."""
        pooled, indices = F.max_pool2d(x, 2, return_indices=True)
        shortcut = F.pad(pooled, (0, 0, 0, 0, 0, self.new_channels))
        return self.act(shortcut + self.main(x)), indices


class Up(nn.Module):
    """A decoder block. With ``upsample`` it doubles the size, and its shortcut is a projection that is unpooled; without, the identity."""

    def __init__(self, in_channels: int, channels: int, *, upsample: bool) -> None:
        super().__init__()
        inner = max(1, channels // 4)
        same = nn.ConvTranspose2d(inner, inner, 3, 2, 1, output_padding=1) if upsample else nn.Conv2d(inner, inner, 3, padding=1)
        reduce = [nn.Conv2d(in_channels, inner, 1, bias=False), norm(inner), nn.ReLU(inplace=True)]
        main = [same, norm(inner), nn.ReLU(inplace=True)]
        self.main = nn.Sequential(*reduce, *main, nn.Conv2d(inner, channels, 1, bias=False), norm(channels))
        self.project = nn.Sequential(nn.Conv2d(in_channels, channels, 1, bias=False), norm(channels)) if upsample else None

    def forward(self, x: Tensor, indices: Tensor | None = None) -> Tensor:
        """``indices`` are those of the pool to undo, with as many channels as this block's output."""
        residual = self.main(x)
        if self.project is not None and indices is not None:
            x = max_unpool(self.project(x), indices, (residual.shape[-2], residual.shape[-1]))
        return F.relu(x + residual)


class ENet(nn.Module):
    """float[N, 3, H, W], both sides multiples of 8, to logits [N, classes, H, W]."""

    def __init__(self, classes: int, *, width: float = 1.0, encoder_head: bool = False) -> None:
        super().__init__()
        # Three channels are the image's own, and a bottleneck needs one in its quarter.
        first, second, third = (max(4, scaled(w, width)) for w in WIDTHS)
        self.initial = Initial(first)
        self.down_1 = Down(first, second, 0.01)
        self.stage_1 = nn.Sequential(*(Bottleneck(second, 1, 0.01) for _ in range(4)))
        self.down_2 = Down(second, third, 0.1)
        self.stage_2 = nn.Sequential(*(Bottleneck(third, dilation, 0.1) for dilation in SECTION))
        self.stage_3 = nn.Sequential(*(Bottleneck(third, dilation, 0.1) for dilation in SECTION))
        self.up_2 = Up(third, second, upsample=True)
        self.stage_4 = nn.Sequential(*(Up(second, second, upsample=False) for _ in range(2)))
        self.up_1 = Up(second, first, upsample=True)
        self.stage_5 = Up(first, first, upsample=False)
        self.score = nn.ConvTranspose2d(first, classes, 2, stride=2)
        self.encoder_score = nn.Conv2d(third, classes, 1) if encoder_head else None
        self.training_only = ("encoder_score",) if encoder_head else ()
        he_initialise(self)
        he_initialise(self.score, gain=1)
        if self.encoder_score is not None:
            he_initialise(self.encoder_score, gain=1)

    def forward(self, x: Tensor) -> Tensor | TrainingOutput:
        """Logits at the size of ``x``. With the encoder's head, training gets its logits at 1/8 too, for labels reduced to that size.

        :raises ValueError: a side is not a multiple of 8.
        """
        refuse_unless_divisible(x, STRIDE, "ENet")
        x, fine = self.down_1(self.initial(x))
        x, coarse = self.down_2(self.stage_1(x))
        encoded = self.stage_3(self.stage_2(x))
        # The indices have the channels of the maps before the Down blocks: what the Up blocks give back.
        x = self.stage_4(self.up_2(encoded, coarse))
        logits = self.score(self.stage_5(self.up_1(x, fine)))
        if self.training and self.encoder_score is not None:
            return TrainingOutput(logits, (AuxLogits(self.encoder_score(encoded), resize="target"),))
        return logits  # type: ignore[no-any-return]


def enet(labels: LabelSpace, *, width: float = 1.0, encoder_head: bool = False) -> Segmenter:
    """The authors' network. ``encoder_head`` adds the classifier of their first training phase as an auxiliary head."""
    network = ENet(len(labels.classes), width=width, encoder_head=encoder_head)
    arguments = {"width": width, "encoder_head": encoder_head}
    return Segmenter("enet", network, labels, PAPER, input_rule=InputRule(divisor=STRIDE), arguments=arguments)
