"""SegNet on VGG16: a decoder that puts each value back where the encoder's pool found its maximum.

Paper: Badrinarayanan, Kendall & Cipolla, "SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation", TPAMI 2017,
arXiv 1511.00561. Reference: github.com/alexgkendall/SegNet-Tutorial (Caffe, ``segnet_train.prototxt``).

As in the reference: every convolution has a bias, batch normalisation and ReLU, except the last, a 3x3 convolution straight to the classes;
the pooling indices are the only skip; pools round up, and unpooling is told the size before the pool, so any image fits (360x480 has
odd maps from stride 8 on: 45, 23, 12 rows).

What differs: inputs are normalised as torchvision's weights want them (the paper normalises local contrast, the released network not at
all); running statistics of batch normalisation stand in for the reference's recomputation after training.
"""

from __future__ import annotations

from torch import Tensor, nn

from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import he_initialise, max_unpool, scaled
from segbench.models.layers.vgg import LEAST, VGG16
from segbench.models.segmenter import Paper, Segmenter

PAPER = Paper(
    "SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation",
    "V. Badrinarayanan, A. Kendall, R. Cipolla",
    2017,
    "https://arxiv.org/abs/1511.00561",
)
# After each unpooling, the coarsest first. The last of a group has the channels of the next pool's indices.
DECODER_WIDTHS = ((512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64), (64,))


def conv_group(in_channels: int, widths: list[int]) -> nn.Sequential:
    """3x3 convolutions with bias, batch normalisation and ReLU."""
    layers: list[nn.Module] = []
    for channels in widths:
        layers += [nn.Conv2d(in_channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        in_channels = channels
    return nn.Sequential(*layers)


class SegNet(nn.Module):
    """float[N, 3, H, W] of any size to logits [N, classes, H, W]."""

    def __init__(self, classes: int, *, width: float = 1.0) -> None:
        super().__init__()
        self.encoder = VGG16(bn=True, ceil_mode=True, width=width)
        groups = []
        channels = self.encoder.channels[-1]
        for widths in DECODER_WIDTHS:
            groups.append(conv_group(channels, [scaled(w, width, LEAST) for w in widths]))
            channels = scaled(widths[-1], width, LEAST)
        self.decoder = nn.ModuleList(groups)
        self.score = nn.Conv2d(channels, classes, 3, padding=1)
        he_initialise(self.decoder)
        he_initialise(self.score, gain=1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits at the size of ``x``."""
        stages = self.encoder(x)
        x = stages[-1].pooled
        for stage, group in zip(reversed(stages), self.decoder, strict=True):
            x = group(max_unpool(x, stage.indices, stage.size))
        return self.score(x)  # type: ignore[no-any-return]


def segnet(labels: LabelSpace, *, width: float = 1.0) -> Segmenter:
    """The VGG16 network (not SegNet-Basic)."""
    return Segmenter("segnet", SegNet(len(labels.classes), width=width), labels, PAPER, arguments={"width": width})
