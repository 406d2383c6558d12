"""DeconvNet: VGG16 with its fully connected layers, mirrored by transposed convolutions and unpooling.

Paper: Noh, Hong & Han, "Learning Deconvolution Network for Semantic Segmentation", ICCV 2015, arXiv 1505.04366.
Reference: github.com/HyeonwooNoh/DeconvNet (Caffe, ``stage_2_train.prototxt``).

As in the reference: every convolution has a bias, batch normalisation and ReLU; fc6 (7x7, valid), fc7 and the 7x7 fc6-deconv hold most of
the 252 million parameters, and a network without them is SegNet; all transposed convolutions have stride 1, only unpooling enlarges; the
last layer is a 1x1 convolution. There is no dropout in the prototxt.

What differs: whole images of any size, mirrored to multiples of 32 and at least 224, where the paper aggregates the scores of 50 object
proposals of 224x224; inputs normalised as torchvision's weights want them, where the Caffe weights want BGR bytes minus a mean; He's
initialisation; running statistics of batch normalisation stand in for the reference's recomputation after training.
"""

from __future__ import annotations

from torch import Tensor, nn

from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import he_initialise, max_unpool, scaled
from segbench.models.layers.vgg import LEAST, VGG16
from segbench.models.segmenter import InputRule, Paper, Segmenter

PAPER = Paper(
    "Learning Deconvolution Network for Semantic Segmentation", "H. Noh, S. Hong, B. Han", 2015, "https://arxiv.org/abs/1505.04366"
)
# After each unpooling, the coarsest first. The last of a group has the channels of the next pool's indices.
DECODER_WIDTHS = ((512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64), (64, 64))
# fc6 needs maps of 7x7, and fc6-deconv restores exactly what it took.
INPUT_RULE = InputRule(divisor=32, min_size=224)


def normalised(layer: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
    """A layer, batch normalisation and ReLU."""
    return [layer, nn.BatchNorm2d(layer.out_channels), nn.ReLU(inplace=True)]


def deconv_group(in_channels: int, widths: list[int]) -> nn.Sequential:
    """3x3 transposed convolutions of stride 1: the size stays."""
    layers: list[nn.Module] = []
    for channels in widths:
        layers += normalised(nn.ConvTranspose2d(in_channels, channels, 3, padding=1))
        in_channels = channels
    return nn.Sequential(*layers)


class DeconvNet(nn.Module):
    """float[N, 3, H, W] to logits [N, classes, H, W]; both sides are multiples of 32 and at least 224."""

    def __init__(self, classes: int, *, width: float = 1.0, head_channels: int = 4096) -> None:
        super().__init__()
        self.encoder = VGG16(bn=True, width=width)
        channels = self.encoder.channels[-1]
        self.head = nn.Sequential(
            *normalised(nn.Conv2d(channels, head_channels, 7)),
            *normalised(nn.Conv2d(head_channels, head_channels, 1)),
            *normalised(nn.ConvTranspose2d(head_channels, channels, 7)),
        )
        groups = []
        for widths in DECODER_WIDTHS:
            groups.append(deconv_group(channels, [scaled(w, width, LEAST) for w in widths]))
            channels = scaled(widths[-1], width, LEAST)
        self.decoder = nn.ModuleList(groups)
        self.score = nn.Conv2d(channels, classes, 1)
        he_initialise(self.head)
        he_initialise(self.decoder)
        he_initialise(self.score, gain=1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits at the size of ``x``."""
        stages = self.encoder(x)
        x = self.head(stages[-1].pooled)
        for stage, group in zip(reversed(stages), self.decoder, strict=True):
            x = group(max_unpool(x, stage.indices, stage.size))
        return self.score(x)  # type: ignore[no-any-return]


def deconvnet(labels: LabelSpace, *, width: float = 1.0, head_channels: int | None = None) -> Segmenter:
    """The network of the paper, on whole images. ``head_channels`` is the width of fc6 and fc7, by default ``4096 * width``."""
    head = scaled(4096, width) if head_channels is None else head_channels
    network = DeconvNet(len(labels.classes), width=width, head_channels=head)
    arguments = {"width": width, "head_channels": head_channels}
    return Segmenter("deconvnet", network, labels, PAPER, input_rule=INPUT_RULE, arguments=arguments)
